"""MQTT 5 for tests, written apart from the package's: packets to bytes and back, also such as nobody should send."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = range(1, 8)
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(8, 16)

#: Name, number and type of each property (MQTT 5 §2.2.2.2).
_PROPERTIES = {
    "payload_format": (1, "byte"),
    "message_expiry": (2, "u32"),
    "content_type": (3, "text"),
    "response_topic": (8, "text"),
    "correlation_data": (9, "bytes"),
    "subscription_id": (11, "varint"),
    "session_expiry": (17, "u32"),
    "assigned_client_id": (18, "text"),
    "server_keep_alive": (19, "u16"),
    "authentication_method": (21, "text"),
    "authentication_data": (22, "bytes"),
    "request_problem_information": (23, "byte"),
    "will_delay": (24, "u32"),
    "request_response_information": (25, "byte"),
    "response_information": (26, "text"),
    "server_reference": (28, "text"),
    "reason_string": (31, "text"),
    "receive_maximum": (33, "u16"),
    "topic_alias_maximum": (34, "u16"),
    "topic_alias": (35, "u16"),
    "maximum_qos": (36, "byte"),
    "retain_available": (37, "byte"),
    "user_property": (38, "pair"),
    "maximum_packet_size": (39, "u32"),
    "wildcard_available": (40, "byte"),
    "subscription_ids_available": (41, "byte"),
    "shared_available": (42, "byte"),
}
_BY_NUMBER = {number: (name, kind) for name, (number, kind) in _PROPERTIES.items()}

#: Properties in their order; a name may come twice.
Properties = Iterable[tuple[str, Any]]


def varint(number: int) -> bytes:
    out = bytearray()
    while True:
        number, digit = divmod(number, 128)
        out.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(out)


def text(value: str) -> bytes:
    return binary(value.encode())


def binary(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def properties(*pairs: tuple[str, Any], **named: Any) -> bytes:
    """Encode properties with their length."""
    body = bytearray()
    for name, value in [*pairs, *named.items()]:
        number, kind = _PROPERTIES[name]
        body += varint(number) + _value(kind, value)
    return varint(len(body)) + bytes(body)


def _value(kind: str, value: Any) -> bytes:
    if kind == "text":
        return text(value)
    if kind == "bytes":
        return binary(value)
    if kind == "pair":
        return text(value[0]) + text(value[1])
    if kind == "varint":
        return varint(value)
    return int(value).to_bytes({"byte": 1, "u16": 2, "u32": 4}[kind], "big")


def packet(kind: int, body: bytes = b"", flags: int = 0) -> bytes:
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


def connack(reason: int = 0, *pairs: tuple[str, Any], session_present: bool = False, **named: Any) -> bytes:
    return packet(CONNACK, bytes([session_present, reason]) + properties(*pairs, **named))


def publish(
    topic: str,
    payload: bytes = b"",
    *pairs: tuple[str, Any],
    qos: int = 0,
    packet_id: int = 1,
    retain: bool = False,
    dup: bool = False,
    **named: Any,
) -> bytes:
    identifier = packet_id.to_bytes(2, "big") if qos else b""
    body = text(topic) + identifier + properties(*pairs, **named) + payload
    return packet(PUBLISH, body, dup << 3 | qos << 1 | retain)


def answer(kind: int, packet_id: int, reason: int = 0, **named: Any) -> bytes:
    """PUBACK, PUBREC, PUBREL or PUBCOMP."""
    body = packet_id.to_bytes(2, "big")
    if reason or named:
        body += bytes([reason])
    if named:
        body += properties(**named)
    return packet(kind, body, 2 if kind == PUBREL else 0)


def granted(kind: int, packet_id: int, reasons: Iterable[int], **named: Any) -> bytes:
    """SUBACK or UNSUBACK."""
    return packet(kind, packet_id.to_bytes(2, "big") + properties(**named) + bytes(reasons))


def disconnect(reason: int = 0, **named: Any) -> bytes:
    return packet(DISCONNECT, bytes([reason]) + properties(**named))


def auth(reason: int = 0x18, **named: Any) -> bytes:
    return packet(AUTH, bytes([reason]) + properties(**named))


class Reader:
    """Reads the parts of a packet."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def take(self, count: int) -> bytes:
        assert len(self.rest) >= count, "the packet is too short"
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def varint(self) -> int:
        number = shift = 0
        while True:
            digit = self.number(1)
            number |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                return number

    def binary(self) -> bytes:
        return self.take(self.number(2))

    def text(self) -> str:
        return self.binary().decode()

    def properties(self) -> list[tuple[str, Any]]:
        inner = Reader(self.take(self.varint()))
        found: list[tuple[str, Any]] = []
        while inner.rest:
            name, kind = _BY_NUMBER[inner.varint()]
            value: Any
            if kind == "text":
                value = inner.text()
            elif kind == "bytes":
                value = inner.binary()
            elif kind == "pair":
                value = (inner.text(), inner.text())
            elif kind == "varint":
                value = inner.varint()
            else:
                value = inner.number({"byte": 1, "u16": 2, "u32": 4}[kind])
            found.append((name, value))
        return found


