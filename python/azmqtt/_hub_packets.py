"""An MQTT packet that a local hub has recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

#: MQTT 3.1.1 §3.2.2.3.
_CONNACK = {
    0: "accepted",
    1: "unacceptable protocol version",
    2: "identifier rejected",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorized",
}


#: The protocol levels whose CONNECT is read.
_MQTT_311, _MQTT_5 = 4, 5
#: Codes from here on are refusals.
_REFUSED = 0x80
#: How many bytes of binary data are shown.
_SHOWN_BYTES = 16

#: MQTT 5 properties in the order of the packet: the name and value of each.
_Properties: TypeAlias = "tuple[tuple[str, Any], ...]"


@dataclass(frozen=True)
class Packet:
    """An MQTT packet as it was on the wire, or a record of bytes that were not a packet.

    ``str()`` returns it as one short line. Fields that do not apply to the kind of packet have their default value.

    Attributes:
        kind: The packet's name as MQTT writes it: ``"CONNECT"``, ``"PUBLISH"``, ``"PUBACK"``, …. Three kinds are not
            packets: ``"MALFORMED"`` for bytes that cannot be decoded, ``"INCOMPLETE"`` for a connection that ended in
            the middle of a packet, and ``"CLOSED"`` for the end of a connection.
        direction: ``"to_hub"`` or ``"to_device"``; on a local namespace ``"to_namespace"`` or ``"to_client"``.
        time: When the hub read or wrote it, in UTC.
        connection: The number of the client's connection, from 1. Refused connections count.
        client_id: The client identifier in CONNECT: ``device`` or ``device/module``.
        sequence: The number of the packet on this hub, from 1.
        packet_id: The packet identifier.
        topic: The topic name of a PUBLISH, or of the will in a CONNECT.
        qos: The QoS of a PUBLISH, or of the will in a CONNECT: 0 to 2.
        dup: The DUP flag of a PUBLISH.
        retain: The RETAIN flag of a PUBLISH, or of a will.
        payload: The body of a PUBLISH, or of a will.
        filters: The topic filters of a SUBSCRIBE or UNSUBSCRIBE.
        requested_qos: The QoS that a SUBSCRIBE requests for each filter.
        return_codes: The return code of a CONNACK, or those of a SUBACK: for each filter the granted QoS, or 128. In
            MQTT 5, the reason codes of any packet that has them.
        session_present: The Session Present flag of a CONNACK.
        protocol_level: The version of MQTT in a CONNECT: 4 is 3.1.1, 5 is 5.
        clean_session: The Clean Session flag of a CONNECT, in MQTT 5 called Clean Start.
        keep_alive: The keep-alive interval of a CONNECT, in seconds.
        username: The user name of a CONNECT.
        has_password: Whether a CONNECT has a password. The password itself is not recorded.
        reason: Why the packet is malformed or incomplete, or why the connection ended.
        properties: The MQTT 5 properties in the order of the packet. Each is a pair of the standard's name, such as
            ``"message_expiry_interval"``, and its value: ``int``, ``str``, ``bytes``, or a pair for a
            ``"user_property"``. The value of ``"authentication_data"`` is ``None``: it is a secret and not recorded.
        will_properties: The MQTT 5 properties of the will in a CONNECT.
        no_local: The MQTT 5 subscription option of a SUBSCRIBE, one for each filter.
        retain_as_published: The same as ``no_local``, for Retain As Published.
        retain_handling: The same as ``no_local``, for Retain Handling.
    """

    kind: str
    direction: Literal["to_hub", "to_device", "to_namespace", "to_client"]
    time: datetime
    connection: int
    client_id: str
    sequence: int
    packet_id: int | None = None
    topic: str | None = None
    qos: int | None = None
    dup: bool = False
    retain: bool = False
    payload: bytes = b""
    filters: tuple[str, ...] = ()
    requested_qos: tuple[int, ...] = ()
    return_codes: tuple[int, ...] = ()
    session_present: bool | None = None
    protocol_level: int | None = None
    clean_session: bool | None = None
    keep_alive: int | None = None
    username: str | None = None
    has_password: bool = False
    reason: str | None = None
    properties: _Properties = ()
    will_properties: _Properties = ()
    no_local: tuple[bool, ...] = ()
    retain_as_published: tuple[bool, ...] = ()
    retain_handling: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Show it in one line, such as ``→ PUBLISH id=3 qos=1 devices/d/messages/events/ 12 B``."""
        if self.kind == "CLOSED":
            return f"■ closed: {self.reason}"
        arrow = "→" if self.inward else "←"
        return " ".join([arrow, self.kind, *self._details(), *_shown(self.properties)])

    @property
    def inward(self) -> bool:
        """Whether the packet went to the service."""
        return self.direction in {"to_hub", "to_namespace"}

    def _details(self) -> list[str]:
        shown = [] if self.packet_id is None else [f"id={self.packet_id}"]
        if self.kind == "CONNECT":
            shown += self._login()
        elif self.kind == "CONNACK":
            shown += [_code(self.return_codes[0], _CONNACK)]
            shown += ["session-present"] if self.session_present else []
        elif self.kind == "SUBSCRIBE":
            shown += self._subscriptions()
        elif self.kind == "SUBACK":
            shown += [
                f"qos={code}" if code < _REFUSED else _code(code, {_REFUSED: "refused"}) for code in self.return_codes
            ]
        elif self.kind == "UNSUBSCRIBE":
            shown += self.filters
        elif self.reason is not None:
            shown += [self.reason]
        else:
            shown += [_code(code) for code in self.return_codes if code != 0]
        if self.topic is not None:
            shown += ["will" if self.kind == "CONNECT" else ""]
            shown += [f"qos={self.qos}", "dup" if self.dup else "", "retain" if self.retain else "", self.topic]
            shown += [f"{len(self.payload)} B", *_shown(self.will_properties)]
        return [part for part in shown if part]

    def _login(self) -> list[str]:
        shown = [] if self.protocol_level == _MQTT_311 else [f"protocol-level={self.protocol_level}", self.client_id]
        if self.protocol_level not in {_MQTT_311, _MQTT_5}:
            return shown
        shown += [self.username or "without-username", f"keep-alive={self.keep_alive}"]
        shown += ["clean-session"] if self.clean_session else []
        return [*shown, "password" if self.has_password else "without-password"]

    def _subscriptions(self) -> list[str]:
        shown = []
        for index, (topic_filter, qos) in enumerate(zip(self.filters, self.requested_qos, strict=True)):
            shown += [f"{topic_filter} qos={qos}"]
            if self.no_local:
                shown += ["no-local"] if self.no_local[index] else []
                shown += ["retain-as-published"] if self.retain_as_published[index] else []
                handling = self.retain_handling[index]
                shown += [f"retain-handling={handling}"] if handling else []
        return shown


def _code(code: int, names: dict[int, str] | None = None) -> str:
    """Return the name of a return code of MQTT 3.1.1, or of a reason code of MQTT 5 (128 and above)."""
    name = (names or {}).get(code)
    if name is None:
        from azmqtt import _core

        name = _core.reason_name(code) or "reserved"
        return f"0x{code:02X} ({name})"
    return name if names is not _CONNACK else f"{code} ({name})"


def _shown(properties: _Properties) -> list[str]:
    return [f"{name.replace('_', '-')}={_value(value)}" for name, value in properties]


def _value(value: Any) -> str:
    if value is None:
        return "(secret)"
    if isinstance(value, tuple):
        return ":".join(map(_value, value))
    if isinstance(value, bytes):
        return value.hex() if len(value) <= _SHOWN_BYTES else f"{value[:_SHOWN_BYTES].hex()}…"
    text = str(value)
    return text if text.isprintable() else ascii(text)
