"""What a local hub has recorded of every MQTT packet, and waiting for one."""

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
    """The part of :class:`~azmqtt.LocalHub` that shows what was on the wire."""

    _core: _core.Hub
    _packets: PacketLog

    def packets(self, device_id: str | None = None, *, module_id: str | None = None, after: int = 0) -> list[Packet]:
        """Return the recorded packets of a device or module, or of all, oldest first.

        Packets are found by the client id of their CONNECT, whether the hub let the client in or not. Those of the
        provisioning service have the registration id. Passwords are not kept.

        Args:
            device_id: Whose packets; everybody's if absent.
            module_id: The device's module; without it, only those of the device itself.
            after: Only those with a higher ``sequence``, to look again for what came since.

        Raises:
            RuntimeError: Packets are not recorded: ``LocalHub(record_packets=True)``.
            ValueError: A module without its device.
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
        """Wait for a packet; return the first that matches, which may have been recorded already.

        Args:
            device_id: Whose packets; everybody's if absent.
            predicate: Says of a :class:`Packet` whether it is the one. Any one is if absent.
            timeout: In seconds; ``None`` waits without a limit.
            kind: The packet's kind, such as ``"PUBLISH"``.
            module_id: The device's module.
            after: Only those with a higher ``sequence``.

        Raises:
            TimeoutError: None came in time; shows the last that did come.
            ValueError: There is no such kind.
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
        """Wait for a packet while the event loop runs on; see :meth:`wait_for_packet`."""
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
        """Return the recorded packets as text, a line for each, for people to read.

        A line has the seconds since the first packet, the packet, and the beginning of its body. Of credentials there
        is nothing in it.

        Raises:
            RuntimeError: Packets are not recorded.
        """
        return as_text(self.packets(device_id, module_id=module_id, after=after))
