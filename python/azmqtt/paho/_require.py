"""paho-mqtt is the application's to install."""

from __future__ import annotations

from typing import Any


def require_paho() -> Any:
    """Return the module ``paho.mqtt.client``.

    Raises:
        ImportError: It is not installed, or it is older than 1.6.1.
    """
    try:
        from paho.mqtt import client
    except ImportError as error:
        msg = "azmqtt.paho.TwinPatcher and configure work on a paho client, and paho-mqtt is not installed: "
        raise ImportError(msg + 'pip install "azmqtt[paho]" or "paho-mqtt>=1.6.1"', name="paho") from error
    return client
