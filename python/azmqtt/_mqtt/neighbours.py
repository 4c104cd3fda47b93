"""Clients of one process that would take the session from each other.

A broker keeps only the newest connection of a client identifier [MQTT-3.1.4-3]. Some, such as Mosquitto 2.0, do not say
so to the older client, which connects again and ends the newer one's connection, and so on for ever.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from azmqtt._mqtt import MqttClient
    from azmqtt._mqtt.layout import BrokerOptions

#: The process, because a child of `fork()` has no use for its parent's clients; the broker; the client identifier.
_Place: TypeAlias = "tuple[int, str, int, str]"

#: The newest client in each place. Keeps none of them alive.
_newest: WeakValueDictionary[_Place, MqttClient] = WeakValueDictionary()


def look_around(options: BrokerOptions) -> None:
    """Warn if another client with the client identifier of these options is connected, or wants to be."""
    other = _newest.get(_place(options))
    # The broker makes up the identifier of a client that has none.
    if other is not None and options["client_id"] and other.state not in {"closed", "disconnected"}:
        from azmqtt._support.warnings import shares_a_client_id

        shares_a_client_id(options["hostname"], options["client_id"])


def enter(client: MqttClient, options: BrokerOptions) -> None:
    """Note a client that was made."""
    _newest[_place(options)] = client


def _place(options: BrokerOptions) -> _Place:
    # Names of hosts know no case (RFC 4343).
    return os.getpid(), options["hostname"].lower(), options["port"], options["client_id"]
