"""Identities, twins, jobs and configurations of a local hub, by the commands of back-end applications."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

import azmqtt
from azmqtt._cli.main import main

ONE, TWO, THREE = (letter * 43 + "=" for letter in "AEI")


@pytest.fixture
def service(hub, capsys, monkeypatch):
    """Runs a command as the hub's owner: its exit code, and what it printed, or its error."""
    monkeypatch.setenv("IOTHUB_CONNECTION_STRING", hub.service_connection_string)

    def run(*arguments):
        code = main([*map(str, arguments), "--trust", hub.ca_file])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return (code, printed.err) if code else (0, json.loads(printed.out) if printed.out else None)

    return run


@pytest.fixture(params=["device", "module"])
def target(request, hub):
    """A device or a module: its command, and the options with its ids."""
    device_id = hub.create_device().device_id
    if request.param == "device":
        return "device", ["-d", device_id]
    hub.create_module(device_id, "m")
    return "module", ["-d", device_id, "-m", "m"]


def keys(identity):
    return tuple(identity["authentication"]["symmetricKey"].values())


def test_keys_change(target, service):
    kind, ids = target
    command = f"{kind}-identity"
    assert keys(service("hub", command, "update", *ids, "--pk", ONE, "--sk", TWO)[1]) == (ONE, TWO)
    assert keys(service("hub", command, "update", *ids, "--sk", THREE)[1]) == (ONE, THREE)
    assert keys(service("hub", command, "renew-key", *ids, "--key-type", "swap")[1]) == (THREE, ONE)
    first, second = keys(service("hub", command, "renew-key", *ids, "--kt", "primary")[1])
    assert first not in (ONE, THREE)
    assert second == ONE
    assert not {first, second} & set(keys(service("hub", command, "renew-key", *ids, "--kt", "both")[1]))
    code, error = service("hub", command, "renew-key", *ids, "--kt", "swap", "--etag", "b2xk")
    assert code == 1
    assert "412" in error
    code, error = service("hub", command, "update", *ids)
    assert (code, error.startswith("azmqtt: nothing to change: --")) == (2, True)


def test_connection_strings_connect(target, hub, service):
    kind, ids = target
    _, identity = service("hub", f"{kind}-identity", "show", *ids)
    for number, key_type in enumerate(("primary", "secondary")):
        show = ("hub", f"{kind}-identity", "connection-string", "show", *ids, "--key-type", key_type)
        text = service(*show)[1]["connectionString"]
        assert text.endswith(f"SharedAccessKey={keys(identity)[number]}")
        with azmqtt.DeviceClient.from_connection_string(text, port=hub.port, trust=hub.ca_file) as client:
            client.connect()


def test_the_status_of_a_device(hub, service):
    device_id = hub.create_device().device_id
    update = ("hub", "device-identity", "update", "-d", device_id)
    _, identity = service(*update, "--status", "disabled", "--status-reason", "stolen")
    assert (identity["status"], identity["statusReason"]) == ("disabled", "stolen")
    _, again = service(*update, "--status", "enabled", "--etag", identity["etag"])
    assert again["status"] == "enabled"
    assert keys(again) == keys(identity)
    code, error = service(*update, "--status", "disabled", "--etag", identity["etag"])
    assert (code, "412" in error) == (1, True)


def test_other_credentials(service):
    create = ("hub", "device-identity", "create", "-d")
    _, made = service(*create, "x1", "--am", "x509_thumbprint", "--ptp", "AB" * 20, "--stp", "CD" * 20)
    assert made["authentication"]["type"] == "selfSigned"
    assert made["authentication"]["x509Thumbprint"]["secondaryThumbprint"] == "CD" * 20
    _, made = service(*create, "x2", "--auth-method", "x509_ca")
    assert made["authentication"]["type"] == "certificateAuthority"
    show = ("hub", "device-identity", "connection-string", "show", "-d", "x2")
    assert service(*show)[1] == {"connectionString": "HostName=localhost;DeviceId=x2;x509=true"}
    code, error = service("hub", "device-identity", "renew-key", "-d", "x2", "--kt", "swap")
    assert (code, error) == (1, "azmqtt: it has no keys: its authentication is certificateAuthority\n")
    assert service(*create, "x3", "--edge-enabled")[1]["capabilities"]["iotEdge"] is True
    code, error = service("hub", "device-identity", "show", "-d", "nobody")
    assert (code, error) == (1, "azmqtt: the hub answered 404: DeviceNotFound: nobody\n")


def test_a_twin_is_replaced(target, hub, service):
    kind, ids = target
    twin = (f"{kind}-twin", "replace", *ids)
    service("hub", f"{kind}-twin", "update", *ids, "--desired", '{"a": 1, "b": 2}', "--tags", '{"c": 3}')
    code, got = service("hub", *twin, "--json", '{"properties": {"desired": {"b": 4}}}')
    assert code == 0
    assert {name: value for name, value in got["properties"]["desired"].items() if name[0] != "$"} == {"b": 4}
    assert got["tags"] == {"c": 3}
    _, got = service("hub", *twin, "-j", '{"tags": {"d": 5}}', "--etag", got["etag"])
    assert got["tags"] == {"d": 5}
    code, error = service("hub", *twin, "-j", "{}", "--etag", "b2xk")
    assert (code, "412" in error) == (1, True)
    assert service("hub", *twin, "-j", "{")[0] == 2


