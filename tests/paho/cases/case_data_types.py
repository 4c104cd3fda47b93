"""Patches of everyday types, and of the application's own."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal

import pytest

import azmqtt
from azmqtt.paho import TwinPatcher
from support import device_of, running

PATCH = {"at": dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc), "price": Decimal("1.10"), "points": {2, 1}}
TEXT = {"at": "2026-01-02T00:00:00Z", "price": 1.1, "points": [1, 2]}


def of_set(value: object) -> object:
    return sorted(value) if isinstance(value, set) else value


@pytest.mark.parametrize("call", ["patch", "patch_future", "patch_async"])
def test_a_patch(hub: azmqtt.LocalHub, call: str):
    client = device_of(hub)
    with running(client, hub.port), TwinPatcher(client, json_default=of_set) as twin:
        if call == "patch":
            twin.patch(PATCH)
        elif call == "patch_future":
            twin.patch_future(PATCH).result(20)
        else:
            asyncio.run(twin.patch_async(PATCH))
        assert twin.get().reported == TEXT


def test_what_nobody_knows(hub: azmqtt.LocalHub):
    client = device_of(hub)
    with running(client, hub.port), TwinPatcher(client) as twin:
        with pytest.raises(TypeError, match=r"patch\.points: set is not JSON"):
            twin.patch(PATCH)
        with pytest.raises(TypeError, match="json_default must be callable, not int"):
            TwinPatcher(client, json_default=5)
