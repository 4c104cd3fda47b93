"""What a local namespace has recorded of every MQTT packet, and waiting for one."""

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
    """The part of :class:`~azmqtt.LocalNamespace` that shows what was on the wire."""

    _core: _core.Namespace
    _packets: NamespacePackets

    def packets(self, client_id: str | None = None, *, after: int = 0) -> list[Packet]:
        """Return the recorded packets of a client identifier, or of all, oldest first.

        Clients that were refused are among them. Passwords, tokens and other authentication data are not kept.

        Args:
            client_id: The name of the session; everybody's packets if absent.
            after: Only those with a higher ``sequence``, to look again for what came since.

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
        """Wait for a packet; return the first that matches, which may have been recorded already.

        Args:
            client_id: The name of the session; everybody's packets if absent.
            predicate: Says of a :class:`Packet` whether it is the one. Any one is if absent.
            timeout: In seconds; ``None`` waits without a limit.
            kind: The packet's kind, such as ``"PUBLISH"``.
            after: Only those with a higher ``sequence``.

        Raises:
            TimeoutError: None came in time; shows the last that did come.
            ValueError: There is no such kind.
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
        """Wait for a packet while the event loop runs on; see :meth:`wait_for_packet`."""
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
        """Return the recorded packets as text, a line for each, for people to read.

        Raises:
            RuntimeError: Packets are not recorded.
        """
        return as_text(self.packets(client_id, after=after))
