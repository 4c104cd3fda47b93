"""Access to paho-mqtt, which the application installs."""

from __future__ import annotations

import sys
from typing import Any


def require_paho() -> Any:
    """Return the module ``paho.mqtt.client``.

    Raises:
        ImportError: paho-mqtt is not installed, or is older than 1.6.1.
    """
    try:
        from paho.mqtt import client
    except ImportError as error:
        msg = "azmqtt.paho.TwinPatcher and configure work on a paho client, and paho-mqtt is not installed: "
        raise ImportError(msg + 'pip install "azmqtt[paho]" or "paho-mqtt>=1.6.1"', name="paho") from error
    return client


def require_client(client: Any) -> None:
    """Check that this is a paho client for MQTT 3.1.1.

    Raises:
        ImportError: paho-mqtt is not installed.
        TypeError: The object is not a paho client.
        ValueError: The client is for another version of MQTT.
    """
    # Whoever has one has loaded its module; and paho need not be there.
    drop_in = sys.modules.get("azmqtt.paho._client")
    if drop_in is not None and isinstance(client, drop_in.Client):
        raise TypeError(
            "client must be a paho.mqtt.client.Client, not the drop-in azmqtt.paho.Client: "
            "for an application without paho there is azmqtt.DeviceClient"
        )
    paho = require_paho()
    if not isinstance(client, paho.Client):
        msg = f"client must be a paho.mqtt.client.Client, not {type(client).__module__}.{type(client).__qualname__}"
        raise TypeError(msg)
    if getattr(client, "_protocol", paho.MQTTv311) != paho.MQTTv311:
        raise ValueError("client: IoT Hub supports only MQTT 3.1.1; create the client with protocol=MQTTv311")
