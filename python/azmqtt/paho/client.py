"""The names of `paho.mqtt.client`, so that changing the import is all it takes."""

from azmqtt.paho._dropin import *  # noqa: F403 - its __all__ is ours
from azmqtt.paho._dropin import __all__ as __all__  # noqa: PLC0414 - as mypy wants it
