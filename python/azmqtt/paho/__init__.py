"""For applications that use paho-mqtt (https://pypi.org/project/paho-mqtt/).

==========================  ========================================================================
:class:`TwinPatcher`        twin requests, with their answers, over an existing paho client
:func:`configure`           a connection string for a paho client: client id, user name, password, TLS
:class:`Client`             in place of ``paho.mqtt.client.Client``, on this package's core
==========================  ========================================================================

The first two need paho-mqtt 1.6.1 or later, which azmqtt does not install by default: ``pip install "azmqtt[paho]"``.
:class:`Client` does not need it. ``azmqtt.paho.client`` has all names of ``paho.mqtt.client``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azmqtt.paho._configure import configure
    from azmqtt.paho._patcher import TwinPatcher

__all__ = ["TwinPatcher", "configure"]

#: Each part is loaded when it is used.
_ELSEWHERE = {"TwinPatcher": "azmqtt.paho._patcher", "configure": "azmqtt.paho._configure"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _ELSEWHERE:
        return getattr(import_module(_ELSEWHERE[name]), name)
    # `Client` and the names that go with it.
    if not name.startswith("_"):
        try:
            return getattr(import_module("azmqtt.paho._dropin"), name)
        except AttributeError:
            pass
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
