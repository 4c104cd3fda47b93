"""`azmqtt hub monitor-events`: what arrives at a local hub, as JSON lines."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress

import pytest
import trustme

import azmqtt
from azmqtt._cli.main import main


@pytest.fixture
def connection(hub):
    """The options that lead to the hub."""
    return ["--login", hub.service_connection_string, "--trust", hub.ca_file]


@contextmanager
def monitoring(*arguments):
    """The command in a process of its own; `lines` of what it prints."""
    command = [sys.executable, "-u", "-W", "error", "-m", "azmqtt", "hub", "monitor-events", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def lines_of(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_what_is_kept(hub, connection, capsys):
    with hub.device_client("kept") as client, hub.device_client("kept", module_id="m") as module:
        client.send_message({"t": 1}, message_id="m1", properties={"k": "v"})
        client.send_message(b"\xff")
        module.send_message("text")
    command = ["hub", "monitor-events", *connection, "--since", "0", "--device-id", "kept"]
    assert main([*command, "--count", "3", "--timeout", "20"]) == 0
    first, second, third = lines_of(capsys)
    assert (first["device_id"], first["body"], first["properties"]) == ("kept", {"t": 1}, {"k": "v"})
    assert first["system_properties"]["message-id"] == "m1"
    assert second["body_base64"] == "/w=="
    assert (third["module_id"], third["body"]) == ("m", "text")
    # From an id on, by the other name of the command, and what a query selects of it.
    command = ["hub", "monitor", *connection, "--since", str(first["id"]), "-d", "kept", "--count", "2"]
    assert main([*command, "--timeout", "20", "--query", "body"]) == 0
    assert lines_of(capsys) == ["text"]


def test_what_comes_and_nothing_before(hub, connection):
    hub.create_device("live")
    with hub.device_client("live") as client:
        client.send_message("before")
        with monitoring(*connection, "-d", "live", "--count", 2) as process:
            # It says nothing when it is connected: the first that it prints may be any.
            stop = threading.Event()

            def send():
                number = 0
                while not stop.wait(0.02):
                    number += 1
                    client.send_message({"n": number})

            sender = threading.Thread(target=send)
            sender.start()
            out, err = process.communicate(timeout=30)
            stop.set()
            sender.join()
    first, second = map(json.loads, out.splitlines())
    assert (process.returncode, err) == (0, "")
    assert second["body"]["n"] == first["body"]["n"] + 1


def test_events_beside_telemetry(hub, connection, capsys):
    with hub.device_client("seen") as client:
        client.send_message("x")
        client.patch_reported_properties({"a": 1})
    command = ["hub", "monitor-events", *connection, "--events", "--since", "0", "-d", "seen", "--count", "5"]
    assert main([*command, "--timeout", "20"]) == 0
    found = {(line["kind"], line.get("type")) for line in lines_of(capsys)}
    assert {("telemetry", None), ("events", "connection.opened"), ("events", "twin.reported")} <= found


def test_too_few_come(hub, connection, capsys):
    hub.create_device("silent")
    command = ["hub", "monitor-events", *connection, "-d", "silent", "--timeout", "0.3"]
    assert main([*command, "--count", "2"]) == 1
    assert capsys.readouterr().err == "azmqtt: 0 of 2 came; none for 0.3 s\n"
    assert main(command) == 0


def test_it_goes_on_after_a_restart(tmp_path):
    state = tmp_path / "state"
    with azmqtt.LocalHub(state=state) as first:
        connection = ["--login", first.service_connection_string, "--trust", first.ca_file]
        port, service_port = first.port, first.service_port
        with monitoring(*connection, "--since", 0, "--count", 4) as process:
            with first.device_client("d") as client:
                client.send_messages(["1", "2", "3"])
            before = [json.loads(process.stdout.readline())["body"] for _ in range(3)]
            first.close()
            assert "lost the connection" in process.stderr.readline()
            with azmqtt.LocalHub(state=state, port=port, service_port=service_port) as second:
                with second.device_client("d") as client:
                    client.send_message("4")
                out, err = process.communicate(timeout=30)
    assert before == ["1", "2", "3"]
    # The ids of a run begin anew.
    assert [(line["id"], line["body"]) for line in map(json.loads, out.splitlines())] == [(1, "4")]
    assert "connected again" in err
    assert process.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for another process")
@pytest.mark.parametrize("how", ["ctrl-c", "pipe"])
def test_it_ends_cleanly(hub, connection, how):
    with hub.device_client("ending") as client, monitoring(*connection, "--since", 0, "-d", "ending") as process:
        client.send_message("x")
        assert json.loads(process.stdout.readline())["body"] == "x"
        if how == "ctrl-c":
            process.send_signal(signal.SIGINT)
        else:
            process.stdout.close()
            client.send_message("nobody reads it")
        process.wait(20)
        assert process.stderr.read() == ""
        assert process.returncode == {"ctrl-c": 130, "pipe": 1}[how]


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["--since", "x"], 2, "x is not the id of an event"),
        (["--timeout", "-1"], 2, "not a number of seconds"),
    ],
)
def test_wrong_usage(arguments, code, error, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["hub", "monitor-events", *arguments])
    assert ended.value.code == code
    assert error in capsys.readouterr().err


def test_azure_has_it_elsewhere(capsys):
    secret = "c2VjcmV0IGtleQ=="
    text = f"HostName=myhub.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={secret}"
    assert main(["hub", "monitor-events", "--login", text]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "over AMQP only" in error
    assert "az iot hub monitor-events" in error


def test_refusals_are_one_line(hub, connection, capsys):
    wrong = hub.policy_connection_string("device")
    assert main(["hub", "monitor-events", "--login", wrong, "--trust", hub.ca_file]) == 1
    error = capsys.readouterr().err
    assert "the hub answered 40" in error
    assert error.count("\n") == 1
    assert main(["hub", "monitor-events", *connection[:2]]) == 1
    assert "certificate is not trusted" in capsys.readouterr().err


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"id: 1\ndata: {\n\n", "not JSON"),
        (b"id: 1\ndata: []\n\n", "not an object"),
        (b"id: 1\ndata: \xff\n\n", "not UTF-8"),
        (b"x" * (5 << 20), "too long"),
    ],
    ids=["json", "object", "utf-8", "long"],
)
def test_what_no_hub_sends(body, error, capsys, tmp_path):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    roots = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(roots)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as stream:
                stream.recv(65536)
                # Who has seen enough of it closes the connection.
                with suppress(OSError):
                    stream.sendall(HEAD + body)

        server = threading.Thread(target=serve)
        server.start()
        port = listener.getsockname()[1]
        text = f"HostName=localhost:{port};SharedAccessKeyName=owner;SharedAccessKey=c2VjcmV0"
        assert main(["hub", "monitor-events", "--login", text, "--trust", str(roots)]) == 1
        server.join()
    assert error in capsys.readouterr().err


def test_the_messages_of_a_namespace(capsys):
    with azmqtt.LocalNamespace() as namespace:
        namespace.create_topic_space("all", ["#"])
        namespace.create_permission_binding("publish", permission="Publisher", topic_space_name="all")
        for name in ("sensor", "pump"):
            namespace.create_client(name)
            with namespace.mqtt_client(name) as client:
                client.publish(f"rooms/{name}", f'{{"of": "{name}"}}')
        options = ["--management-url", namespace.management_url, "--token", namespace.token]
        command = ["namespace", "monitor-events", *options, "--ca-file", namespace.ca_file, "--since", "0"]
        assert main([*command, "--topic", "rooms/+", "--count", "2", "--timeout", "20"]) == 0
        sensor, pump = lines_of(capsys)
        assert (sensor["client"], sensor["topic"], sensor["body"]) == ("sensor", "rooms/sensor", {"of": "sensor"})
        assert pump["client"] == "pump"
        assert main([*command, "-c", "pump", "--events", "--count", "2", "--timeout", "20", "--query", "kind"]) == 0
        assert set(lines_of(capsys)) == {"messages", "events"}
        wrong = ["namespace", "monitor", *options, "--token", "wrong", "--ca-file", namespace.ca_file]
        assert main(wrong) == 1
        assert "--token must be that of the namespace's ready line" in capsys.readouterr().err
