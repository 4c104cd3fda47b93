"""The names of `paho.mqtt.reasoncodes`."""

from azmqtt.paho._reason_codes import ReasonCode, ReasonCodes

__all__ = ["ReasonCode", "ReasonCodes"]
