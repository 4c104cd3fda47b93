"""The local hub from Python, against a client that knows nothing of azmqtt: ssl and packets by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

import azmqtt
from azmqtt import LocalHub, LocalNamespace

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = base64.b64encode(bytes(range(32))).decode()
TIMEOUT = 10


def _field(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("!H", len(data)) + data


def _packet(first: int, body: bytes) -> bytes:
    length, rest = b"", len(body)
    while True:
        rest, low = divmod(rest, 128)
        length += bytes([low | (0x80 if rest else 0)])
        if not rest:
            return bytes([first]) + length + body


def sign(resource: str, key: str, expiry: int) -> str:
    """Make a SAS token as the service's documentation describes it."""
    resource = quote(resource, safe="")
    digest = hmac.new(base64.b64decode(key), f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = quote(base64.b64encode(digest).decode(), safe="")
    return f"SharedAccessSignature sr={resource}&sig={signature}&se={expiry}"


class RawDevice:
    """A device that speaks by hand."""

    def __init__(self, hub: LocalHub, device_id: str, key: str, *, name: str = "localhost") -> None:
        context = ssl.create_default_context(cafile=hub.ca_file)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        plain = socket.create_connection(("127.0.0.1", hub.port), TIMEOUT)
        self.socket = context.wrap_socket(plain, server_hostname=name)
        token = sign(f"localhost/devices/{device_id}", key, int(time.time()) + 600)
        body = _field("MQTT") + bytes([4, 0xC2]) + struct.pack("!H", 60) + _field(device_id)
        body += _field(f"localhost/{device_id}/?api-version=2021-04-12") + _field(token)
        self.socket.sendall(_packet(0x10, body))
        self.code = self.read()[1][1]

    def read(self) -> tuple[int, bytes]:
        """Read a packet: its first byte and its body; a closed stream is an EOFError."""
        first, length, shift = self._exactly(1)[0], 0, 0
        while True:
            byte = self._exactly(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return first, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            chunk = self.socket.recv(count - len(data))
            if not chunk:
                raise EOFError
            data += chunk
        return data

    def publish(self, topic: str, body: bytes) -> None:
        """Publish at QoS 1 and wait for the PUBACK."""
        self.socket.sendall(_packet(0x32, _field(topic) + b"\0\7" + body))
        assert self.read() == (0x40, b"\0\7")

    def subscribe(self, filter_: str) -> None:
        self.socket.sendall(_packet(0x82, b"\0\1" + _field(filter_) + b"\0"))
        assert self.read() == (0x90, b"\0\1\0")

    def message(self) -> tuple[str, bytes]:
        """Read a message at QoS 0."""
        first, body = self.read()
        assert first == 0x30
        (length,) = struct.unpack_from("!H", body)
        return body[2 : 2 + length].decode(), body[2 + length :]

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as hub:
        hub.create_device("dev1", KEY)
        yield hub


@pytest.fixture
def device(hub: LocalHub) -> Iterator[RawDevice]:
    device = RawDevice(hub, "dev1", KEY)
    assert device.code == 0
    yield device
    device.close()


def test_a_message_is_recorded(hub: LocalHub, device: RawDevice) -> None:
    device.publish("devices/dev1/messages/events/$.mid=1&$.ct=application%2Fjson&k=v", b'{"t": 21.5}')
    (message,) = hub.wait_for_telemetry("dev1")
    assert message.json() == {"t": 21.5}
    assert (message.device_id, message.properties, message.sequence) == ("dev1", {"k": "v"}, 1)
    assert message.system_properties["message-id"] == "1"
    assert message.system_properties["content-type"] == "application/json"
    assert message.system_properties["iothub-connection-device-id"] == "dev1"
    assert abs((datetime.now(timezone.utc) - message.enqueued_time).total_seconds()) < TIMEOUT
    assert hub.telemetry() == [message]
    assert hub.telemetry_count() == hub.telemetry_count("dev1") == 1


def test_the_twin_goes_both_ways(hub: LocalHub, device: RawDevice) -> None:
    device.subscribe("$iothub/twin/PATCH/properties/desired/#")
    assert hub.patch_desired("dev1", {"fan": {"speed": 3}, "gone": None}) == 2
    topic, body = device.message()
    assert topic == "$iothub/twin/PATCH/properties/desired/?$version=2"
    assert json.loads(body) == {"fan": {"speed": 3}, "gone": None, "$version": 2}
    device.publish("$iothub/twin/PATCH/properties/reported/?$rid=1", b'{"fan":{"speed":3}}')
    twin = hub.twin("dev1")
    assert twin["properties"]["reported"]["fan"] == {"speed": 3}
    assert twin["connectionState"] == "Connected"


def test_none_deletes_all_desired_properties(hub: LocalHub, device: RawDevice) -> None:
    device.subscribe("$iothub/twin/PATCH/properties/desired/#")
    for patch, version, told in [
        ({"a": 1, "b": {"c": 2}}, 2, {"a": 1, "b": {"c": 2}}),
        (None, 3, {"a": None, "b": None}),
    ]:
        assert hub.patch_desired("dev1", patch) == version
        topic, body = device.message()
        assert topic == f"$iothub/twin/PATCH/properties/desired/?$version={version}"
        assert json.loads(body) == {**told, "$version": version}
    assert [key for key in hub.twin("dev1")["properties"]["desired"] if not key.startswith("$")] == []


REFUSED_IN_TWINS = [
    ({"a": [None]}, "is null"),
    ({"a": [{"b": None}]}, "is null"),
    ({"a#b": 1}, "'#'"),
    ({"a": 2**52}, "integer"),
    ({"a": -(2**64)}, "integer"),
]


@pytest.mark.parametrize(("value", "rule"), REFUSED_IN_TWINS)
def test_what_no_twin_takes(hub: LocalHub, value: dict, rule: str) -> None:
    with pytest.raises(ValueError, match=f"desired.*{rule}"):
        hub.patch_desired("dev1", value)
    for section, twin in [("tags", {"tags": value}), ("desired", {"properties": {"desired": value}})]:
        with pytest.raises(ValueError, match=f"{section}.*{rule}"):
            hub.create_enrollment("r", initial_twin=twin)


def test_a_cloud_message_arrives(hub: LocalHub, device: RawDevice) -> None:
    device.subscribe("devices/dev1/messages/devicebound/#")
    hub.send_c2d("dev1", "hello", {"$.mid": "m1", "k": "v"})
    topic, body = device.message()
    assert body == b"hello"
    assert topic.endswith("/%24.mid=m1&%24.to=%2Fdevices%2Fdev1%2Fmessages%2FdeviceBound&k=v")
    assert hub.pending_c2d("dev1") == 0


def test_a_wrong_key_is_refused(hub: LocalHub) -> None:
    device = RawDevice(hub, "dev1", base64.b64encode(b"wrong").decode())
    assert device.code == 5
    assert "signature" in (hub.last_refusal or "")
    device.close()


def test_connections_can_be_dropped(hub: LocalHub, device: RawDevice) -> None:
    hub.wait_for_connection("dev1")
    assert hub.connected("dev1")
    assert hub.disconnect("dev1")
    with pytest.raises((EOFError, ssl.SSLEOFError, ConnectionResetError)):
        device.read()
    hub.wait_for_connection("dev1", connected=False)
    assert not hub.disconnect("dev1")
    assert "dropped" in (hub.last_close("dev1") or "")
    assert hub.connection_count("dev1") == 1


def test_waits_end_in_time(hub: LocalHub) -> None:
    begun = time.monotonic()
    with pytest.raises(TimeoutError, match="0 of 3 messages"):
        hub.wait_for_telemetry("dev1", count=3, timeout=0.12)
    with pytest.raises(TimeoutError, match="dev1 did not connect"):
        hub.wait_for_connection("dev1", timeout=0.12)
    assert 0.2 < time.monotonic() - begun < 5


def test_a_wait_lets_other_threads_run(hub: LocalHub, device: RawDevice) -> None:
    sender = threading.Thread(target=device.publish, args=("devices/dev1/messages/events/", b"x"))
    sender.start()
    assert hub.wait_for_telemetry("dev1", timeout=TIMEOUT)[0].text == "x"
    sender.join()


@pytest.mark.skipif(os.name == "nt", reason="signals to oneself are a Unix thing")
def test_a_wait_can_be_interrupted(hub: LocalHub) -> None:
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    begun = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        hub.wait_for_telemetry("dev1", timeout=TIMEOUT)
    assert time.monotonic() - begun < 2


def test_errors_name_what_is_wrong(hub: LocalHub, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="nobody"):
        hub.twin("nobody")
    with pytest.raises(LookupError, match="nobody"):
        hub.wait_for_telemetry("nobody")
    with pytest.raises(ValueError, match="dev1 already exists"):
        hub.create_device("dev1")
    with pytest.raises(ValueError, match="device id"):
        hub.create_device("a b")
    with pytest.raises(ValueError, match="base64"):
        hub.create_device("dev2", "not base64!")
    with pytest.raises(ValueError, match="desired"):
        hub.patch_desired("dev1", {"a b": 1})
    with pytest.raises(ValueError, match="JSON"):
        hub.patch_desired("dev1", {"a": float("nan")})
    with pytest.raises(ValueError, match="65536"):
        hub.send_c2d("dev1", b"x" * 65_537)
    with pytest.raises(ValueError, match="port must be"):
        LocalHub(port=65_536)
    with pytest.raises(ValueError, match="disabled_return_code must be 3 or 5, not 4"):
        LocalHub(disabled_return_code=4)
    with pytest.raises(OSError, match=str(hub.port)):
        LocalHub(port=hub.port)
    state = tmp_path / "state"
    LocalHub(state=state).close()
    (state / "ca.pem").write_text("rubbish")
    with pytest.raises(ValueError, match=r"ca\.pem"):
        LocalHub(state=state)
    for _ in range(50):
        hub.send_c2d("dev1", b"")
    with pytest.raises(RuntimeError, match="50"):
        hub.send_c2d("dev1", b"")


def test_state_survives(tmp_path: Path) -> None:
    with LocalHub(state=tmp_path) as hub:
        made = hub.create_device("dev1")
        hub.patch_desired("dev1", {"a": 1})
        assert Path(hub.ca_file) == tmp_path / "ca.pem"
        ca = hub.ca_pem
    with LocalHub(state=tmp_path) as hub:
        assert hub.devices() == [made]
        assert hub.twin("dev1")["properties"]["desired"]["a"] == 1
        assert hub.ca_pem == ca == (tmp_path / "ca.pem").read_text()


def test_closing_ends_everything_and_can_be_repeated() -> None:
    hub = LocalHub()
    ca_file = Path(hub.ca_file)
    assert ca_file.read_text() == hub.ca_pem
    assert repr(hub) == f"<LocalHub localhost:{hub.port}, 0 devices>"
    hub.close()
    hub.close()
    assert not ca_file.exists()
    assert repr(hub) == "<LocalHub stopped, 0 devices>"
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", hub.port), TIMEOUT)


def test_keys_are_in_no_repr(hub: LocalHub) -> None:
    device = hub.create_device("dev2", KEY)
    assert KEY in device.connection_string
    assert KEY not in repr(device) + repr(hub)
    assert repr(device) == "LocalDevice(device_id='dev2')"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_leaves_the_hub_alone(hub: LocalHub) -> None:
    child = os.fork()
    if child == 0:
        hub.close()
        os._exit(0)
    deadline = time.monotonic() + TIMEOUT
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        assert time.monotonic() < deadline, "the child hangs"
        time.sleep(0.01)
    assert Path(hub.ca_file).exists()
    device = RawDevice(hub, "dev1", KEY)
    assert device.code == 0
    device.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_does_not_keep_the_state_directory(tmp_path: Path) -> None:
    hub = LocalHub(state=tmp_path)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    try:
        hub.close()
        LocalHub(state=tmp_path).close()
    finally:
        os.close(writing)
        os.waitpid(child, 0)
        os.close(reading)


def command(*arguments: str) -> subprocess.Popen[str]:
    code = (
        "import argparse, sys; from azmqtt._cli import hub as c; p = argparse.ArgumentParser();"
        "c.add_parser(p.add_subparsers()); a = p.parse_args(sys.argv[1:]); sys.exit(a.run(a))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, "hub", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_one_line_of_json_and_ends_on_a_signal(number: signal.Signals) -> None:
    process = command("--port", "0", "--device", "a", "--device", "b", "--device", "a", "--json")
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    assert sorted(ready) == [
        "ca_file",
        "devices",
        "hostname",
        "id_scope",
        "port",
        "provisioning_port",
        "provisioning_service_connection_string",
        "service_connection_string",
        "service_port",
        "websocket_port",
    ]
    assert [device["device_id"] for device in ready["devices"]] == ["a", "b"]
    ssl.create_default_context(cafile=ready["ca_file"])
    socket.create_connection(("127.0.0.1", ready["port"]), TIMEOUT).close()
    process.send_signal(number)
    out, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, out, err) == (0, "", "")
    assert not Path(ready["ca_file"]).exists()


def test_the_command_speaks_to_people() -> None:
    process = command("--port", "0")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(10)]
    process.terminate()
    out, _ = process.communicate(timeout=TIMEOUT)
    text = "".join(lines) + out
    assert "HostName=localhost;DeviceId=my-device;SharedAccessKey=" in text
    assert process.returncode == 0


@pytest.mark.parametrize("service", [LocalHub, LocalNamespace])
def test_a_place_that_this_process_holds_is_named(
    service: type[LocalHub | LocalNamespace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An interactive session has it, and there the second one takes the place: see the tests of notebooks.
    monkeypatch.delattr(sys, "ps1", raising=False)
    with service(state=tmp_path / "first") as first:
        with pytest.raises(OSError, match=rf"^port {first.port} is in use by <{service.__name__} .*> of this process"):
            service(port=first.port)
        with pytest.raises(OSError, match=rf"^the state directory .*first is in use by <{service.__name__} "):
            service(state=tmp_path / "first")
    service(state=tmp_path / "first").close()


def test_the_command_names_a_port_in_use(hub: LocalHub) -> None:
    process = command("--port", str(hub.port))
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert err == f"azmqtt hub: port {hub.port} of 127.0.0.1 is in use by another program\n"


@pytest.mark.parametrize("port", ["65536", "-1", "x", "\u0663"])
def test_the_command_refuses_what_is_no_port(port: str) -> None:
    process = command(f"--port={port}")
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 2
    assert "is not a port: 0 to 65535" in err


def test_a_client_is_made_for_a_device(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, object] = {}

    def make(connection_string: str, **options: object) -> None:
        made.update(options, connection_string=connection_string)

    monkeypatch.setattr(azmqtt.DeviceClient, "from_connection_string", staticmethod(make))
    hub.device_client("new", keep_alive=5)
    assert made == {
        "connection_string": hub.device("new").connection_string,
        "trust": hub.ca_file,
        "port": hub.port,
        "https_port": hub.websocket_port,
        "keep_alive": 5,
    }
