"""After ``fork()`` the connection is the parent's: the child is told so, and disturbs nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest

import azmqtt
from azmqtt.paho import TwinPatcher
from support import device_of, running

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # Python's own about fork and threads
]

CALLS: dict[str, Callable[[TwinPatcher], Any]] = {
    "patch": lambda twin: twin.patch({"from": "child"}, timeout=20),
    "get": lambda twin: twin.get(timeout=20),
    "patch_future": lambda twin: twin.patch_future({"from": "child"}),
    "patch_async": lambda twin: asyncio.run(twin.patch_async({"from": "child"})),
    "on_desired": lambda twin: twin.on_desired(print),
    "observe": lambda twin: twin.observe(print),
}


def outcome_of(call: Callable[[TwinPatcher], Any], twin: TwinPatcher) -> str:
    """What a call raised."""
    try:
        return f"returned {call(twin)}"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("call", CALLS)
def test_a_child_is_told(hub: azmqtt.LocalHub, call: str, *, connected: bool):
    client = device_of(hub)
    twin = TwinPatcher(client)

    def fork() -> str:
        out, into = os.pipe()
        if os.fork() == 0:
            # The parent's threads may have been anywhere.
            twin._link._lock = None
            os.write(into, outcome_of(CALLS[call], twin).encode())
            twin.close()
            os._exit(0)
        os.close(into)
        with os.fdopen(out) as told:
            return told.read()

    if connected:
        with running(client, hub.port):
            twin.patch({"from": "parent"}, timeout=20)
            assert fork().startswith("RuntimeError: this client was made before fork()")
            connections = hub.connection_count(client.device_id)
            assert twin.patch({"from": "parent again"}, timeout=20).version == 3
            assert hub.connection_count(client.device_id) == connections == 1
    else:
        assert fork().startswith("RuntimeError: this client was made before fork()")
