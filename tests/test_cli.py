"""The command, as people run it: in a process of its own, against a local hub."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

import azmqtt
from azmqtt import sas

SECRET = "c2VjcmV0IGtleSBvZiBhIHRlc3Q="


def start(*arguments, connection_string=None, **options):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("IOTHUB_", "AZMQTT_"))}
    if connection_string is not None:
        environment["IOTHUB_DEVICE_CONNECTION_STRING"] = connection_string
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "azmqtt", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        **options,
    )


def run(*arguments, connection_string=None, text=""):
    """Run a command to its end: its exit code, what it printed, what it complained of."""
    with start(*arguments, connection_string=connection_string) as process:
        try:
            out, err = process.communicate(text, timeout=30)
        finally:
            process.kill()
    assert "Traceback" not in err
    assert SECRET not in out + err
    return process.returncode, out, err


@pytest.fixture
def device(hub):
    """A device of its own, and the options that lead to its hub."""
    made = hub.create_device()
    return made, ["--port", hub.port, "--trust", hub.ca_file]


def test_send(hub, device, tmp_path):
    made, options = device
    arguments = [
        "device",
        "send-d2c-message",
        *options,
        "--props",
        "k=v;k2=a=b;$.ct=application/json",
        "--message-id",
        7,
    ]
    code, out, err = run(*arguments, "--data", '{"t":1}', connection_string=made.connection_string)
    assert (code, json.loads(out), err) == (0, {"device_id": made.device_id, "bytes": 7}, "")
    message = hub.wait_for_telemetry(made.device_id, count=1, timeout=5)[0]
    assert (message.body, message.properties) == (b'{"t":1}', {"k": "v", "k2": "a=b"})
    assert message.system_properties["content-type"] == "application/json"
    assert message.system_properties["message-id"] == "7"

    file = tmp_path / "body"
    file.write_bytes(b"\xff\x00")
    code, _, _ = run(
        "device", "send-d2c-message", "-l", "-", *options, "--data-file", file, "--qos", 0, text=made.connection_string
    )
    assert code == 0
    assert hub.wait_for_telemetry(made.device_id, count=2, timeout=5)[1].body == b"\xff\x00"


def test_receive(hub, device):
    made, options = device
    hub.send_c2d(made.device_id, '{"a": 1}', {"kind": "order"}, message_id="m1")
    hub.send_c2d(made.device_id, b"\xff")
    hub.send_c2d(made.device_id, "plain")
    arguments = ["device", "c2d-message", "receive", *options]
    code, out, err = run(*arguments, "--count", 2, connection_string=made.connection_string)
    first, second = map(json.loads, out.splitlines())
    assert (code, err) == (0, "")
    assert (first["data"], first["properties"], first["message_id"]) == ({"a": 1}, {"kind": "order"}, "m1")
    assert second["data_base64"] == "/w=="
    code, out, _ = run(*arguments, "--count", 0, "--timeout", 1, connection_string=made.connection_string)
    assert (code, json.loads(out)["data"]) == (0, "plain")
    assert hub.pending_c2d(made.device_id) == 0
    code, out, err = run(*arguments, "--timeout", 0.5, connection_string=made.connection_string)
    assert (code, out) == (1, "")
    assert "0 of 1 messages" in err


def test_simulate(hub, device):
    made, options = device
    arguments = ["device", "simulate", *options, "--msg-count", 2, "--msg-interval", 1, "--method-response-code", 202]
    with start(*arguments, "--data", '{"n": {{n}}}', connection_string=made.connection_string) as process:
        try:
            answer = hub.invoke_method(made.device_id, "reboot", {"now": True}, connect_timeout=20)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, err) == (0, "")
    events = [json.loads(line) for line in out.splitlines()]
    assert events[0] == {"event": "connected", "device_id": made.device_id, "hostname": "localhost"}
    assert [event["n"] for event in events if event["event"] == "sent"] == [1, 2]
    assert {"event": "method", "name": "reboot", "payload": {"now": True}, "status": 202} in events
    assert (answer.status, answer.payload) == (202, {"now": True})
    assert [message.json() for message in hub.telemetry(made.device_id)] == [{"n": 1}, {"n": 2}]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for another process")
def test_ctrl_c(hub, device):
    made, options = device
    process = start("device", "simulate", *options, "--msg-count", 0, connection_string=made.connection_string)
    with process:
        try:
            assert process.stdout is not None
            assert "connected" in process.stdout.readline()
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (process.returncode, err) == (130, "")
    assert time.monotonic() - began < 5


def test_twin(hub, device, tmp_path):
    made, options = device
    hub.patch_desired(made.device_id, {"interval": 5})
    secret = {"connection_string": made.connection_string}
    code, out, _ = run("device-twin", "update", *options, "--json", '{"a": {"b": 1}}', **secret)
    assert (code, json.loads(out)) == (0, {"version": 2})
    file = tmp_path / "patch.json"
    file.write_text('{"a": {"b": null, "c": "ü"}}', encoding="utf-8")
    code, out, _ = run("device-twin", "update", *options, "-j", f"@{file}", "--if-version", 2, **secret)
    assert (code, json.loads(out)) == (0, {"version": 3})
    code, out, _ = run("device-twin", "show", *options, **secret)
    expected = {"desired": {"interval": 5, "$version": 2}, "reported": {"a": {"c": "ü"}, "$version": 3}}
    assert (code, json.loads(out)) == (0, expected)
    code, _, err = run("device-twin", "update", *options, "-j", "{}", "--if-version", 1, **secret)
    assert code == 1
    assert "412" in err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["device-twin", "update", "--json", "{"], "--json is not JSON"),
        (["device-twin", "update", "--json", '{"a.b": 1}'], "a.b"),
        (["device-twin", "update", "--json", "@/does/not/exist"], "/does/not/exist: No such file"),
        (["device", "send-d2c-message", "--data", "x", "--props", "novalue"], "--props"),
        (["device", "send-d2c-message", "--data-file", "/does/not/exist"], "No such file"),
        (["device", "simulate", "--method-response-payload", "{"], "is not JSON"),
    ],
)
def test_bad_input(device, arguments, complaint):
    made, options = device
    code, out, err = run(*arguments, *options, connection_string=made.connection_string)
    assert (code, out) == (1, "")
    assert complaint in err
    assert err.startswith("azmqtt: ")
    assert err.count("\n") == 1


def test_where_there_is_no_hub():
    text = f"HostName=localhost;DeviceId=d;SharedAccessKey={SECRET}"
    code, _, err = run("device-twin", "show", "--port", 1, connection_string=text)
    assert (code, err.count("\n")) == (1, 1)
    assert "TCP failed" in err
    code, _, err = run("device-twin", "show")
    assert code == 1
    assert "a connection string is needed" in err
    code, _, err = run("device-twin", "show", connection_string=f"HostName=x;SharedAccessKey={SECRET}")
    assert code == 1
    assert "DeviceId" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["device"],
        ["device", "c2d-message"],
        ["device-twin", "update"],
        ["device-twin", "show", "--port", "0"],
        ["device-twin", "show", "--timeout", "-1"],
        ["device", "send-d2c-message", "--data", "x", "--qos", "2"],
        ["device", "send-d2c-message", "--data", "x", "--data-file", "y"],
        ["device", "simulate", "--msg-count", "-1"],
        ["device", "simulate", "--receive-settle", "reject"],
    ],
)
def test_wrong_usage(arguments):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "usage: azmqtt" in err


def test_tokens(hub):
    made = hub.create_device()
    key = made.connection_string.split("SharedAccessKey=")[1]
    options = ["--duration", 60]
    for arguments, given in [
        ([], {"connection_string": made.connection_string}),
        (["-l", "-"], {"text": made.connection_string}),
        (["--hostname", "localhost", "--device-id", made.device_id, "--key", "-"], {"text": key}),
    ]:
        code, out, err = run("generate-sas-token", *arguments, *options, **given)
        assert (code, err) == (0, "")
        token = json.loads(out)["sas"]
        assert sas.parse(token).resource == f"localhost/devices/{made.device_id}"
        with azmqtt.DeviceClient.from_sas_token(token, trust=hub.ca_file, port=hub.port) as client:
            client.connect()
    code, out, _ = run("generate-sas-token", "-n", "myhub", "--pn", "service", "--key", "-", text=key)
    parsed = sas.parse(json.loads(out)["sas"])
    assert (code, parsed.resource, parsed.policy) == (0, "myhub.azure-devices.net", "service")
    for arguments in (["-n", "h", "--key", "-"], ["-n", "h", "-d", "d"], ["-n", "h", "-m", "m", "--key", "-"]):
        code, out, err = run("generate-sas-token", *arguments, text=key)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert key not in err


def test_a_reader_that_goes(device):
    made, options = device
    with start("device-twin", "show", *options, connection_string=made.connection_string) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(timeout=20)
    assert process.returncode in (0, 1)
    assert "Traceback" not in err
    assert "Exception" not in err


def test_check(hub, device):
    made, options = device
    code, out, err = run("check", *options, connection_string=made.connection_string)
    assert (code, err) == (0, "")
    assert [line[8:22].strip() for line in out.splitlines() if line.startswith("ok")] == [
        "DNS",
        "TCP",
        "TLS",
        "credentials",
        "MQTT CONNECT",
    ]
    assert "azmqtt local hub test authority" in out
    options = ["--websocket", "--port", hub.websocket_port, "--trust", hub.ca_file]
    code, out, err = run("check", *options, "-o", "json", "-l", "-", text=made.connection_string)
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert report["ok"]
    assert [step["step"] for step in report["steps"]][-1] == "MQTT CONNECT"
    assert made.connection_string.split("SharedAccessKey=")[1] not in out


def test_check_says_what_fails(hub, device):
    made, options = device
    code, out, err = run("check", "--port", hub.port, connection_string=made.connection_string)
    assert (code, err) == (1, "azmqtt: the connection fails at TLS\n")
    assert "issued by CN=azmqtt local hub test authority" in out
    assert "--trust" in out
    code, out, err = run("check", "--port", 1, connection_string=made.connection_string)
    assert (code, err) == (1, "azmqtt: the connection fails at TCP\n")
    other = made.connection_string.split("SharedAccessKey=")[0] + f"SharedAccessKey={SECRET}"
    code, out, err = run("check", *options, "-o", "json", connection_string=other)
    assert (code, err) == (1, "azmqtt: the connection fails at MQTT CONNECT\n")
    assert "CONNACK 5" in json.loads(out)["steps"][-1]["detail"]
    code, out, err = run(
        "check", *options, "--proxy", f"http://127.0.0.1:{hub.websocket_port}", connection_string=made.connection_string
    )
    assert (code, err) == (1, "azmqtt: the connection fails at proxy\n")


def test_check_of_a_server_that_hangs(device):
    made, _ = device
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code, out, err = run("check", "--port", port, "--timeout", 1, connection_string=made.connection_string)
    assert (code, err) == (1, "azmqtt: the connection fails at TLS\n")
    assert "the check's time" in out
