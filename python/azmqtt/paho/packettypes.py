"""The names of `paho.mqtt.packettypes`."""

from azmqtt.paho._reason_codes import PacketTypes

__all__ = ["PacketTypes"]
