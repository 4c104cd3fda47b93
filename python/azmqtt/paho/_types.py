"""The remaining names of `paho.mqtt.client`: types for annotations, and rarely used constants."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

from azmqtt.paho._enums import LogLevel, MessageState, MessageType

#: The levels of `logging` by the levels of `on_log`.
LOGGING_LEVEL: Final = {
    LogLevel.MQTT_LOG_DEBUG: logging.DEBUG,
    LogLevel.MQTT_LOG_INFO: logging.INFO,
    LogLevel.MQTT_LOG_NOTICE: logging.INFO,
    LogLevel.MQTT_LOG_WARNING: logging.WARNING,
    LogLevel.MQTT_LOG_ERR: logging.ERROR,
}

CONNECT, CONNACK = MessageType.CONNECT, MessageType.CONNACK
PUBLISH, PUBACK = MessageType.PUBLISH, MessageType.PUBACK
PUBREC, PUBREL, PUBCOMP = MessageType.PUBREC, MessageType.PUBREL, MessageType.PUBCOMP
SUBSCRIBE, SUBACK = MessageType.SUBSCRIBE, MessageType.SUBACK
UNSUBSCRIBE, UNSUBACK = MessageType.UNSUBSCRIBE, MessageType.UNSUBACK
PINGREQ, PINGRESP = MessageType.PINGREQ, MessageType.PINGRESP
DISCONNECT, AUTH = MessageType.DISCONNECT, MessageType.AUTH

mqtt_ms_invalid: Final = MessageState.MQTT_MS_INVALID
mqtt_ms_publish: Final = MessageState.MQTT_MS_PUBLISH
mqtt_ms_wait_for_puback: Final = MessageState.MQTT_MS_WAIT_FOR_PUBACK
mqtt_ms_wait_for_pubrec: Final = MessageState.MQTT_MS_WAIT_FOR_PUBREC
mqtt_ms_resend_pubrel: Final = MessageState.MQTT_MS_RESEND_PUBREL
mqtt_ms_wait_for_pubrel: Final = MessageState.MQTT_MS_WAIT_FOR_PUBREL
mqtt_ms_resend_pubcomp: Final = MessageState.MQTT_MS_RESEND_PUBCOMP
mqtt_ms_wait_for_pubcomp: Final = MessageState.MQTT_MS_WAIT_FOR_PUBCOMP
mqtt_ms_send_pubrec: Final = MessageState.MQTT_MS_SEND_PUBREC
mqtt_ms_queued: Final = MessageState.MQTT_MS_QUEUED

HTTPHeader: TypeAlias = dict[str, str]
WebSocketHeaders: TypeAlias = Callable[[HTTPHeader], HTTPHeader] | HTTPHeader
CleanStartOption: TypeAlias = bool | Literal[3]

# The arguments of callbacks depend on the callback version: docs/paho-drop-in.md.
CallbackOnConnect: TypeAlias = Callable[..., Any]
CallbackOnConnect_v1: TypeAlias = Callable[..., Any]
CallbackOnConnect_v2: TypeAlias = Callable[..., Any]
CallbackOnConnectFail: TypeAlias = Callable[..., Any]
CallbackOnDisconnect: TypeAlias = Callable[..., Any]
CallbackOnDisconnect_v1: TypeAlias = Callable[..., Any]
CallbackOnDisconnect_v2: TypeAlias = Callable[..., Any]
CallbackOnLog: TypeAlias = Callable[..., Any]
CallbackOnMessage: TypeAlias = Callable[..., Any]
CallbackOnPreConnect: TypeAlias = Callable[..., Any]
CallbackOnPublish: TypeAlias = Callable[..., Any]
CallbackOnPublish_v1: TypeAlias = Callable[..., Any]
CallbackOnPublish_v2: TypeAlias = Callable[..., Any]
CallbackOnSubscribe: TypeAlias = Callable[..., Any]
CallbackOnSubscribe_v1: TypeAlias = Callable[..., Any]
CallbackOnSubscribe_v2: TypeAlias = Callable[..., Any]
CallbackOnUnsubscribe: TypeAlias = Callable[..., Any]
CallbackOnUnsubscribe_v1: TypeAlias = Callable[..., Any]
CallbackOnUnsubscribe_v2: TypeAlias = Callable[..., Any]
CallbackOnConnect_v1_mqtt3: TypeAlias = Callable[..., Any]
CallbackOnConnect_v1_mqtt5: TypeAlias = Callable[..., Any]
CallbackOnDisconnect_v1_mqtt3: TypeAlias = Callable[..., Any]
CallbackOnDisconnect_v1_mqtt5: TypeAlias = Callable[..., Any]
CallbackOnSocket: TypeAlias = Callable[..., Any]
CallbackOnSubscribe_v1_mqtt3: TypeAlias = Callable[..., Any]
CallbackOnSubscribe_v1_mqtt5: TypeAlias = Callable[..., Any]
CallbackOnUnsubscribe_v1_mqtt3: TypeAlias = Callable[..., Any]
CallbackOnUnsubscribe_v1_mqtt5: TypeAlias = Callable[..., Any]
