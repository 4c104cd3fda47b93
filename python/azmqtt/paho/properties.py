"""The names of `paho.mqtt.properties`."""

from azmqtt.paho._reason_codes import Properties

__all__ = ["Properties"]
