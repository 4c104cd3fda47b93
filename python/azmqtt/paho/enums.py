"""The names of `paho.mqtt.enums`."""

from azmqtt.paho._enums import CallbackAPIVersion, ConnackCode, LogLevel, MQTTErrorCode, MQTTProtocolVersion

__all__ = ["CallbackAPIVersion", "ConnackCode", "LogLevel", "MQTTErrorCode", "MQTTProtocolVersion"]
