"""Numbers with names, under the names that paho-mqtt gives them."""

from __future__ import annotations

import enum
from typing import Final


class _Number(enum.IntEnum):
    """An integer with a name, which prints as the integer on every version of Python."""

    def __str__(self) -> str:
        return str(self.value)


class MQTTErrorCode(_Number):
    """The result of a call, or the reason for the end of a connection."""

    MQTT_ERR_AGAIN = -1
    MQTT_ERR_SUCCESS = 0
    MQTT_ERR_NOMEM = 1
    MQTT_ERR_PROTOCOL = 2
    MQTT_ERR_INVAL = 3
    MQTT_ERR_NO_CONN = 4
    MQTT_ERR_CONN_REFUSED = 5
    MQTT_ERR_NOT_FOUND = 6
    MQTT_ERR_CONN_LOST = 7
    MQTT_ERR_TLS = 8
    MQTT_ERR_PAYLOAD_SIZE = 9
    MQTT_ERR_NOT_SUPPORTED = 10
    MQTT_ERR_AUTH = 11
    MQTT_ERR_ACL_DENIED = 12
    MQTT_ERR_UNKNOWN = 13
    MQTT_ERR_ERRNO = 14
    MQTT_ERR_QUEUE_SIZE = 15
    MQTT_ERR_KEEPALIVE = 16


class ConnackCode(_Number):
    """The broker's answer to CONNECT (MQTT 3.1.1 §3.2.2.3)."""

    CONNACK_ACCEPTED = 0
    CONNACK_REFUSED_PROTOCOL_VERSION = 1
    CONNACK_REFUSED_IDENTIFIER_REJECTED = 2
    CONNACK_REFUSED_SERVER_UNAVAILABLE = 3
    CONNACK_REFUSED_BAD_USERNAME_PASSWORD = 4
    CONNACK_REFUSED_NOT_AUTHORIZED = 5


class MQTTProtocolVersion(_Number):
    """Versions of MQTT. This package's client does not support 5."""

    MQTTv31 = 3
    MQTTv311 = 4
    MQTTv5 = 5


class MessageType(_Number):
    """Control packet types, as in the first byte of the fixed header (MQTT 3.1.1 §2.2.1)."""

    CONNECT = 0x10
    CONNACK = 0x20
    PUBLISH = 0x30
    PUBACK = 0x40
    PUBREC = 0x50
    PUBREL = 0x60
    PUBCOMP = 0x70
    SUBSCRIBE = 0x80
    SUBACK = 0x90
    UNSUBSCRIBE = 0xA0
    UNSUBACK = 0xB0
    PINGREQ = 0xC0
    PINGRESP = 0xD0
    DISCONNECT = 0xE0
    AUTH = 0xF0


class MessageState(_Number):
    """The state of a message. In this package, `MQTTMessage.state` is always the first one."""

    MQTT_MS_INVALID = 0
    MQTT_MS_PUBLISH = 1
    MQTT_MS_WAIT_FOR_PUBACK = 2
    MQTT_MS_WAIT_FOR_PUBREC = 3
    MQTT_MS_RESEND_PUBREL = 4
    MQTT_MS_WAIT_FOR_PUBREL = 5
    MQTT_MS_RESEND_PUBCOMP = 6
    MQTT_MS_WAIT_FOR_PUBCOMP = 7
    MQTT_MS_SEND_PUBREC = 8
    MQTT_MS_QUEUED = 9


class PahoClientMode(_Number):
    """Client or bridge. This package does not support bridges."""

    MQTT_CLIENT = 0
    MQTT_BRIDGE = 1


class LogLevel(_Number):
    """The levels of `on_log`."""

    MQTT_LOG_INFO = 1
    MQTT_LOG_NOTICE = 2
    MQTT_LOG_WARNING = 4
    MQTT_LOG_ERR = 8
    MQTT_LOG_DEBUG = 16


class CallbackAPIVersion(enum.Enum):
    """The arguments of callbacks: those of paho 1.x, or those introduced in 2.0."""

    VERSION1 = 1
    VERSION2 = 2


MQTT_ERR_AGAIN: Final = MQTTErrorCode.MQTT_ERR_AGAIN
MQTT_ERR_SUCCESS: Final = MQTTErrorCode.MQTT_ERR_SUCCESS
MQTT_ERR_NOMEM: Final = MQTTErrorCode.MQTT_ERR_NOMEM
MQTT_ERR_PROTOCOL: Final = MQTTErrorCode.MQTT_ERR_PROTOCOL
MQTT_ERR_INVAL: Final = MQTTErrorCode.MQTT_ERR_INVAL
MQTT_ERR_NO_CONN: Final = MQTTErrorCode.MQTT_ERR_NO_CONN
MQTT_ERR_CONN_REFUSED: Final = MQTTErrorCode.MQTT_ERR_CONN_REFUSED
MQTT_ERR_NOT_FOUND: Final = MQTTErrorCode.MQTT_ERR_NOT_FOUND
MQTT_ERR_CONN_LOST: Final = MQTTErrorCode.MQTT_ERR_CONN_LOST
MQTT_ERR_TLS: Final = MQTTErrorCode.MQTT_ERR_TLS
MQTT_ERR_PAYLOAD_SIZE: Final = MQTTErrorCode.MQTT_ERR_PAYLOAD_SIZE
MQTT_ERR_NOT_SUPPORTED: Final = MQTTErrorCode.MQTT_ERR_NOT_SUPPORTED
MQTT_ERR_AUTH: Final = MQTTErrorCode.MQTT_ERR_AUTH
MQTT_ERR_ACL_DENIED: Final = MQTTErrorCode.MQTT_ERR_ACL_DENIED
MQTT_ERR_UNKNOWN: Final = MQTTErrorCode.MQTT_ERR_UNKNOWN
MQTT_ERR_ERRNO: Final = MQTTErrorCode.MQTT_ERR_ERRNO
MQTT_ERR_QUEUE_SIZE: Final = MQTTErrorCode.MQTT_ERR_QUEUE_SIZE
MQTT_ERR_KEEPALIVE: Final = MQTTErrorCode.MQTT_ERR_KEEPALIVE

