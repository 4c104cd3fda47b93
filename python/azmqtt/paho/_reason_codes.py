"""Reason codes of MQTT 5. Callbacks of version 2 get the codes of MQTT 3.1.1 in this form, too."""

from __future__ import annotations

import functools
from typing import Any, ClassVar, Final, NamedTuple

from azmqtt.paho._enums import MQTTErrorCode


class PacketTypes:
    """Packet types by number (MQTT 5 §2.1.2)."""

    CONNECT: ClassVar = 1
    CONNACK: ClassVar = 2
    PUBLISH: ClassVar = 3
    PUBACK: ClassVar = 4
    SUBSCRIBE: ClassVar = 8
    SUBACK: ClassVar = 9
    UNSUBSCRIBE: ClassVar = 10
    UNSUBACK: ClassVar = 11
    DISCONNECT: ClassVar = 14


#: Names that only one kind of packet gives a code (MQTT 5 §2.4).
_OWN_NAMES: Final = {
    (PacketTypes.DISCONNECT, 0): "Normal disconnection",
    (PacketTypes.SUBACK, 0): "Granted QoS 0",
    (PacketTypes.SUBACK, 1): "Granted QoS 1",
    (PacketTypes.SUBACK, 2): "Granted QoS 2",
}

#: The other names that can occur with MQTT 3.1.1 (MQTT 5 §2.4).
_NAMES: Final = {
    0: "Success",
    128: "Unspecified error",
    129: "Malformed packet",
    130: "Protocol error",
    132: "Unsupported protocol version",
    133: "Client identifier not valid",
    134: "Bad user name or password",
    135: "Not authorized",
    136: "Server unavailable",
    141: "Keep alive timeout",
}


@functools.total_ordering
class ReasonCode:
    """A reason code, equal to its number and to its name.

    Args:
        packetType: The kind of packet, of `PacketTypes`.
        aName: The code's name. Ignored if `identifier` is given.
        identifier: The code's number.
    """

    __slots__ = ("packetType", "value")

    packetType: int  # noqa: N815 - paho's name
    value: int

    def __init__(self, packetType: int, aName: str = "Success", identifier: int = -1) -> None:  # noqa: N803
        self.packetType: int = packetType
        if identifier == -1:
            if packetType == PacketTypes.DISCONNECT and aName == "Success":
                aName = "Normal disconnection"  # noqa: N806
            self.value = self._number(aName)
        else:
            self.value = identifier
            self.getName()

    def _number(self, name: str) -> int:
        for (packet, value), own in _OWN_NAMES.items():
            if packet == self.packetType and own == name:
                return value
        for value, known in _NAMES.items():
            if known == name and (self.packetType, value) not in _OWN_NAMES:
                return value
        raise KeyError(f"no reason code of this packet is called {name!r}")

    def getName(self) -> str:  # noqa: N802 - paho's name
        """Return the code's name (MQTT 5 §2.4)."""
        own = _OWN_NAMES.get((self.packetType, self.value))
        return own if own is not None else _NAMES[self.value]

    @property
    def is_failure(self) -> bool:
        """Whether the code is 128 or more."""
        return self.value >= 128  # noqa: PLR2004 - MQTT 5 §2.4

    def json(self) -> str:
        """Return the name, for JSON."""
        return self.getName()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int):
            return self.value == other
        if isinstance(other, str):
            return self.getName() == other
        if isinstance(other, ReasonCode):
            return self.value == other.value
        return False

    def __lt__(self, other: Any) -> bool:
        if isinstance(other, int):
            return self.value < other
        if isinstance(other, ReasonCode):
            return self.value < other.value
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.value)

    def __str__(self) -> str:
        return self.getName()

    def __repr__(self) -> str:
        return f"ReasonCode({self.packetType}, {self.getName()!r})"


#: The name in paho 1.x.
ReasonCodes = ReasonCode


class Properties:
    """The properties of a packet of MQTT 5: always empty, because MQTT 3.1.1 has none."""

    __slots__ = ("packetType",)

    def __init__(self, packetType: int) -> None:  # noqa: N803
        self.packetType: int = packetType

    def isEmpty(self) -> bool:  # noqa: N802 - paho's name
        """Return `True`."""
        return True

    def json(self) -> dict[str, Any]:
        """Return an empty dictionary."""
        return {}

    def __str__(self) -> str:
        return "[]"


class ConnectFlags(NamedTuple):
    """The flags of a CONNACK."""

    #: Whether the broker remembers the session.
    session_present: bool


class DisconnectFlags(NamedTuple):
    """How a connection ended."""

    #: Whether the broker sent DISCONNECT; always false, because brokers send none in MQTT 3.1.1.
    is_disconnect_packet_from_server: bool


_CONNACK_REASONS: Final = {0: 0, 1: 132, 2: 133, 3: 136, 4: 134, 5: 135}


def convert_connack_rc_to_reason_code(connack_code: int) -> ReasonCode:
    """Return the reason code for a return code of MQTT 3.1.1's CONNACK."""
    return ReasonCode(PacketTypes.CONNACK, identifier=_CONNACK_REASONS.get(connack_code, 128))


def convert_disconnect_error_code_to_reason_code(rc: MQTTErrorCode) -> ReasonCode:
    """Return the reason code for the end of a connection."""
    reasons = {
        MQTTErrorCode.MQTT_ERR_SUCCESS: 0,
        MQTTErrorCode.MQTT_ERR_KEEPALIVE: 141,
        MQTTErrorCode.MQTT_ERR_PROTOCOL: 130,
    }
    return ReasonCode(PacketTypes.DISCONNECT, identifier=reasons.get(rc, 128))
