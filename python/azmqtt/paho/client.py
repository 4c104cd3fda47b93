"""The names of `paho.mqtt.client`: an application only has to change its import."""

from azmqtt.paho._dropin import *  # noqa: F403 - its __all__ is ours
from azmqtt.paho._dropin import __all__ as __all__  # noqa: PLC0414 - as mypy wants it