CONNACK_ACCEPTED: Final = ConnackCode.CONNACK_ACCEPTED
CONNACK_REFUSED_PROTOCOL_VERSION: Final = ConnackCode.CONNACK_REFUSED_PROTOCOL_VERSION
CONNACK_REFUSED_IDENTIFIER_REJECTED: Final = ConnackCode.CONNACK_REFUSED_IDENTIFIER_REJECTED
CONNACK_REFUSED_SERVER_UNAVAILABLE: Final = ConnackCode.CONNACK_REFUSED_SERVER_UNAVAILABLE
CONNACK_REFUSED_BAD_USERNAME_PASSWORD: Final = ConnackCode.CONNACK_REFUSED_BAD_USERNAME_PASSWORD
CONNACK_REFUSED_NOT_AUTHORIZED: Final = ConnackCode.CONNACK_REFUSED_NOT_AUTHORIZED

MQTTv31: Final = MQTTProtocolVersion.MQTTv31
MQTTv311: Final = MQTTProtocolVersion.MQTTv311
MQTTv5: Final = MQTTProtocolVersion.MQTTv5

MQTT_LOG_INFO: Final = LogLevel.MQTT_LOG_INFO
MQTT_LOG_NOTICE: Final = LogLevel.MQTT_LOG_NOTICE
MQTT_LOG_WARNING: Final = LogLevel.MQTT_LOG_WARNING
MQTT_LOG_ERR: Final = LogLevel.MQTT_LOG_ERR
MQTT_LOG_DEBUG: Final = LogLevel.MQTT_LOG_DEBUG

MQTT_CLIENT: Final = PahoClientMode.MQTT_CLIENT
MQTT_BRIDGE: Final = PahoClientMode.MQTT_BRIDGE
#: paho's default of `clean_start`, which is for MQTT 5.
MQTT_CLEAN_START_FIRST_ONLY: Final = 3

_ERRORS: Final = {
    MQTT_ERR_AGAIN: "try again",
    MQTT_ERR_SUCCESS: "success",
    MQTT_ERR_NOMEM: "out of memory",
    MQTT_ERR_PROTOCOL: "the broker broke the protocol",
    MQTT_ERR_INVAL: "an argument is invalid",
    MQTT_ERR_NO_CONN: "there is no connection",
    MQTT_ERR_CONN_REFUSED: "the broker refused the connection",
    MQTT_ERR_NOT_FOUND: "there is no such message",
    MQTT_ERR_CONN_LOST: "the connection was lost",
    MQTT_ERR_TLS: "TLS failed",
    MQTT_ERR_PAYLOAD_SIZE: "the payload is too large",
    MQTT_ERR_NOT_SUPPORTED: "this is not supported",
    MQTT_ERR_AUTH: "the authorization failed",
    MQTT_ERR_ACL_DENIED: "the access is denied",
    MQTT_ERR_UNKNOWN: "the cause is unknown",
    MQTT_ERR_ERRNO: "the system reported an error",
    MQTT_ERR_QUEUE_SIZE: "the queue is full",
    MQTT_ERR_KEEPALIVE: "the broker was silent for longer than the keep-alive allows",
}

_CONNACKS: Final = {
    CONNACK_ACCEPTED: "accepted",
    CONNACK_REFUSED_PROTOCOL_VERSION: "refused: the broker does not speak this version of MQTT",
    CONNACK_REFUSED_IDENTIFIER_REJECTED: "refused: the broker does not take this client id",
    CONNACK_REFUSED_SERVER_UNAVAILABLE: "refused: the broker is not available",
    CONNACK_REFUSED_BAD_USERNAME_PASSWORD: "refused: user name or password is wrong",
    CONNACK_REFUSED_NOT_AUTHORIZED: "refused: this client is not authorized",
}


def error_string(mqtt_errno: int) -> str:
    """Return the description of an error code. The wording differs from paho's."""
    return _ERRORS.get(mqtt_errno, "the cause is unknown")  # type: ignore[call-overload,no-any-return]


def connack_string(connack_code: object) -> str:
    """Return the description of a broker's answer to CONNECT. The wording differs from paho's."""
    if not isinstance(connack_code, int):
        return str(connack_code)
    return _CONNACKS.get(connack_code, "refused: the reason is unknown")  # type: ignore[call-overload,no-any-return]
