"""What most tests begin with: a local hub, and a client of a device of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

import azmqtt

# Whatever starts the tests in the background may have them ignore Ctrl-C, and their children with them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def hub() -> Iterator[azmqtt.LocalHub]:
    """One hub for the tests of a file."""
    with azmqtt.LocalHub() as hub:
        yield hub


@pytest.fixture
def client(hub: azmqtt.LocalHub) -> Iterator[azmqtt.DeviceClient]:
    """A client, not yet connected, of a device that no other test uses."""
    with hub.device_client(hub.create_device().device_id) as client:
        yield client
