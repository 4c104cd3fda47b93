"""The drop-in before peers that are not the usual broker: MQTT 3.1, Unix sockets, odd topics and WebSocket servers."""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import paho.mqtt.client
import pytest

import azmqtt.paho.client as mqtt
from azmqtt.paho import matcher, packettypes, properties, publish, subscribe
from mosquitto import Mosquitto, needs_mosquitto
from paho_apps import App

CONNACK = b"\x20\x02\0\0"


class Peer:
    """The other end of a connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.send = sock.sendall

    def exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            chunk = self._sock.recv(count - len(data))
            assert chunk, "the client closed the connection"
            data += chunk
        return data

    def packet(self) -> bytes:
        """A packet of less than 128 bytes."""
        head = self.exactly(2)
        return head + self.exactly(head[1])

    def until(self, end: bytes) -> bytes:
        data = b""
        while not data.endswith(end):
            data += self.exactly(1)
        return data


@contextmanager
def serving(serve: Callable[[Peer], None], address: Any = ("127.0.0.1", 0), **options: Any) -> Iterator[Any]:
    """Has one connection served on a thread. Yields the address, and at the end raises what went wrong there."""
    errors: list[BaseException] = []
    with socket.socket(options.get("family", socket.AF_INET)) as listener:
        listener.settimeout(20)
        listener.bind(address)
        listener.listen()

        def run() -> None:
            try:
                sock, _ = listener.accept()
                sock.settimeout(20)
                with sock:
                    serve(Peer(sock))
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        yield listener.getsockname()
        thread.join(20)
    if errors:
        raise errors[0]


def field(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


@needs_mosquitto
def test_mqtt_3_1(tmp_path: Path):
    with Mosquitto(tmp_path) as broker, App("three", protocol=mqtt.MQTTv31, clean_session=False) as app:
        assert app.client.protocol == mqtt.MQTTv31
        app.connect(broker.port)
        app.subscribe("a/+")
        app.client.publish("a/b", "x", 1).wait_for_publish(15)
        assert app.wait("message").payload == b"x"


@pytest.mark.parametrize(
    ("options", "login", "rest"),
    [
        ({"protocol": mqtt.MQTTv31}, ("u", "p"), b"\x03\xc2\0\x3c" + field(b"c") + field(b"u") + field(b"p")),
        ({"protocol": mqtt.MQTTv311}, ("", ""), b"\x04\xc2\0\x3c" + field(b"c") + field(b"") + field(b"")),
        ({}, ("", None), b"\x04\x82\0\x3c" + field(b"c") + field(b"")),
        ({}, ("u", ""), b"\x04\xc2\0\x3c" + field(b"c") + field(b"u") + field(b"")),
        ({}, ("u", b"\xff\0"), b"\x04\xc2\0\x3c" + field(b"c") + field(b"u") + field(b"\xff\0")),
        ({}, (None, None), b"\x04\x02\0\x3c" + field(b"c")),
    ],
)
def test_what_connect_says(options: dict[str, Any], login: tuple[Any, Any], rest: bytes):
    seen = []
    with serving(lambda peer: seen.append(peer.packet())) as (_, port):
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "c", **options)
        client.username_pw_set(*login)
        client.connect("127.0.0.1", port)
    name = b"MQIsdp" if "protocol" in options and options["protocol"] == mqtt.MQTTv31 else b"MQTT"
    assert seen[0][2:] == field(name) + rest


def test_a_client_id_of_mqtt_3_1_is_made_up_here():
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv31)
    assert 1 <= len(client._client_id) <= 23


@pytest.mark.skipif(sys.platform == "win32", reason="there are no Unix sockets in Python on Windows")
def test_a_unix_socket(tmp_path: Path):
    def serve(peer: Peer) -> None:
        assert peer.packet()[0] == 0x10
        peer.send(CONNACK)
        assert peer.packet() == b"\x30\x04" + field(b"a") + b"x"
        assert peer.packet() == b"\xe0\0"

    path = str(tmp_path / "broker")
    with serving(serve, path, family=socket.AF_UNIX):
        app = App(transport="unix")
        app.client.connect(path)
        app.client.loop_start()
        app.wait("connect")
        app.client.publish("a", "x").wait_for_publish(15)
        app.client.disconnect()
        app.client.loop_stop()
    for missing, error in ((str(tmp_path / "none"), FileNotFoundError), (path, ConnectionRefusedError)):
        with pytest.raises(error):
            app.client.connect(missing)


@pytest.mark.parametrize("topic", [b"\xff", b"", b"a\0b", b"a/+", b"#"])
def test_a_topic_that_is_none_costs_that_message_alone(topic: bytes):
    def serve(peer: Peer) -> None:
        peer.packet()
        peer.send(CONNACK + b"\x30" + bytes([len(topic) + 3]) + field(topic) + b"0")
        peer.send(b"\x33" + bytes([len(topic) + 5]) + field(topic) + b"\0\x07" + b"1")
        assert peer.packet() == b"\x40\x02\0\x07"
        peer.send(b"\x30\x06" + field(b"good"))
        assert peer.packet() == b"\xe0\0"

    with serving(serve) as (_, port):
        app = App()
        logged = []
        app.client.on_log = lambda _client, _userdata, level, text: logged.append((level, text))
        app.connect(port)
        assert app.wait("message").topic == "good"
        app.client.disconnect()
        app.client.loop_stop()
    assert len([text for level, text in logged if level == mqtt.MQTT_LOG_WARNING and "dropped" in text]) == 2
    assert [event for event, _ in app.events] == ["connect", "message", "disconnect"]


@pytest.mark.parametrize("packet", [b"\x35\x05\0\x01\xff\0\x01", b"\x32\x03\0\x01\xff", b"\x36\x05\0\x01\xff\0\x01"])
def test_what_else_is_wrong_ends_the_connection(packet: bytes):
    def serve(peer: Peer) -> None:
        peer.packet()
        peer.send(CONNACK + packet)
        with pytest.raises((AssertionError, ConnectionError)):
            peer.exactly(1)

    with serving(serve) as (_, port):
        app = App(reconnect_on_failure=False).connect(port)
        assert app.wait("disconnect") == "Protocol error"


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()  # RFC 6455 §4.2.2


def upgraded(peer: Peer, protocol: str | None) -> str:
    """Answers an upgrade. Returns the path."""
    request = peer.until(b"\r\n\r\n").decode()
    key = next(line.split(": ")[1] for line in request.splitlines() if line.lower().startswith("sec-websocket-key"))
    accept = base64.b64encode(_sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")).decode()
    answer = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    answer.append(f"Sec-WebSocket-Accept: {accept}")
    if protocol is not None:
        answer.append(f"Sec-WebSocket-Protocol: {protocol}")
    peer.send(("\r\n".join(answer) + "\r\n\r\n").encode())
    return request.split()[1]


@pytest.mark.parametrize("protocol", ["mqtt", "mqttv3.1", "chat", None])
@pytest.mark.parametrize(("path", "asked"), [(None, "/mqtt"), ("/ws", "/ws")])
def test_websocket_servers(protocol: str | None, path: str | None, asked: str):
    def serve(peer: Peer) -> None:
        assert upgraded(peer, protocol) == asked
        assert peer.exactly(2)[0] == 0x82
        peer.send(b"\x82\x04" + CONNACK)
        peer.until(b"")

    with serving(serve) as (_, port):
        app = App(transport="websockets")
        app.client.ws_set_options(path)
        app.client.connect("127.0.0.1", port)
        app.client.loop_start()
        app.wait("connect")
        app.client.disconnect()
        app.client.loop_stop()


def test_attributes_that_can_be_set():
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "c")
    for name, wrong in (("host", ""), ("port", 0), ("port", 65_536), ("keepalive", -1), ("transport", "serial")):
        with pytest.raises(ValueError, match=name):
            setattr(client, name, wrong)

    def serve(peer: Peer) -> None:
        assert peer.packet()[10:12] == b"\0\x07"
        peer.until(b"")

    with serving(serve) as (_, port):
        client.host, client.port, client.keepalive, client.transport = "127.0.0.1", port, 7, "TCP"
        assert (client.host, client.port, client.keepalive, client.transport) == ("127.0.0.1", port, 7, "tcp")
        client.reconnect()
        for name in ("host", "port", "keepalive", "transport"):
            with pytest.raises(RuntimeError, match=f"^{name} cannot be changed"):
                setattr(client, name, getattr(client, name))
    client.disconnect()
    client.host = "elsewhere"


#: Names that `paho.mqtt.client` has by the way, and those of MQTT 5.
NOT_THERE = {
    *("EAGAIN", "HAVE_DNS", "TYPE_CHECKING", "annotations", "cast", "overload", "sockpair_data", "socks", "time_func"),
    *("Any", "Callable", "Iterator", "Literal", "NamedTuple", "Sequence", "Union"),
    *("MalformedPacket", "SubscribeOptions"),
}


def test_every_name_of_paho_s_is_there():
    theirs = {
        name
        for name, value in vars(paho.mqtt.client).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert {name for name in theirs if not hasattr(mqtt, name)} <= NOT_THERE
    assert packettypes.PacketTypes is mqtt.PacketTypes
    assert properties.Properties is mqtt.Properties


def test_the_matcher():
    values: matcher.MQTTMatcher[int] = matcher.MQTTMatcher()
    values["a/+"], values["a/#"], values["b"] = 1, 2, 3
    assert sorted(values.iter_match("a/b")) == [1, 2]
    del values["a/+"]
    assert (list(values.iter_match("a/b")), values["b"]) == ([2], 3)
    with pytest.raises(KeyError):
        values["a/b"]


@needs_mosquitto
def test_publish_and_subscribe_for_once(tmp_path: Path):
    with Mosquitto(tmp_path) as broker:
        way = {"hostname": "127.0.0.1", "port": broker.port}
        publish.multiple([{"topic": "kept/1", "payload": "1", "retain": True}, ("kept/2", "2", 1, True)], **way)
        publish.single("kept/3", "3", 1, retain=True, **way)
        messages = subscribe.simple("kept/#", 1, 3, **way)
        assert isinstance(messages, list)
        assert sorted((message.topic, message.payload) for message in messages) == [
            ("kept/1", b"1"),
            ("kept/2", b"2"),
            ("kept/3", b"3"),
        ]
        seen = []

        def callback(client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
            seen.append((userdata, message.payload))
            client.disconnect()

        subscribe.callback(callback, ["kept/2"], userdata="mine", **way)
        assert seen == [("mine", b"2")]
    with pytest.raises(OSError):  # noqa: PT011 - it depends on the system
        publish.single("a", **way)
    with pytest.raises(TypeError, match="nonsense"):
        publish.single("a", nonsense=1)
    with pytest.raises(TypeError, match="dict or a tuple"):
        publish.multiple(["a"])
    with pytest.raises(ValueError, match="msg_count"):
        subscribe.simple("a", msg_count=0)


def test_a_broker_that_refuses_is_an_exception():
    def serve(peer: Peer) -> None:
        peer.packet()
        peer.send(b"\x20\x02\0\x05")

    with serving(serve) as (_, port), pytest.raises(publish.MQTTException, match=r"(?i)not authorized"):
        publish.single("a", "x", hostname="127.0.0.1", port=port)
