"""A local service in a forked child: an address only.

A hub or namespace runs on a thread of the parent. The child has a copy of the memory, but not of the threads: a call
would never return, or change the copy.
"""

from __future__ import annotations

import os
import weakref
from typing import Any

#: The attributes that a child may read: enough to connect a client.
_ADDRESS = (
    "hostname",
    "port",
    "websocket_port",
    "https_port",
    "service_port",
    "ca_file",
    "ca_pem",
    "host",
    "id_scope",
)

_live: weakref.WeakSet[Any] = weakref.WeakSet()


def watch(service: Any) -> None:
    """Replace a service's objects of the core in a forked child.

    Args:
        service: The service. ``_HALVES`` names the attributes that hold the objects, ``_core`` among them; ``_KIND`` is
            the name of the service.
    """
    _live.add(service)


class _OfTheParent:
    """The replacement of an object that belongs to the parent."""

    def __init__(self, half: Any, kind: str) -> None:
        # The getters of these attributes take no lock.
        self._address = {name: getattr(half, name) for name in _ADDRESS if hasattr(half, name)}
        self._kind = kind

    def __getattr__(self, name: str) -> Any:
        if name in self._address:
            return self._address[name]
        raise RuntimeError(
            f"this {self._kind} was made before fork() and runs in the parent process; connect to it by its host and "
            f"port, or make a new {self._kind} in this process"
        )


def is_of_the_parent(service: Any) -> bool:
    """Whether this process was forked after the service was created."""
    return isinstance(service._core, _OfTheParent)  # noqa: SLF001 - as below


def _after_fork() -> None:
    for service in list(_live):
        service._finalizer.detach()  # noqa: SLF001 - the other half of the class
        for name in service._HALVES:  # noqa: SLF001 - the same
            setattr(service, name, _OfTheParent(getattr(service, name), service._KIND))  # noqa: SLF001 - the same


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
