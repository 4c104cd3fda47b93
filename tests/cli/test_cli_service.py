"""The commands of back-end applications, in a process of their own, against a local hub's REST API."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest

SECRET = "c2VjcmV0IGtleSBvZiBhIHRlc3Q="


def run(*arguments, connection_string=None, text=""):
    """Run a command to its end: its exit code, what it printed, what it complained of."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("IOTHUB_", "AZMQTT_"))}
    if connection_string is not None:
        environment["IOTHUB_CONNECTION_STRING"] = connection_string
    command = [sys.executable, "-W", "error", "-m", "azmqtt", *map(str, arguments)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False, env=environment)
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stdout + done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def service(hub):
    """Runs a command as the hub's owner; what it printed."""

    def run_it(*arguments):
        code, out, err = run(*arguments, "--trust", hub.ca_file, connection_string=hub.service_connection_string)
        assert (code, err) == (0, "")
        return json.loads(out) if out else None

    return run_it


def test_identities(hub, service):
    key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    made = service("hub", "device-identity", "create", "-d", "cli-1", "--pk", key, "--sk", key, "--status", "disabled")
    assert (made["deviceId"], made["status"]) == ("cli-1", "disabled")
    assert f"SharedAccessKey={key}" in hub.device("cli-1").connection_string
    service("hub", "device-identity", "create", "-d", "cli-2")
    assert service("hub", "device-identity", "show", "-d", "cli-2")["authentication"]["type"] == "sas"
    listed = [device["deviceId"] for device in service("hub", "device-identity", "list")]
    assert {"cli-1", "cli-2"} <= set(listed)
    assert len(service("hub", "device-identity", "list", "--top", 1)) == 1


def test_identities_with_modules(hub, service):
    service("hub", "device-identity", "create", "-d", "cli-3")
    service("hub", "module-identity", "create", "-d", "cli-3", "-m", "m")
    assert service("hub", "module-identity", "show", "-d", "cli-3", "-m", "m")["moduleId"] == "m"
    assert [module["moduleId"] for module in service("hub", "module-identity", "list", "-d", "cli-3")] == ["m"]
    assert service("hub", "module-identity", "delete", "-d", "cli-3", "-m", "m") is None
    assert hub.modules("cli-3") == []
    service("hub", "device-identity", "delete", "-d", "cli-3")
    assert "cli-3" not in [device.device_id for device in hub.devices()]


def test_twins_and_a_query(hub, service, client):
    device_id = client.device_id
    twin = service("hub", "device-twin", "update", "-d", device_id, "--desired", '{"n": 5}', "--tags", '{"site": "x"}')
    assert twin["properties"]["desired"]["n"] == 5
    hub.assert_twin_desired(device_id, {"n": 5})
    assert service("hub", "device-twin", "show", "-d", device_id)["tags"] == {"site": "x"}
    twin = service("hub", "device-twin", "update", "-d", device_id, "--desired", "null")
    assert set(twin["properties"]["desired"]) == {"$metadata", "$version"}
    hub.create_module(device_id, "m")
    service("hub", "module-twin", "update", "-d", device_id, "-m", "m", "--desired", '{"of": "module"}')
    assert service("hub", "module-twin", "show", "-d", device_id, "-m", "m")["moduleId"] == "m"
    found = service("hub", "query", "-q", "SELECT deviceId FROM devices WHERE tags.site = 'x'")
    assert found == [{"deviceId": device_id}]
    hub.create_device()
    assert len(service("hub", "query", "-q", "SELECT * FROM devices", "--top", 1)) == 1


def test_methods(hub, service, client):
    @client.on_method("echo")
    def echo(request):
        return 201, {"got": request.payload}

    @client.on_method("raw")
    def raw(request):
        return 200, {"got": request.body.decode()}

    client.connect()
    hub.wait_for_connection(client.device_id)
    hub.invoke_method(client.device_id, "echo", connect_timeout=5)
    answer = service("hub", "invoke-device-method", "-d", client.device_id, "--mn", "echo", "--mp", '{"a": 1}')
    assert answer == {"status": 201, "payload": {"got": {"a": 1}}}
    options = ["--trust", hub.ca_file, "-l", hub.service_connection_string]
    # Nothing is read on the way: not in the argument, nor in the answer.
    payload = '{"z": 4.20, "a": 1e2, "n": 123456789012345678901234567890}'
    method = ["hub", "invoke-device-method", "-d", client.device_id, "--mn"]
    code, out, _ = run(*method, "raw", "--mp", payload, *options)
    assert (code, out) == (0, f'{{"status":200,"payload":{json.dumps({"got": payload}, separators=(",", ":"))}}}\n')
    code, out, err = run("hub", "invoke-device-method", "-d", hub.create_device().device_id, "--mn", "x", *options)
    assert (code, out) == (1, "")
    assert err.startswith("azmqtt: the hub answered 404: ")


