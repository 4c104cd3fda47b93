"""How the applications of this folder reach their hub; each brings its own way with the twin."""

from __future__ import annotations

import os
from typing import Any

import paho.mqtt.client as mqtt

HOST, PORT = "localhost", int(os.environ["HUB_PORT"])
DEVICE_ID = os.environ["DEVICE_ID"]


def make_client(*, api_version: int = 1, **arguments: Any) -> mqtt.Client:
    """Make a client as one does by hand, for paho 1.6 as for 2.x."""
    if hasattr(mqtt, "CallbackAPIVersion"):
        arguments["callback_api_version"] = mqtt.CallbackAPIVersion(api_version)
    client = mqtt.Client(client_id=DEVICE_ID, protocol=mqtt.MQTTv311, **arguments)
    client.username_pw_set(f"{HOST}/{DEVICE_ID}/?api-version=2021-04-12", os.environ["SAS_TOKEN"])
    client.tls_set(ca_certs=os.environ["CA_FILE"])
    return client


def say(what: str, *details: object) -> None:
    """Print one line at once; a topic without its query, whose ids differ from run to run."""
    print(what, *(str(detail).split("?")[0] for detail in details), flush=True)
