"""Recorded MQTT packets of a local hub or namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from azmqtt._hub_packets import Packet
    from azmqtt._support.waiting import Steps

#: How many characters of a body are shown.
_PREVIEW = 60

#: The packet names (MQTT §2.2.1), and the kinds that are not packets.
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


def as_packets(
    records: Iterable[tuple[int, str, int, float, bool, str, dict[str, Any]]] | None, kind_of_service: str, peer: str
) -> list[Packet]:
    """Convert the records of the core to packets.

    Args:
        records: The records; ``None`` if packets are not recorded.
        kind_of_service: The service's end of the connection: ``"hub"`` or ``"namespace"``.
        peer: The other end: ``"device"`` or ``"client"``.

    Raises:
        RuntimeError: Packets are not recorded.
    """
    from datetime import datetime, timezone

    from azmqtt._hub_packets import Packet

    if records is None:
        raise RuntimeError(f"packets are not recorded: make the {kind_of_service} with record_packets=True")
    return [
        Packet(
            kind,
            f"to_{kind_of_service if inward else peer}",  # type: ignore[arg-type]  # one of four
            datetime.fromtimestamp(time, timezone.utc),
            connection,
            client_id,
            sequence,
            **fields,
        )
        for sequence, client_id, connection, time, inward, kind, fields in records
    ]


def first_packet(
    packets: Callable[[int], list[Packet]],
    wait: Callable[[int, float], object],
    predicate: Callable[[Packet], object] | None,
    kind: str | None,
    after: int,
    timeout: float | None,
) -> Steps[Packet]:
    """Wait for the first packet that matches.

    Args:
        packets: Returns the packets after a sequence number.
        wait: Waits for a packet after a sequence number, for at most the given seconds.
        predicate: Returns whether a packet matches.
        kind: The packet's kind.
        after: Only those with a higher sequence number.
        timeout: In seconds; ``None`` waits without a limit.

    Raises:
        TimeoutError: None matched in time. The text shows the last ones.
        ValueError: The kind is unknown.
    """
    __tracebackhide__ = True
    if kind is not None and kind not in _KINDS:
        raise ValueError(f"kind must be one of {', '.join(_KINDS)}, not {kind!r}")
    seen = after
    found: list[Packet] = []

    def look(tick: float) -> bool:
        nonlocal seen
        # Looks for a match before the first wait, and after the last.
        wait(seen, tick)
        for packet in packets(seen):
            seen = packet.sequence
            if kind in {None, packet.kind} and (predicate is None or predicate(packet)):
                found.append(packet)
                return True
        return False

    if (yield look, timeout):
        return found[0]
    last = packets(after)[-3:]
    came = "; the last ones were:" + "".join(f"\n  {packet}" for packet in last) if last else "; there were none"
    wanted = "packet" if kind is None else kind
    msg = f"no {wanted} that matches within {timeout} s{came}"
    raise TimeoutError(msg)


def as_text(packets: list[Packet]) -> str:
    """Show packets as text, one line for each."""
    if not packets:
        return "no packets"
    start = packets[0].time
    lines = [f"from {start:%Y-%m-%d %H:%M:%S.%f} UTC"]
    current = None
    for packet in packets:
        if current != (packet.client_id, packet.connection):
            current = (packet.client_id, packet.connection)
            lines.append(f"{packet.client_id}, connection {packet.connection}:")
        # The service's packets are indented, so that requests and answers are easy to tell apart.
        indent = "" if packet.inward else "    "
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