def test_a_job_updates_twins(hub, service, tmp_path):
    ids = [hub.create_device().device_id for _ in range(2)]
    for device_id in ids:
        service("hub", "device-twin", "update", "-d", device_id, "--tags", '{"site": "lab"}')
    patch = tmp_path / "patch.json"
    patch.write_text('{"properties": {"desired": {"interval": 5}}}', encoding="utf-8")
    arguments = ["--job-id", "job1", "--job-type", "scheduleUpdateTwin", "-q", "tags.site = 'lab'"]
    wait = ["--wait", "--poll-interval", "0.05"]
    code, job = service("hub", "job", "create", *arguments, "--twin-patch", f"@{patch}", *wait)
    assert (code, job["status"]) == (0, "completed")
    assert job["deviceJobStatistics"]["succeededCount"] == 2
    for device_id in ids:
        hub.assert_twin_desired(device_id, {"interval": 5})
    assert service("hub", "job", "show", "--job-id", "job1")[1]["status"] == "completed"
    code, error = service("hub", "job", "cancel", "--job-id", "job1")
    assert (code, "405" in error) == (1, True)


def test_a_job_calls_methods(hub, service, client):
    client.on_method("flush")(lambda request: (200, request.payload))
    client.connect()
    hub.wait_for_connection(client.device_id)
    hub.invoke_method(client.device_id, "flush", connect_timeout=5)
    arguments = ["--job-id", "job2", "--jt", "scheduleDeviceMethod", "-q", f"deviceId = '{client.device_id}'"]
    method = ["--mn", "flush", "--mp", '{"now": true}', "--mct", "0", "--mrt", "10"]
    code, job = service("hub", "job", "create", *arguments, *method, "--wait", "--interval", "0.05")
    assert (code, job["status"], job["deviceJobStatistics"]["succeededCount"]) == (0, "completed", 1)
    found = service("hub", "job", "list", "--job-type", "scheduleDeviceMethod", "--job-status", "completed")[1]
    assert [job["jobId"] for job in found] == ["job2"]
    assert len(service("hub", "job", "list", "--top", "1")[1]) == 1


def test_a_job_that_waits_is_cancelled(service):
    start = (datetime.now(timezone.utc) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    patch = ["--patch", '{"tags": {}}']
    create = ["hub", "job", "create", "--jt", "scheduleUpdateTwin", "-q", "*", *patch, "--start", start]
    assert service(*create, "--job-id", "job3", "--ttl", "60")[1]["maxExecutionTimeInSeconds"] == 60
    code, error = service(*create, "--job-id", "job4", "--wait", "--duration", "0.1")
    assert (code, "after 0.1 s" in error) == (1, True)
    assert service("hub", "job", "cancel", "--job-id", "job3")[1]["status"] == "cancelled"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--jt", "scheduleUpdateTwin", "-q", "*"], "scheduleUpdateTwin needs --twin-patch"),
        (["--jt", "scheduleUpdateTwin", "--patch", "{}"], "scheduleUpdateTwin needs --query-condition"),
        (["--jt", "scheduleUpdateTwin", "-q", "*", "--patch", "{}", "--mn", "m"], "--method-name is not for"),
        (["--jt", "scheduleDeviceMethod", "-q", "*"], "scheduleDeviceMethod needs --method-name"),
        (["--jt", "scheduleUpdateTwin", "-q", "*", "--patch", "[]"], "--twin-patch must be an object"),
        (["--jt", "scheduleUpdateTwin", "-q", "*", "--patch", "{"], "--twin-patch is not JSON"),
        (["--jt", "scheduleUpdateTwin", "-q", "*", "--patch", "@/does/not/exist"], "/does/not/exist: No such file"),
    ],
)
def test_jobs_that_cannot_be(arguments, complaint, service):
    code, error = service("hub", "job", "create", "--job-id", "j", *arguments)
    assert code == 2
    assert complaint in error
    assert error.count("\n") == 1


def test_configurations(hub, service, tmp_path):
    hub.create_device("configured")
    service("hub", "device-twin", "update", "-d", "configured", "--tags", '{"line": 7}')
    content = tmp_path / "content.json"
    content.write_text('{"content": {"deviceContent": {"properties.desired.speed": {"max": 9}}}}', encoding="utf-8")
    create = ["hub", "configuration", "create", "-c", "c1", "--content", f"@{content}", "--tc", "tags.line = 7"]
    metrics = '{"metrics": {"queries": {"all": "SELECT deviceId FROM devices"}}}'
    code, made = service(*create, "--priority", "3", "--labels", '{"by": "test"}', "--metrics", metrics)
    assert (code, made["priority"], made["labels"]) == (0, 3, {"by": "test"})
    assert list(made["metrics"]["queries"]) == ["all"]
    hub.assert_twin_desired("configured", {"speed": {"max": 9}})
    _, changed = service("hub", "configuration", "update", "-c", "c1", "--pri", "5")
    assert (changed["priority"], changed["labels"], changed["targetCondition"]) == (5, {"by": "test"}, "tags.line = 7")
    code, error = service("hub", "configuration", "update", "-c", "c1", "--pri", "6", "--etag", made["etag"])
    assert (code, "412" in error) == (1, True)
    assert service("hub", "configuration", "show", "-c", "c1")[1]["priority"] == 5
    assert [found["id"] for found in service("hub", "configuration", "list")[1]] == ["c1"]
    assert service("hub", "configuration", "delete", "-c", "c1", "--etag", changed["etag"]) == (0, None)
    assert service("hub", "configuration", "list")[1] == []
    code, error = service("hub", "configuration", "create", "-c", "c2")
    assert (code, error) == (2, "azmqtt: a configuration needs --content\n")
