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


def require_client(client: Any) -> None:
    """Check that this is a client of paho's.

    Raises:
        ImportError: paho-mqtt is not installed.
        TypeError: It is something else.
    """
    if not isinstance(client, require_paho().Client):
        msg = f"client must be a paho.mqtt.client.Client, not {type(client).__module__}.{type(client).__qualname__}"
        raise TypeError(msg)
