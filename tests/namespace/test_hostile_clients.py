"""Clients that mean harm, and the memory of a namespace in a process of its own."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import azmqtt

pytestmark = pytest.mark.timeout(180)

MIB = 1 << 20

#: CONNECT of MQTT 5 without anything, and SUBSCRIBE to ``flood/#`` at QoS 0 and 1.
CONNECT = b"\x00\x04MQTT\x05\x02\x00\x00\x00"
SUBSCRIBE = (b"\x82\x0d\x00\x01\x00\x00\x07flood/#\x00", b"\x82\x0d\x00\x01\x00\x00\x07flood/#\x01")


class Process:
    """A namespace of the command line, on which everybody may do everything under ``flood/``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "config.json").write_text(
            json.dumps(
                {
                    "topicSpaces": [{"name": "floods", "properties": {"topicTemplates": ["flood/#"]}}],
                    "permissionBindings": [
                        {
                            "name": permission,
                            "properties": {
                                "clientGroupName": "$all",
                                "topicSpaceName": "floods",
                                "permission": permission,
                            },
                        }
                        for permission in ("Publisher", "Subscriber")
                    ],
                }
            )
        )
        clients = [f"deaf-{number}" for number in range(20)]
        command = [sys.executable, "-m", "azmqtt", "namespace", "--port", "0", "--https-port", "0", "--json"]
        command += ["--config", str(home / "config.json"), "--certificates", str(home)]
        for name in (*clients, "publisher", "reader"):
            command += ["--client", name]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.contract: dict[str, Any] = json.loads(self.process.stdout.readline())

    @contextmanager
    def grows_less_than(self, most: int) -> Iterator[None]:
        """Look at the highest that the process has in memory meanwhile: who does not read is closed after a while."""
        process = Path(f"/proc/{self.process.pid}")
        (process / "clear_refs").write_text("5")
        before = self._memory("VmRSS")
        yield
        grown = self._memory("VmHWM") - before
        assert grown < most, f"{grown / MIB:.1f} MiB"

    def _memory(self, name: str) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith(f"{name}:")).split()[1]) * 1024

    def client(self, name: str) -> azmqtt.MqttClient:
        return azmqtt.MqttClient(
            "localhost",
            name,
            port=self.contract["port"],
            trust=self.contract["ca_file"],
            certificate=str(self.home / f"{name}.pem"),
            private_key=str(self.home / f"{name}-key.pem"),
            session_expiry=0,
        )

    def raw(self, name: str) -> ssl.SSLSocket:
        """Return a TLS connection of that client with small buffers, connected and with nothing else said."""
        context = ssl.create_default_context(cafile=self.contract["ca_file"])
        context.load_cert_chain(self.home / f"{name}.pem", self.home / f"{name}-key.pem")
        stream = self.shaken(context, receive_buffer=4096)
        body = CONNECT + len(name).to_bytes(2, "big") + name.encode()
        stream.sendall(b"\x10" + bytes([len(body)]) + body)
        assert stream.recv(4)[0] == 0x20
        return stream

    def stranger(self) -> ssl.SSLSocket:
        """Return a TLS connection of nobody."""
        return self.shaken(ssl.create_default_context(cafile=self.contract["ca_file"]))

    def shaken(self, context: ssl.SSLContext, receive_buffer: int | None = None) -> ssl.SSLSocket:
        plain = socket.socket()
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(20)
        plain.connect(("127.0.0.1", self.contract["port"]))
        return context.wrap_socket(plain, server_hostname="localhost")


@pytest.fixture(scope="module")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    if not Path("/proc/self/status").exists():
        pytest.skip("there is no /proc")
    process = Process(tmp_path_factory.mktemp("namespace"))
    yield process
    with process.process:
        process.process.terminate()
        assert process.process.wait(30) == 0


@pytest.mark.parametrize("qos", [0, 1])
def test_subscribers_that_read_nothing_take_bounded_memory(namespace: Process, qos: int):
    """160 MB are published; a subscriber that reads has all of it, and twenty others nothing after their SUBACK."""
    with namespace.client("publisher") as publisher, namespace.client("reader") as reader:
        messages = reader.messages(timeout=60)
        reader.subscribe("flood/#")
        publisher.publish("flood/warm", b"")
        assert next(messages).topic == "flood/warm"
        # Bodies of this size are shared by all who wait for them: the 16 MiB of one queue, and some of each connection.
        with namespace.grows_less_than(50 * MIB):
            deaf = [namespace.raw(f"deaf-{number}") for number in range(20)]
            for stream in deaf:
                stream.sendall(SUBSCRIBE[qos])
            body = bytes(10_000)
            for _ in range(32):
                publisher.publish_many(("flood/a", body) for _ in range(500))
                for _ in range(500):
                    assert len(next(messages).payload) == len(body)
        for stream in deaf:
            stream.close()


def test_strangers_with_much_to_say_take_bounded_memory(namespace: Process):
    """500 strangers send all but the last byte of a CONNECT of 128 KB each: 64 MB, of which a few are read."""
    will = b"\x00\x04MQTT\x05\x06\x00\x3c\x00\x00\x01x\x00\x00\x01t\xff\xff"
    connect = b"\x10\x93\x80\x08" + will + bytes(131_091 - len(will) - 1)
    with namespace.client("publisher") as publisher, namespace.client("reader") as reader:
        messages = reader.messages(timeout=60)
        reader.subscribe("flood/#")
        publisher.publish("flood/c", b"")
        next(messages)
        with namespace.grows_less_than(40 * MIB):
            strangers = []
            for number in range(500):
                stranger = namespace.stranger()
                strangers.append(stranger)
                with suppress(OSError):
                    # It is closed in the middle, once there is no place for those with much to say.
                    stranger.sendall(connect)
                if number % 50 == 0:
                    publisher.publish("flood/c", str(number))
                    assert next(messages).text() == str(number)
        for stranger in strangers:
            stranger.close()


def test_a_flood_of_strangers_takes_bounded_memory(namespace: Process):
    with namespace.client("publisher") as publisher, namespace.client("reader") as reader:
        messages = reader.messages(timeout=60)
        reader.subscribe("flood/#")
        publisher.publish("flood/b", b"")
        next(messages)
        with namespace.grows_less_than(50 * MIB):
            strangers = []
            for number in range(900):
                stranger = socket.socket()
                stranger.settimeout(0)
                stranger.connect_ex(("127.0.0.1", namespace.contract["port"]))
                strangers.append(stranger)
                if number % 50 == 0:
                    publisher.publish("flood/b", str(number))
                    assert next(messages).text() == str(number)
            for stranger in strangers:
                try:
                    stranger.send(b"\x16\x03\x01\x3f\xff" + bytes(4000))
                except OSError:
                    # It is closed, or still in the backlog.
                    continue
            publisher.publish("flood/b", "after")
            assert next(messages).text() == "after"
        for stranger in strangers:
            stranger.close()
