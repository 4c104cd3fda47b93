"""An MQTT packet that a local hub has recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

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


@dataclass(frozen=True)
class Packet:
    """An MQTT packet as it was on the wire, or what came in the place of one.

    ``str()`` makes one short line of it. A field that the kind of packet does not have is as by default.

    Attributes:
        kind: ``"CONNECT"``, ``"PUBLISH"``, ``"PUBACK"``, …: the packet's name as MQTT 3.1.1 writes it. Besides packets
            there are ``"MALFORMED"`` for bytes that are none, ``"INCOMPLETE"`` for a connection that ended in the
            middle of one, and ``"CLOSED"`` for its end.
        direction: ``"to_hub"`` or ``"to_device"``.
        time: When the hub read or wrote it, in UTC.
        connection: Which of the client's connections it was on, from 1; those that were refused count.
        client_id: What the client called itself in its CONNECT: ``device`` or ``device/module``.
        sequence: Counts the packets of the whole hub, from 1.
        packet_id: The packet identifier.
        topic: The topic name of a PUBLISH; of a CONNECT its will's.
        qos: The QoS of a PUBLISH, 0 to 2; of a CONNECT its will's.
        dup: Whether a PUBLISH says that it was sent before.
        retain: The RETAIN flag of a PUBLISH, or of a will.
        payload: The body of a PUBLISH, or of a will.
        filters: The topic filters of a SUBSCRIBE or UNSUBSCRIBE.
        requested_qos: The QoS that a SUBSCRIBE asks for, one for each filter.
        return_codes: The return code of a CONNACK; those of a SUBACK, one for each filter: the granted QoS, or 128.
        session_present: Whether a CONNACK says that the session is remembered.
        protocol_level: The version of MQTT in a CONNECT: 4 is 3.1.1.
        clean_session: Whether a CONNECT asks for a fresh session.
        keep_alive: The keep-alive interval of a CONNECT, in seconds.
        username: The user name of a CONNECT.
        has_password: Whether a CONNECT had a password, which itself is not kept.
        reason: Why it is malformed or incomplete, or why the connection ended.
    """

    kind: str
    direction: Literal["to_hub", "to_device"]
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

    def __str__(self) -> str:
        """Show it in one line, such as ``→ PUBLISH id=3 qos=1 devices/d/messages/events/ 12 B``."""
        if self.kind == "CLOSED":
            return f"■ closed: {self.reason}"
        arrow = "→" if self.direction == "to_hub" else "←"
        return " ".join([arrow, self.kind, *self._details()])

    def _details(self) -> list[str]:
        shown = [] if self.packet_id is None else [f"id={self.packet_id}"]
        if self.kind == "CONNECT":
            shown += self._login()
        elif self.kind == "CONNACK":
            code = self.return_codes[0]
            shown += [f"{code} ({_CONNACK.get(code, 'reserved')})"]
            shown += ["session-present"] if self.session_present else []
        elif self.kind == "SUBSCRIBE":
            both = zip(self.filters, self.requested_qos, strict=True)
            shown += [f"{topic_filter} qos={qos}" for topic_filter, qos in both]
        elif self.kind == "SUBACK":
            shown += [f"qos={code}" if code < 128 else "refused" for code in self.return_codes]  # noqa: PLR2004 - §3.9.3
        elif self.kind == "UNSUBSCRIBE":
            shown += self.filters
        elif self.reason is not None:
            shown += [self.reason]
        if self.topic is not None:
            shown += ["will" if self.kind == "CONNECT" else ""]
            shown += [f"qos={self.qos}", "dup" if self.dup else "", "retain" if self.retain else "", self.topic]
            shown += [f"{len(self.payload)} B"]
        return [part for part in shown if part]

    def _login(self) -> list[str]:
        if self.protocol_level != 4:  # noqa: PLR2004 - MQTT 3.1.1
            return [f"protocol-level={self.protocol_level}", self.client_id]
        shown = [self.username or "without-username", f"keep-alive={self.keep_alive}"]
        shown += ["clean-session"] if self.clean_session else []
        return [*shown, "password" if self.has_password else "without-password"]
