"""The handlers of a client, by the kind of what they are called for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import azmqtt


def register(client: azmqtt.DeviceClient, kind: str, handler: Callable[..., Any]) -> None:
    """Register ``handler`` for ``kind``: messages, desired, states, methods (``m``) or inputs (``in``)."""
    {
        "messages": client.on_message,
        "desired": client.on_desired_properties,
        "states": client.on_state_change,
        "methods": lambda handler: client.on_method("m", handler),
        "inputs": lambda handler: client.on_input_message("in", handler),
    }[kind](handler)
