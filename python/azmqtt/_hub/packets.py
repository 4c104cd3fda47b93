"""The MQTT packets that a local hub has recorded, and waiting for a packet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._local.packets import as_packets, as_text, first_packet
from azmqtt._support.arguments import module_of_a_device, not_negative
from azmqtt._support.waiting import Steps, run, run_async

if TYPE_CHECKING:
    from collections.abc import Callable

    from azmqtt import _core
    from azmqtt._core import PacketLog
    from azmqtt._hub_packets import Packet


class PacketsMixin:
    """The packet recording of :class:`~azmqtt.LocalHub`."""

    _core: _core.Hub
    _packets: PacketLog

    def packets(self, device_id: str | None = None, *, module_id: str | None = None, after: int = 0) -> list[Packet]:
        """Return the recorded packets of a device or module, or of all clients, oldest first.

        The client id in CONNECT identifies the client, whether the hub accepted the connection or not. On the
        provisioning service it is the registration id. Passwords are not recorded.

        Args:
            device_id: The device's id; all devices by default.
            module_id: The module's id. Without it, only the device itself counts.
            after: Return only those with a higher ``sequence``: what is new since an earlier call.

        Raises:
            RuntimeError: Packets are not recorded: ``LocalHub(record_packets=True)``.
            ValueError: ``module_id`` is given without ``device_id``.
        """
        module_of_a_device(device_id, module_id)
        not_negative("after", after)
        return as_packets(self._packets.records(device_id, module_id, after), "hub", "device")

    def wait_for_packet(
        self,
        device_id: str | None = None,
        predicate: Callable[[Packet], object] | None = None,
        timeout: float | None = 10,
        *,
        kind: str | None = None,
        module_id: str | None = None,
        after: int = 0,
    ) -> Packet:
        """Wait for a packet; return the first match. Packets recorded before the call count.

        Args:
            device_id: The device's id; all devices by default.
            predicate: Takes a :class:`Packet` and returns whether it matches. By default any one matches.
            timeout: In seconds; ``None`` waits without a limit.
            kind: The packet's kind, such as ``"PUBLISH"``.
            module_id: The module's id.
            after: Consider only those with a higher ``sequence``.

        Raises:
            TimeoutError: None matched in time. The text shows the last ones.
            ValueError: The kind is unknown.
            RuntimeError: Packets are not recorded, or the hub is stopped.
        """
        __tracebackhide__ = True
        return run(self._packet(device_id, predicate, timeout, kind, module_id, after), self._core)

    async def wait_for_packet_async(
        self,
        device_id: str | None = None,
        predicate: Callable[[Packet], object] | None = None,
        timeout: float | None = 10,
        *,
        kind: str | None = None,
        module_id: str | None = None,
        after: int = 0,
    ) -> Packet:
        """Do the same as :meth:`wait_for_packet` without blocking the event loop."""
        __tracebackhide__ = True
        return await run_async(self._packet(device_id, predicate, timeout, kind, module_id, after), self._core)

    def _packet(
        self,
        device_id: str | None,
        predicate: Callable[[Packet], object] | None,
        timeout: float | None,
        kind: str | None,
        module_id: str | None,
        after: int,
    ) -> Steps[Packet]:
        __tracebackhide__ = True
        return first_packet(
            lambda seen: self.packets(device_id, module_id=module_id, after=seen),
            lambda seen, tick: self._packets.wait(device_id, module_id, seen, tick),
            predicate,
            kind,
            after,
            timeout,
        )

    def packet_log(self, device_id: str | None = None, *, module_id: str | None = None, after: int = 0) -> str:
        """Return the recorded packets as readable text, one line for each.

        A line shows the seconds since the first packet, the packet, and the beginning of its body. It contains no
        credentials.

        Raises:
            RuntimeError: Packets are not recorded.
        """
        return as_text(self.packets(device_id, module_id=module_id, after=after))
