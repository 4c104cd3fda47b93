"""What a local hub is in a forked child: an address.

The hub runs on a thread of the parent. The child has a copy of its memory and not of its threads: a call would wait for
ever, or change the copy.
"""

from __future__ import annotations

import os
import weakref
from typing import Any

#: What may be read in the child, too: enough for a client of its own.
_ADDRESS = ("hostname", "port", "websocket_port", "service_port", "ca_file", "ca_pem", "host", "id_scope")

#: Where a hub keeps its halves in the core.
_HALVES = ("_core", "_packets", "_provisioning", "_faults")

_live: weakref.WeakSet[Any] = weakref.WeakSet()


def watch(hub: Any) -> None:
    """Take a hub's halves away from it in a forked child."""
    _live.add(hub)


class _OfTheParent:
    """Stands for a half that is the parent's."""

    def __init__(self, half: Any) -> None:
        # Getters of these take no lock.
        self._address = {name: getattr(half, name) for name in _ADDRESS if hasattr(half, name)}

    def __getattr__(self, name: str) -> Any:
        if name in self._address:
            return self._address[name]
        raise RuntimeError(
            "this hub was made before fork() and runs in the parent process; connect to it by its host and port, "
            "or make a new hub in this process"
        )


def is_of_the_parent(hub: Any) -> bool:
    """Whether this process was forked since the hub was made."""
    return isinstance(hub._core, _OfTheParent)  # noqa: SLF001 - as below


def _after_fork() -> None:
    for hub in list(_live):
        hub._finalizer.detach()  # noqa: SLF001 - the other half of the class
        for name in _HALVES:
            setattr(hub, name, _OfTheParent(getattr(hub, name)))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
