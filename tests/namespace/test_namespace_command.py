"""``azmqtt namespace`` and ``azmqtt demo namespace``, as other programs use them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import azmqtt
from azmqtt import _core

PAGE = Path(__file__).parents[2] / "docs" / "local-namespace.md"

AZMQTT = [sys.executable, "-W", "error", "-m", "azmqtt"]


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The command, and what its line of JSON says."""
    command = [*AZMQTT, "namespace", "--port", "0", "--https-port", "0", "--json", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.terminate()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*AZMQTT, *arguments], capture_output=True, text=True, timeout=50, check=False)


def test_the_line_is_the_contract_of_the_page():
    promised = dict(re.findall(r"^\| `(\w+)` \| (string|number)", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    kinds = {"string": str, "number": int}
    with running() as (process, ready):
        assert {name: type(value) for name, value in ready.items()} == {
            name: kinds[kind] for name, kind in promised.items()
        }
        process.terminate()
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")


def test_a_client_connects_with_its_files(tmp_path):
    options = ["--client", "client1", "--certificates", str(tmp_path), "--hostname", "127.0.0.1"]
    with running(*options, "--behaviour", "denied_subscribe=unspecified") as (_, ready):
        key = tmp_path / "client1-key.pem"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        with azmqtt.MqttClient(
            ready["hostname"],
            "session1",
            username="client1",
            port=ready["port"],
            trust=ready["ca_file"],
            certificate=tmp_path / "client1.pem",
            private_key=key,
        ) as client:
            # There is no topic space yet.
            with pytest.raises(azmqtt.SubscribeRefused) as refused:
                client.subscribe("a")
            assert refused.value.reason_codes == (0x80,)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_people_read_how_to_connect(tmp_path):
    command = [*AZMQTT, "namespace", "--port", "0", "--client", "client1", "--certificates", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        lines: list[str] = []
        assert process.stdout is not None
        while not lines or "client1-key.pem" not in lines[-1]:
            lines.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    text = "".join(lines)
    assert "Ctrl-C ends it" in text
    assert "PRIVATE KEY" not in text


@pytest.mark.skipif(not shutil.which("mosquitto_pub"), reason="mosquitto_pub is needed")
def test_the_line_for_another_shell_publishes(tmp_path):
    config = tmp_path / "namespace.json"
    binding = {"clientGroupName": "$all", "topicSpaceName": "rooms", "permission": "Publisher"}
    config.write_text(
        json.dumps(
            {
                "topicSpaces": [{"name": "rooms", "properties": {"topicTemplates": ["rooms/#"]}}],
                "permissionBindings": [{"name": "publishers", "properties": binding}],
            }
        )
    )
    options = ["--client", "client1", "--certificates", str(tmp_path / "a folder"), "--config", str(config)]
    (tmp_path / "a folder").mkdir()
    command = [*AZMQTT, "namespace", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if "mosquitto_pub" in line)
            done = subprocess.run(shlex.split(line), capture_output=True, text=True, timeout=50, check=False)
            assert (done.returncode, done.stderr) == (0, "")
        finally:
            process.terminate()
        _, life = process.communicate(timeout=20)
    assert 'message on rooms/a, QoS 1, 21 bytes: {"temperature": 21.5}' in life


def test_what_is_wrong_is_said_in_a_line():
    with azmqtt.LocalNamespace() as namespace:
        done = run("namespace", "--port", str(namespace.port), "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "in use" in done.stderr
    # A client may have the name of a command.
    done = run("namespace", "--client", "client", "--port", "70000")
    assert done.returncode == 2
    assert "70000 is not a port" in done.stderr
    for arguments in (["--behaviour", "nothing=1"], ["--behaviour", "nothing"], ["--units", "0"], ["--client", ""]):
        done = run("namespace", "--port", "0", "--json", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), done
        assert "Traceback" not in done.stderr


CONFIG = {
    "namespace": {"properties": {"topicSpacesConfiguration": {"maximumClientSessionsPerAuthenticationName": 3}}},
    "topicSpaces": [{"name": "space", "properties": {"topicTemplates": ["a/#"]}}],
    "permissionBindings": [
        {
            "name": "binding",
            "properties": {"clientGroupName": "$all", "topicSpaceName": "space", "permission": "Publisher"},
        }
    ],
}


def connect(ready: dict[str, Any], directory: Path, **options: Any) -> azmqtt.MqttClient:
    """A client for ``client1``, whose certificate is in a directory."""
    known = {"username": "client1", "port": ready["port"], "trust": ready["ca_file"]}
    files = {"certificate": directory / "client1.pem", "private_key": directory / "client1-key.pem"}
    return azmqtt.MqttClient(ready["hostname"], "client1", **{**known, **files, **options})


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_resources_come_from_a_file(kind, tmp_path):
    file = tmp_path / f"contoso.{kind}"
    if kind == "yaml":
        yaml = pytest.importorskip("yaml")
        file.write_text(yaml.safe_dump(CONFIG))
    else:
        file.write_text(json.dumps(CONFIG))
    client = ["--client", "client1", "--certificates", str(tmp_path)]
    with running("--config", str(file), *client) as (_, ready), connect(ready, tmp_path) as client1:
        client1.publish("a/b", b"hello")
        with pytest.raises(azmqtt.PublishRefused):
            client1.publish("b", b"hello")


def test_a_file_that_is_wrong_is_named(tmp_path):
    file = tmp_path / "contoso.json"
    for content, text in (("{", "JSON"), ('{"clients": [{"name": "a b"}]}', "clients[0]")):
        file.write_text(content)
        done = run("namespace", "--port", "0", "--json", "--config", str(file))
        assert (done.returncode, done.stdout) == (2, "")
        assert text in done.stderr
    done = run("namespace", "--port", "0", "--json", "--config", str(tmp_path / "missing.json"))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def upgrade(ready: dict[str, Any], origin: str) -> str:
    """Ask for a WebSocket as a web page does; return the first line of the answer."""
    context = ssl.create_default_context(cafile=ready["ca_file"])
    where = (ready["hostname"], ready["https_port"])
    with (
        socket.create_connection(where, timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=ready["hostname"]) as stream,
    ):
        stream.sendall(
            b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Protocol: mqtt\r\nOrigin: " + origin.encode() + b"\r\n\r\n"
        )
        with stream.makefile("rb") as answer:
            return answer.readline().decode().strip()


def test_web_pages_may_connect_from_where_it_is_allowed():
    with running("--allow-origin", "https://example.com") as (_, ready):
        assert upgrade(ready, "https://example.com") == "HTTP/1.1 101 Switching Protocols"
        assert upgrade(ready, "http://localhost:3000") == "HTTP/1.1 101 Switching Protocols"
        assert upgrade(ready, "https://example.org") == "HTTP/1.1 403 Forbidden"
    with azmqtt.LocalNamespace(allowed_origins=["https://example.org"]) as namespace:
        ready = {name: getattr(namespace, name) for name in ("hostname", "https_port", "ca_file")}
        assert upgrade(ready, "https://example.org").startswith("HTTP/1.1 101")
        assert upgrade(ready, "https://example.com").startswith("HTTP/1.1 403")
        assert "origin" in (namespace.last_refusal or "").lower()


def test_packets_are_shown_and_faults_happen(tmp_path):
    file = tmp_path / "contoso.json"
    file.write_text(json.dumps(CONFIG))
    options = ["--config", str(file), "--client", "client1", "--certificates", str(tmp_path), "--packets"]
    with running(*options, "--fault", "drop:on=publish,client_id=client1") as (process, ready):
        with connect(ready, tmp_path, retry=azmqtt.RetryPolicy(base=0.01)) as client:
            client.publish("a/b", b"arrives in the end")
            assert client.stats()["connections_lost"] == 1
        process.terminate()
        _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "client1, connection 1: CONNECT" in err.replace("→ ", "")
    assert "PUBLISH" in err
    done = run("namespace", "--port", "0", "--json", "--fault", "nothing")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing" in done.stderr


def test_a_webhook_elsewhere_has_to_be_allowed(tmp_path):
    webhook = {
        "endpointUrl": "https://webhook.example.com/",
        "azureActiveDirectoryApplicationIdOrUri": "api://webhook",
        "azureActiveDirectoryTenantId": "11111111-2222-3333-4444-555555555555",
    }
    configuration = {"state": "Enabled", "clientAuthentication": {"webhookAuthentication": webhook}}
    file = tmp_path / "contoso.json"
    file.write_text(json.dumps({"namespace": {"properties": {"topicSpacesConfiguration": configuration}}}))
    done = run("namespace", "--port", "0", "--json", "--config", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert "endpointUrl" in done.stderr
    with running("--config", str(file), "--allow-remote") as (_, ready):
        assert ready["port"]
    with azmqtt.LocalNamespace(allow_remote=True) as namespace:
        namespace.set_webhook("https://webhook.example.com/")
    with azmqtt.LocalNamespace() as namespace, pytest.raises(ValueError, match="machine"):
        namespace.set_webhook("https://webhook.example.com/")


def test_behaviours_are_listed():
    done = run("namespace", "--behaviours")
    assert done.returncode == 0
    assert "denied_subscribe=not-authorized|unspecified\n" in done.stdout


def test_every_step_of_the_demo_is_checked():
    done = run("demo", "namespace")
    assert done.returncode == 0, done.stdout + done.stderr
    steps = done.stdout.count("\n  ok ")
    assert steps == 15
    assert f"All {steps} steps checked." in done.stdout
    assert done.stderr == ""


def test_the_demo_of_a_namespace_has_no_connection_string():
    done = run("demo", "namespace", "--connection-string", "HostName=a")
    assert (done.returncode, done.stdout) == (2, "")


def test_the_page_has_every_behaviour():
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| (`[^|]+`) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    found = [(name, question, choices.strip("`").split("`, `")) for name, question, choices in rows]
    assert found == _core.namespace_behaviours()
