"""The MQTT packets that a local namespace has recorded, and waiting for a packet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._local.packets import as_packets, as_text, first_packet
from azmqtt._support.arguments import not_negative
from azmqtt._support.waiting import Steps, run, run_async

if TYPE_CHECKING:
    from collections.abc import Callable

    from azmqtt import _core
    from azmqtt._core import NamespacePackets
    from azmqtt._hub_packets import Packet


class PacketsMixin:
    """The packet recording of :class:`~azmqtt.LocalNamespace`."""

    _core: _core.Namespace
    _packets: NamespacePackets

    def packets(self, client_id: str | None = None, *, after: int = 0) -> list[Packet]:
        """Return the recorded packets of one client identifier, or of all, oldest first.

        Packets of refused clients are included. Passwords, tokens and other authentication data are not recorded.

        Args:
            client_id: The client identifier; all clients by default.
            after: Return only those with a higher ``sequence``: what is new since an earlier call.

        Raises:
            RuntimeError: Packets are not recorded: ``LocalNamespace(record_packets=True)``.
        """
        not_negative("after", after)
        return as_packets(self._packets.records(client_id, after), "namespace", "client")

    def wait_for_packet(
        self,
        client_id: str | None = None,
        predicate: Callable[[Packet], object] | None = None,
        timeout: float | None = 10,
        *,
        kind: str | None = None,
        after: int = 0,
    ) -> Packet:
        """Wait for a packet; return the first match. Packets recorded before the call count.

        Args:
            client_id: The client identifier; all clients by default.
            predicate: Takes a :class:`Packet` and returns whether it matches. By default any one matches.
            timeout: In seconds; ``None`` waits without a limit.
            kind: The packet's kind, such as ``"PUBLISH"``.
            after: Consider only those with a higher ``sequence``.

        Raises:
            TimeoutError: None matched in time. The text shows the last ones.
            ValueError: The kind is unknown.
            RuntimeError: Packets are not recorded, or the namespace is stopped.
        """
        __tracebackhide__ = True
        return run(self._packet(client_id, predicate, timeout, kind, after), self._core)

    async def wait_for_packet_async(
        self,
        client_id: str | None = None,
        predicate: Callable[[Packet], object] | None = None,
        timeout: float | None = 10,
        *,
        kind: str | None = None,
        after: int = 0,
    ) -> Packet:
        """Do the same as :meth:`wait_for_packet` without blocking the event loop."""
        __tracebackhide__ = True
        return await run_async(self._packet(client_id, predicate, timeout, kind, after), self._core)

    def _packet(
        self,
        client_id: str | None,
        predicate: Callable[[Packet], object] | None,
        timeout: float | None,
        kind: str | None,
        after: int,
    ) -> Steps[Packet]:
        __tracebackhide__ = True
        return first_packet(
            lambda seen: self.packets(client_id, after=seen),
            lambda seen, tick: self._packets.wait(client_id, seen, tick),
            predicate,
            kind,
            after,
            timeout,
        )

    def packet_log(self, client_id: str | None = None, *, after: int = 0) -> str:
        """Return the recorded packets as readable text, one line for each.

        Raises:
            RuntimeError: Packets are not recorded.
        """
        return as_text(self.packets(client_id, after=after))
