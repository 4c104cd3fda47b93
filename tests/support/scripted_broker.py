"""A broker of MQTT 5 that does what a test tells it to, over real TLS; and manners for those who want some."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Awaitable, Callable
from typing import Any

import azmqtt
import mqtt5
from mqtt5 import AUTH, CONNECT, DISCONNECT, PINGREQ, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBSCRIBE, UNSUBSCRIBE
from scripted_hub import Link, ScriptedHub


class BrokerLink(Link):
    """One connection of a client."""

    async def next(self) -> mqtt5.Packet:
        """Return the next packet; ``IncompleteReadError`` when the client is gone."""
        raw = await self.receive()
        return mqtt5.parse(raw.kind, raw.flags, raw.body)

    async def expect(self, kind: int) -> mqtt5.Packet:
        """Return the next packet of a kind; PINGREQ is answered meanwhile, and others fail the script."""
        while True:
            found = await self.next()
            if found.kind == kind:
                return found
            assert found.kind == PINGREQ, f"a packet of type {found.kind} in the place of {kind}"
            await self.send(mqtt5.packet(mqtt5.PINGRESP))

    async def welcome(self, *pairs: tuple[str, Any], session_present: bool = False, **named: Any) -> mqtt5.Packet:
        """Accept the client's CONNECT, and return it."""
        connect = await self.next()
        assert connect.kind == CONNECT
        await self.send(mqtt5.connack(0, *pairs, session_present=session_present, **named))
        return connect


class Manners:
    """A script for a connection: the broker behaves, and notes what it is sent.

    What it does with packets of a kind can be replaced: ``Manners(on={AUTH: function})``; the function takes the link
    and the packet.
    """

    def __init__(
        self,
        *pairs: tuple[str, Any],
        session_present: bool = False,
        on: dict[int, Callable[[BrokerLink, mqtt5.Packet], Awaitable[None]]] | None = None,
        **connack: Any,
    ) -> None:
        self._connack = (pairs, session_present, connack)
        self._on = on or {}
        self._links: list[BrokerLink] = []
        self.connects: list[mqtt5.Packet] = []
        self.received: list[mqtt5.Packet] = []
        #: Everything in its order, for tests that wait for something.
        self.packets: queue.Queue[mqtt5.Packet] = queue.Queue()

    async def __call__(self, link: BrokerLink) -> None:
        pairs, session_present, named = self._connack
        self._links.append(link)
        while True:
            found = await link.next()
            self.packets.put(found)
            handler = self._on.get(found.kind)
            if handler is not None:
                await handler(link, found)
            elif found.kind == CONNECT:
                self.connects.append(found)
                await link.send(mqtt5.connack(0, *pairs, session_present=session_present, **named))
            elif found.kind == DISCONNECT:
                return
            else:
                if found.kind == PUBLISH:
                    self.received.append(found)
                await link.send(_polite(found))

    def next(self, kind: int, timeout: float = 30) -> mqtt5.Packet:
        """Wait for the next packet of a kind, in the test's thread."""
        while True:
            found = self.packets.get(timeout=timeout)
            if found.kind == kind:
                return found

    @property
    def link(self) -> BrokerLink:
        """The connection that came last."""
        return self._links[-1]


def _polite(found: mqtt5.Packet) -> bytes:
    """Answer a packet, if it wants an answer."""
    if found.kind == PUBLISH and found.qos:
        return mqtt5.answer(PUBACK if found.qos == 1 else PUBREC, found.packet_id)
    if found.kind in {PUBREC, PUBREL}:
        return mqtt5.answer(PUBREL if found.kind == PUBREC else PUBCOMP, found.packet_id)
    if found.kind == SUBSCRIBE:
        return mqtt5.granted(mqtt5.SUBACK, found.packet_id, [options & 3 for _, options in found.filters])
    if found.kind == UNSUBSCRIBE:
        return mqtt5.granted(mqtt5.UNSUBACK, found.packet_id, [0] * len(found.filters))
    if found.kind == PINGREQ:
        return mqtt5.packet(mqtt5.PINGRESP)
    assert found.kind in {PUBLISH, PUBACK, PUBCOMP}, f"nobody has told what to do with a packet of type {found.kind}"
    return b""


async def refuse_auth(link: BrokerLink, found: mqtt5.Packet) -> None:
    """Take AUTH for a mistake."""
    assert found.kind == AUTH
    await link.send(mqtt5.disconnect(0x87, reason_string="the token's claim 'aud' is for somebody else"))
    await link.hang()


class ScriptedBroker(ScriptedHub):
    """Runs one script for each connection, the last one for all further ones."""

    link = BrokerLink

    def send(self, link: Link, data: bytes) -> None:
        """Write to a client, from the test's thread."""
        asyncio.run_coroutine_threadsafe(link.send(data), self._loop).result(30)

    def drop(self, link: Link) -> None:
        """End a connection without a word, from the test's thread."""
        self._loop.call_soon_threadsafe(link.writer.transport.abort)


def until_error(client: azmqtt.MqttClient, expected: type[azmqtt.Error]) -> Any:
    """Publish until that ends with an error, and return it."""
    while True:
        try:
            client.publish("a", b"", timeout=5)
        except expected as error:
            return error
