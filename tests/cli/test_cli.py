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
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.startswith("azmqtt: ")
    assert err.count("\n") == 1


def test_where_there_is_no_hub():
    text = f"HostName=localhost;DeviceId=d;SharedAccessKey={SECRET}"
    code, _, err = run("device-twin", "show", "--port", 1, connection_string=text)
    assert (code, err.count("\n")) == (1, 1)
    assert "TCP failed" in err
    code, _, err = run("device-twin", "show")
    assert code == 2
    assert "a connection string is needed" in err
    code, _, err = run("device-twin", "show", connection_string=f"HostName=x;SharedAccessKey={SECRET}")
    assert code == 2
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
    assert err.startswith("azmqtt device")
    assert "error: " in err
    assert err.endswith(" --help'.\n")
    assert err.count("\n") == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["hubb"], "azmqtt: error: unknown command hubb; did you mean hub?\n"),
        (["xyzzy"], "azmqtt: error: unknown command xyzzy; choose device, device-twin, generate-sas-token, "),
        (["hub", "device-twin", "shwo"], "azmqtt hub device-twin: error: unknown command shwo; did you mean show?\n"),
        (["hub", "device-twin", "x"], "azmqtt hub device-twin: error: unknown command x; choose show"),
        (["hub", "device-twin"], "azmqtt hub device-twin: error: a command is missing: show"),
        (["check", "-o", "jsn"], "azmqtt check: error: argument --output/-o: unknown choice jsn; did you mean json?\n"),
        (["check", "-o", "x"], "argument --output/-o: unknown choice x; choose text, table, json or jsonl\n"),
        (
            ["device-twin", "show", "--trst", "x"],
            "azmqtt device-twin show: error: unknown option --trst; did you mean --trust",
        ),
        (["hub", "--prot", "0"], "azmqtt hub: error: unknown option --prot; did you mean --port?"),
        (["hub", "--device", "d", "--xyzzy=1"], "azmqtt hub: error: unknown option --xyzzy\n"),
        (["--verison"], "azmqtt: error: unknown option --verison; did you mean --version?"),
    ],
)
def test_what_may_have_been_meant_is_named(arguments, complaint):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert complaint in err


def test_the_version():
    assert run("-V") == run("--version") == (0, f"azmqtt {azmqtt.__version__}\n", "")


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
        assert (code, out, err.count("\n")) == (2, "", 1)
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


@pytest.mark.parametrize(
    "arguments",
    [
        ["device", "send-d2c-message", "--data-file", "-", "-l", "-"],
        ["device-twin", "update", "--json", "-", "-l", "-"],
        ["device", "simulate", "--mrp", "-", "-l", "-"],
        ["generate-sas-token", "--key", "-", "-l", "-"],
    ],
)
def test_there_is_one_stdin(arguments):
    code, out, err = run(*arguments, text=f"HostName=localhost;DeviceId=d;SharedAccessKey={SECRET}\nmore")
    assert (code, out) == (2, "")
    assert "can be '-'" in err
    assert "--connection-string" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", [["device-twin", "show"], ["check"], ["generate-sas-token"]])
def test_a_missing_connection_string_is_wrong_usage(command):
    code, out, err = run(*command)
    assert (code, out) == (2, "")
    assert "IOTHUB_DEVICE_CONNECTION_STRING" in err
    assert err.count("\n") == 1
    code, _, err = run(*command, "-l", "-")
    assert code == 2
    assert "stdin contains no connection string" in err


def test_what_keeps_a_simulation_from_connecting_is_said_once():
    string = f"HostName=localhost;DeviceId=d;SharedAccessKey={SECRET}"
    code, out, err = run("device", "simulate", "--port", 1, connection_string=string)
    assert (code, out) == (1, "")
    assert err.startswith("azmqtt: TCP failed")
    assert err.count("\n") == 1


@pytest.mark.parametrize("status", ["x", "1.5", 2**31])
def test_the_status_of_simulated_methods_is_checked_at_once(status):
    code, _, err = run("device", "simulate", "--mrc", status, "-l", "never read")
    assert code == 2
    assert f"{status} is not a status" in err


def test_a_hub_that_goes_away_is_named_by_who_waits_for_messages():
    with azmqtt.LocalHub(record_packets=True) as hub:
        device = hub.create_device()
        arguments = ["--count", 2, "--port", hub.port, "--trust", hub.ca_file, "--timeout", 3]
        hub.send_c2d(device.device_id, "the first")
        process = start("device", "c2d-message", "receive", *arguments, connection_string=device.connection_string)
        # Whoever acknowledges a message has read the SUBACK before it.
        hub.wait_for_packet(device.device_id, kind="PUBACK", timeout=20)
    with process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "1 of 2 messages came; none for 3 s (" in err


@pytest.mark.parametrize("names", ["HostName DeviceId SharedAccessKey", "hostname deviceid SHAREDACCESSKEY"])
def test_a_token_from_a_connection_string(names):
    host, device, key = names.split()
    code, out, _ = run("generate-sas-token", "-l", f" {host}=h ; {device}=d;{key}={SECRET};")
    assert code == 0
    assert sas.parse(json.loads(out)["sas"]).resource == "h/devices/d"


@pytest.mark.parametrize(
    ("string", "words"),
    [
        (SECRET.rstrip("="), "part 1 is not of the form key=value"),
        (f"HostName=h;DeviceId=d;SharedAccessKey={SECRET};devicEid=e", "part 4 repeats an earlier name"),
    ],
)
def test_a_token_from_what_is_no_connection_string(string, words):
    code, out, err = run("generate-sas-token", "-l", string)
    assert (code, out) == (2, "")
    assert words in err
    assert SECRET.rstrip("=") not in err


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's way to close stdout")
def test_nobody_listens_from_the_start(device, hub):
    made, options = device
    command = [sys.executable, "-m", "azmqtt", "device", "send-d2c-message", "--data", "x", *map(str, options)]
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *command],
        env={**os.environ, "IOTHUB_DEVICE_CONNECTION_STRING": made.connection_string},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert hub.wait_for_telemetry(made.device_id, count=1, timeout=5)[0].body == b"x"


def test_warnings_are_lines(hub, device):
    made, options = device
    arguments = ["device", "send-d2c-message", *options, "--data", "x", "--props", "Temp=1;temp=2"]
    done = subprocess.run(
        [sys.executable, "-m", "azmqtt", *map(str, arguments)],
        env={**os.environ, "IOTHUB_DEVICE_CONNECTION_STRING": made.connection_string},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stderr.startswith('azmqtt: warning: the properties "Temp" and "temp" differ in case only')
    assert done.stderr.count("\n") == 1
