"""The names of `paho.mqtt.enums`."""

from azmqtt.paho._enums import (
    CallbackAPIVersion,
    ConnackCode,
    LogLevel,
    MessageState,
    MessageType,
    MQTTErrorCode,
    MQTTProtocolVersion,
    PahoClientMode,
)

__all__ = [
    "CallbackAPIVersion",
    "ConnackCode",
    "LogLevel",
    "MQTTErrorCode",
    "MQTTProtocolVersion",
    "MessageState",
    "MessageType",
    "PahoClientMode",
]