def test_properties_of_a_message_need_not_be_ascii(hub, service):
    hub.create_device("umlaut")
    service("device", "c2d-message", "send", "-d", "umlaut", "--data", "x", "--props", "k=ü;l=日本")
    with hub.device_client("umlaut") as client:
        assert next(client.messages(timeout=10)).properties == {"k": "ü", "l": "日本"}


def test_messages(hub, service, client):
    device_id = client.device_id
    soon = datetime.now(timezone.utc) + timedelta(minutes=5)
    arguments = ["--ct", "application/json", "--ack", "full", "--expiry", int(soon.timestamp() * 1000)]
    sent = service(
        "device", "c2d-message", "send", "-d", device_id, "--data", '{"a": 1}', "-p", "kind=order;x=1", *arguments
    )
    with client.messages(timeout=5) as messages:
        message = next(iter(messages))
    assert (message.body, message.properties) == (b'{"a": 1}', {"kind": "order", "x": "1"})
    assert (message.message_id, message.content_type, message.ack) == (sent["message_id"], "application/json", "full")
    assert message.expiry.startswith(soon.strftime("%Y-%m-%dT%H:%M"))
    hub.create_device("waits")
    service("device", "c2d-message", "send", "-d", "waits", "--data", "x", "--mid", "m1")
    assert service("device", "c2d-message", "purge", "-d", "waits")["totalMessagesPurged"] == 1
    assert hub.pending_c2d("waits") == 0


def test_a_body_from_a_file_or_stdin(hub, tmp_path):
    device_id = hub.create_device().device_id
    file = tmp_path / "body"
    file.write_bytes(b"\xff\x00")
    options = ["--trust", hub.ca_file, "-d", device_id]
    owner = hub.service_connection_string
    assert run("device", "c2d-message", "send", *options, "--dfp", file, connection_string=owner)[0] == 0
    code, _, _ = run("device", "c2d-message", "send", *options, "--dfp", "-", text="text", connection_string=owner)
    assert code == 0
    with hub.device_client(device_id) as client, client.messages(timeout=5) as messages:
        bodies = iter(messages)
        assert [next(bodies).body, next(bodies).body] == [b"\xff\x00", b"text"]


def test_failures_are_one_line(hub):
    owner = hub.service_connection_string
    show = ["hub", "device-identity", "show", "-d", "nobody"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    parts = f"SharedAccessKeyName=iothubowner;SharedAccessKey={SECRET}"
    for arguments, connection_string, code, message in [
        ([*show, "--trust", hub.ca_file], owner, 1, "the hub answered 404: "),
        (show, owner, 1, f"localhost:{hub.service_port}: its certificate is not trusted"),
        (
            [*show, "--trust", hub.ca_file],
            f"HostName=localhost:{hub.service_port};{parts}",
            1,
            "the hub answered 401: ",
        ),
        (show, f"HostName=localhost:{port};{parts}", 1, f"localhost:{port}: "),
        (show, None, 2, "a connection string of the hub is needed"),
        (show, f"HostName=localhost;SharedAccessKey={SECRET}", 2, "has no SharedAccessKeyName"),
        (show, f"HostName=localhost:x;{parts}", 2, "a port that is not a number"),
        (["hub", "device-twin", "update", "-d", "d"], owner, 2, "nothing to change"),
        (["hub", "device-identity", "create", "-d", "d", "--pk", SECRET], owner, 2, "go together"),
        (["device", "c2d-message", "send", "-d", "d", "--data", "x", "-p", "A=b"], owner, 2, "small letters"),
        (["hub", "device-twin", "update", "-d", "d", "--desired", "{"], owner, 2, "--desired is not JSON"),
    ]:
        got, out, err = run(*arguments, connection_string=connection_string)
        assert (got, out, err.count("\n")) == (code, "", 1), err
        assert err.startswith("azmqtt: ")
        assert message in err
    assert run(*show, "-l", "-", "--trust", hub.ca_file, text=owner)[2].startswith("azmqtt: the hub answered 404")


def test_a_hub_that_never_answers():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        parts = f"HostName=127.0.0.1:{port};SharedAccessKeyName=p;SharedAccessKey={SECRET}"
        code, _, err = run("hub", "device-identity", "list", "--timeout", "0.3", connection_string=parts)
    assert (code, err) == (1, f"azmqtt: 127.0.0.1:{port}: no answer in time\n")