@dataclass
class Packet:
    """A packet that a client has sent; each kind fills what it has."""

    kind: int
    flags: int = 0
    packet_id: int = 0
    reason: int = 0
    properties: list[tuple[str, Any]] = field(default_factory=list)
    topic: str = ""
    payload: bytes = b""
    #: Of SUBSCRIBE: filter and options; of UNSUBSCRIBE: options are 0.
    filters: list[tuple[str, int]] = field(default_factory=list)
    client_id: str = ""
    level: int = 0
    clean_start: bool = False
    keep_alive: int = 0
    username: str | None = None
    password: bytes | None = None
    #: Topic, payload, QoS, retain, properties.
    will: tuple[str, bytes, int, bool, list[tuple[str, Any]]] | None = None

    @property
    def qos(self) -> int:
        return self.flags >> 1 & 3

    @property
    def dup(self) -> bool:
        return bool(self.flags & 8)

    @property
    def retain(self) -> bool:
        return bool(self.flags & 1)

    def get(self, name: str) -> Any:
        """Return the first property of a name, ``None`` if there is none."""
        return next((value for found, value in self.properties if found == name), None)

    def all(self, name: str) -> list[Any]:
        return [value for found, value in self.properties if found == name]


def parse(kind: int, flags: int, body: bytes) -> Packet:
    """Read a packet of a client of MQTT 5; what is wrong with it fails the test."""
    reader, found = Reader(body), Packet(kind, flags)
    if kind == CONNECT:
        _connect(reader, found)
    elif kind == PUBLISH:
        found.topic = reader.text()
        found.packet_id = reader.number(2) if found.qos else 0
        found.properties = reader.properties()
        found.payload, reader.rest = reader.rest, b""
    elif kind in {PUBACK, PUBREC, PUBREL, PUBCOMP}:
        found.packet_id = reader.number(2)
        found.reason = reader.number(1) if reader.rest else 0
        found.properties = reader.properties() if reader.rest else []
    elif kind in {SUBSCRIBE, UNSUBSCRIBE}:
        found.packet_id = reader.number(2)
        found.properties = reader.properties()
        while reader.rest:
            topic_filter = reader.text()
            found.filters.append((topic_filter, reader.number(1) if kind == SUBSCRIBE else 0))
    elif kind in {DISCONNECT, AUTH}:
        found.reason = reader.number(1) if reader.rest else 0
        found.properties = reader.properties() if reader.rest else []
    assert not reader.rest, f"{len(reader.rest)} bytes too many in a packet of type {kind}"
    return found


def _connect(reader: Reader, found: Packet) -> None:
    assert reader.text() == "MQTT"
    found.level = reader.number(1)
    flags = reader.number(1)
    found.clean_start = bool(flags & 2)
    found.keep_alive = reader.number(2)
    five = found.level == 5
    found.properties = reader.properties() if five else []
    found.client_id = reader.text()
    if flags & 4:
        properties = reader.properties() if five else []
        found.will = (reader.text(), reader.binary(), flags >> 3 & 3, bool(flags & 32), properties)
    found.username = reader.text() if flags & 0x80 else None
    found.password = reader.binary() if flags & 0x40 else None
