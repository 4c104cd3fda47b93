"""The management API of the local namespace: Microsoft's own SDK, unmodified, and files of resources."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import azmqtt
from environments import make_venv

SESSION = Path(__file__).parent / "management_session.py"
POLLER = SESSION.with_name("management_poller.py")

#: The stable version, and the newest preview.
SDKS = ["azure-mgmt-eventgrid==10.4.0", "azure-mgmt-eventgrid==10.5.0b1"]


def run_sdk(sdk: str, program: Path, namespace: azmqtt.LocalNamespace, *more: str) -> Any:
    """Run a program with a version of the SDK against a namespace; return what it prints."""
    # What it needs, and does not say in every version.
    python = make_venv(sdk, "azure-core", "isodate", "typing-extensions")
    arguments = [namespace.management_url, namespace.resource_id, namespace.token, namespace.ca_file, *more]
    done = subprocess.run([python, program, *arguments], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.timeout(420)
@pytest.mark.parametrize("sdk", SDKS)
def test_pollers_of_operations_that_last(sdk: str):
    with azmqtt.LocalNamespace(operation_time=2.5) as namespace:
        seen = run_sdk(sdk, POLLER, namespace)
    assert seen == {
        "creating": ["Creating", "InProgress", False],
        "created": ["Succeeded", ["a"], "Succeeded", "Succeeded"],
        "updating": ["Updating", False],
        "updated": [["b"], "Succeeded"],
        "deleting": ["InProgress", False],
        "deleted": ["Succeeded", []],
        "patching": ["Updating", False],
        "patched": ["Succeeded", {"a": "b"}],
    }


@pytest.mark.timeout(420)
@pytest.mark.parametrize("sdk", SDKS)
def test_azure_mgmt_eventgrid(sdk: str):
    """What the SDK sees, and what clients may do then."""
    with azmqtt.LocalNamespace() as namespace:
        seen = run_sdk(sdk, SESSION, namespace, namespace.ca_pem)
        with namespace.mqtt_client("client-a") as one, namespace.mqtt_client("client-b") as two:
            messages = two.messages(timeout=20)
            two.subscribe("contosotopics/topic1")
            one.publish("contosotopics/topic1", b"hello")
            assert next(messages).payload == b"hello"
    if "10.5" in sdk:
        assert seen.pop("sources") == ["ClientCertificateDns"]
    assert seen == {
        "namespace": ["azmqtt", "Microsoft.EventGrid/namespaces", "Enabled"],
        "listed": [namespace.resource_id],
        "in group": ["azmqtt"],
        "put": ["westus2", 3],
        "patched": [{"c": "d"}, "Succeeded"],
        "ca": ["contoso-ca", "Succeeded", True],
        "client": [
            "pump-07",
            {"floor": 7, "kind": "pump", "tags": ["a", "b"]},
            "SubjectMatchesAuthenticationName",
        ],
        "system data": True,
        "clients": 25,
        "filtered": ["client-20", "client-21", "client-22", "client-23", "client-24"],
        "group and space": ["attributes.kind = 'pump'", ["contosotopics/topic1"]],
        "bindings": ["contosopublisherbinding", "contososubscriberbinding"],
        "refused": {
            "absent": [400, "InvalidRequest"],
            "used": [409, "Conflict"],
            "missing": [404, "ResourceNotFound"],
            "elsewhere": [404, "ResourceNotFound"],
        },
        "deleted": [404, "ResourceNotFound"],
        "keys": True,
    }


AZ = shutil.which("az")


@pytest.mark.skipif(AZ is None, reason="there is no az (pip install azure-cli)")
@pytest.mark.timeout(180)
def test_az_rest(tmp_path: Path):
    """The command of the documentation: az, with the namespace's authority and token."""
    with azmqtt.LocalNamespace() as namespace:
        environment = {
            **os.environ,
            "REQUESTS_CA_BUNDLE": str(namespace.ca_file),
            "AZURE_CONFIG_DIR": str(tmp_path),
            "AZURE_CORE_COLLECT_TELEMETRY": "0",
        }

        def az(method: str, below: str, body: object = None) -> Any:
            url = f"{namespace.management_url}{namespace.resource_id}/{below}?api-version=2025-02-15"
            given = ["--skip-authorization-header", "--headers", f"Authorization=Bearer {namespace.token}"]
            given += [] if body is None else ["--body", json.dumps(body)]
            command = [AZ, "rest", "--method", method, "--url", url, *given]
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
                env=environment,
                stdin=subprocess.DEVNULL,
            )
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout or "null")

        space = {"properties": {"topicTemplates": ["contosotopics/topic1"]}}
        made = az("put", "topicSpaces/ContosoTopicSpace", space)
        assert made["properties"] == {**space["properties"], "provisioningState": "Succeeded"}
        assert [each["name"] for each in az("get", "topicSpaces")["value"]] == ["ContosoTopicSpace"]
        az("delete", "topicSpaces/ContosoTopicSpace")
        assert namespace.list_topic_spaces() == []


RESOURCES = {
    "topicSpaces": [{"name": "space", "properties": {"topicTemplates": ["a/#"]}}],
    "permissionBindings": [
        {
            "name": "binding",
            "properties": {"clientGroupName": "$all", "topicSpaceName": "space", "permission": "Publisher"},
        }
    ],
}

YAML = """
topicSpaces:
  - name: space
    properties: {topicTemplates: [a/#]}
permissionBindings:
  - name: binding
    properties: {clientGroupName: $all, topicSpaceName: space, permission: Publisher}
"""


@pytest.mark.parametrize("kind", ["dict", "json", "yaml"])
def test_resources_of_a_file(kind: str, tmp_path: Path):
    file = tmp_path / f"contoso.{kind}"
    if kind == "yaml":
        pytest.importorskip("yaml")
    file.write_text(YAML if kind == "yaml" else json.dumps(RESOURCES))
    with azmqtt.LocalNamespace() as namespace:
        namespace.apply(RESOURCES if kind == "dict" else file)
        with namespace.mqtt_client("client1") as client:
            client.publish("a/b", b"hello")


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("a.json", "{", "JSON"),
        ("a.json", '{"clients": [{"name": "a"}, {"name": "b", "properties": {"state": 1}}]}', r"clients\[1\]"),
        ("a.yaml", "clients: [", "a.yaml"),
        ("a.yaml", "clients: 2026-01-01", "clients"),
        ("a.yaml", "clients: !!binary aGk=", "a.yaml"),
        ("a.yml", "- a", "object"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(name: str, content: str, named: str, tmp_path: Path):
    if not name.endswith("json"):
        pytest.importorskip("yaml")
    file = tmp_path / name
    file.write_text(content)
    with azmqtt.LocalNamespace() as namespace, pytest.raises(ValueError, match=named):
        namespace.apply(file)


def test_resources_stay_in_the_state_directory(tmp_path: Path):
    with azmqtt.LocalNamespace(state=tmp_path / "state") as namespace:
        namespace.apply(RESOURCES)
        token = namespace.token
    with azmqtt.LocalNamespace(state=tmp_path / "state") as namespace:
        assert [space.name for space in namespace.list_topic_spaces()] == ["space"]
        assert namespace.token != token
        assert namespace.token not in repr(namespace)
