"""A hub that does what a test tells it to: real TLS on a real socket, and no manners of its own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 8, 9, 12, 13, 14
TWIN_ANSWER = "$iothub/twin/res"


@dataclass(frozen=True)
class Packet:
    """An MQTT packet: type, flags and everything after the remaining length."""

    kind: int
    flags: int
    body: bytes

    @property
    def topic(self) -> str:
        """Topic of a PUBLISH."""
        return self.body[2 : 2 + int.from_bytes(self.body[:2], "big")].decode()

    @property
    def packet_id(self) -> bytes:
        """Packet identifier, as its two bytes; empty for a QoS 0 PUBLISH."""
        if self.kind != PUBLISH:
            return self.body[:2]
        if not self.flags & 0b0110:
            return b""
        start = 2 + int.from_bytes(self.body[:2], "big")
        return self.body[start : start + 2]

    @property
    def payload(self) -> bytes:
        """Payload of a PUBLISH."""
        return self.body[2 + int.from_bytes(self.body[:2], "big") + len(self.packet_id) :]


def packet(kind: int, body: bytes = b"", flags: int = 0) -> bytes:
    """Encode a packet."""
    length, header = len(body), bytearray([kind << 4 | flags])
    while True:
        length, digit = divmod(length, 128)
        header.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(header) + body


def publish(topic: str, payload: bytes = b"") -> bytes:
    """Encode a QoS 0 PUBLISH."""
    return packet(PUBLISH, len(topic).to_bytes(2, "big") + topic.encode() + payload)


class Link:
    """One connection of a client, in the script's hands."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Wrap the two directions."""
        self.reader, self.writer = reader, writer

    async def receive(self) -> Packet:
        """The next packet; ``IncompleteReadError`` when the client is gone."""
        first = (await self.reader.readexactly(1))[0]
        length = shift = 0
        while True:
            digit = (await self.reader.readexactly(1))[0]
            length |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                break
        return Packet(first >> 4, first & 0x0F, await self.reader.readexactly(length))

    async def send(self, data: bytes) -> None:
        """Write bytes, whatever they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def accept(self) -> None:
        """Answer the CONNECT with CONNACK 0."""
        assert (await self.receive()).kind == CONNECT
        await self.send(packet(CONNACK, b"\0\0"))

    async def next_publish(self) -> Packet:
        """Answer what is routine (SUBSCRIBE, PINGREQ) until a PUBLISH comes."""
        while True:
            got = await self.receive()
            if got.kind == PUBLISH:
                return got
            if got.kind == SUBSCRIBE:
                await self.send(packet(SUBACK, got.packet_id + b"\1"))
            elif got.kind == PINGREQ:
                await self.send(packet(PINGRESP))

    async def acknowledge(self, message: Packet) -> None:
        """PUBACK."""
        await self.send(packet(PUBACK, message.packet_id))

    async def answer_twin(self, request: Packet, status: int, body: bytes = b"", version: int | None = None) -> None:
        """Answer a twin request with its own ``$rid``."""
        request_id = request.topic.split("$rid=")[1].split("&")[0]
        suffix = "" if version is None else f"&$version={version}"
        await self.send(publish(f"{TWIN_ANSWER}/{status}/?$rid={request_id}{suffix}", body))

    async def hang(self) -> None:
        """Do nothing until the client goes."""
        await self.reader.read()


Script = Callable[[Any], Awaitable[None]]


class ScriptedHub:
    """Runs one script per connection, the last one for all further ones, on a thread of its own."""

    link = Link

    def __init__(self, ca_dir: Path, *scripts: Script, tls: bool = True) -> None:
        """Prepare; `with` starts it. Without ``tls`` the scripts see the bare TCP stream."""
        self.scripts = scripts
        self.connections = 0
        authority = trustme.CA()
        self.ca_file = ca_dir / "scripted-ca.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        self._tls: ssl.SSLContext | None = None
        if tls:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("localhost").configure_cert(self._tls)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="scripted-hub")
        self.port = 0

    def __enter__(self) -> ScriptedHub:
        """Start listening on a free port of loopback."""
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, whatever the scripts are at."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            script = self.scripts[min(self.connections, len(self.scripts) - 1)]
            self.connections += 1
            try:
                await script(self.link(reader, writer))
            except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                pass
            finally:
                tasks.discard(task)
                writer.transport.abort()

        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
