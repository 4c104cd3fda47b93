"""What a local hub has recorded of every MQTT packet, and waiting for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._support.arguments import module_of_a_device, not_negative
from azmqtt._support.waiting import Steps, run, run_async

if TYPE_CHECKING:
    from collections.abc import Callable

    from azmqtt import _core
    from azmqtt._core import PacketLog
    from azmqtt._hub_packets import Packet

#: So much of a body is shown, in characters.
_PREVIEW = 60

#: MQTT §2.2.1, and what stands for no packet.
_KINDS = (
    "CONNECT",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "PINGREQ",
    "PINGRESP",
    "DISCONNECT",
    "AUTH",
    "MALFORMED",
    "INCOMPLETE",
    "CLOSED",
)


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
        from datetime import datetime, timezone

        from azmqtt._hub_packets import Packet

        module_of_a_device(device_id, module_id)
        not_negative("after", after)
        records = self._packets.records(device_id, module_id, after)
        if records is None:
            raise RuntimeError("packets are not recorded: make the hub with record_packets=True")
        return [
            Packet(
                kind,
                "to_hub" if to_hub else "to_device",
                datetime.fromtimestamp(time, timezone.utc),
                connection,
                client_id,
                sequence,
                **fields,
            )
            for sequence, client_id, connection, time, to_hub, kind, fields in records
        ]

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
            timeout: In seconds; ``None`` waits for ever.
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
        if kind is not None and kind not in _KINDS:
            raise ValueError(f"kind must be one of {', '.join(_KINDS)}, not {kind!r}")
        seen = after
        found: list[Packet] = []

        def look(tick: float) -> bool:
            nonlocal seen
            # What matches is looked for before the first wait, and after the last.
            self._packets.wait(device_id, module_id, seen, tick)
            for packet in self.packets(device_id, module_id=module_id, after=seen):
                seen = packet.sequence
                if kind in {None, packet.kind} and (predicate is None or predicate(packet)):
                    found.append(packet)
                    return True
            return False

        if (yield look, timeout):
            return found[0]
        last = self.packets(device_id, module_id=module_id, after=after)[-3:]
        came = "; the last ones were:" + "".join(f"\n  {packet}" for packet in last) if last else "; there were none"
        wanted = "packet" if kind is None else kind
        msg = f"no {wanted} that matches within {timeout} s{came}"
        raise TimeoutError(msg)

    def packet_log(self, device_id: str | None = None, *, module_id: str | None = None, after: int = 0) -> str:
        """Return the recorded packets as text, a line for each, for people to read.

        A line has the seconds since the first packet, the packet, and the beginning of its body. Of credentials there
        is nothing in it.

        Raises:
            RuntimeError: Packets are not recorded.
        """
        packets = self.packets(device_id, module_id=module_id, after=after)
        if not packets:
            return "no packets"
        start = packets[0].time
        lines = [f"from {start:%Y-%m-%d %H:%M:%S.%f} UTC"]
        current = None
        for packet in packets:
            if current != (packet.client_id, packet.connection):
                current = (packet.client_id, packet.connection)
                lines.append(f"{packet.client_id}, connection {packet.connection}:")
            # The hub's side is indented, so that the eye finds questions and answers.
            indent = "" if packet.direction == "to_hub" else "    "
            body = _preview(packet.payload)
            lines.append(f"{(packet.time - start).total_seconds():9.3f}  {indent}{packet}{body}")
        return "\n".join(lines)


def _preview(payload: bytes) -> str:
    """Show the beginning of a body, if it is text."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return ""
    if not text or not text.isprintable():
        return ""
    return f" {text[:_PREVIEW]}…" if len(text) > _PREVIEW else f" {text}"
