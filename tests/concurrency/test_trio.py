"""Under trio the asynchronous calls say what to do instead, before anything is sent or changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
import pytest
import trio

import azmqtt
from azmqtt import provisioning
from azmqtt.paho import TwinPatcher, configure

KEY = "a2V5"


async def entered(client: azmqtt.DeviceClient) -> None:
    async with client:
        raise AssertionError("it was entered")


async def each(items: Any) -> None:
    async for _ in items:
        raise AssertionError("there was an item")


DEVICE_CALLS: dict[str, Callable[[azmqtt.DeviceClient], Any]] = {
    "connect": lambda client: client.connect_async(),
    "disconnect": lambda client: client.disconnect_async(),
    "close": lambda client: client.close_async(),
    "with": entered,
    "send": lambda client: client.send_message_async("x"),
    "send many": lambda client: client.send_messages_async(["x", "y"]),
    "get": lambda client: client.get_twin_async(),
    "patch": lambda client: client.patch_reported_properties_async({"a": 1}),
    "upload": lambda client: client.upload_file_async(b"x", "x"),
    "changes": lambda client: each(client.desired_properties(timeout=1)),
    "messages": lambda client: each(client.messages(timeout=1)),
    "states": lambda client: each(client.state_changes(timeout=1)),
}


@pytest.mark.parametrize("call", DEVICE_CALLS)
def test_device_client(hub: azmqtt.LocalHub, call: str):
    device_id = hub.create_device().device_id
    with hub.device_client(device_id) as client, pytest.raises(RuntimeError, match=r"asyncio.*trio\.to_thread"):
        trio.run(DEVICE_CALLS[call], client)
    with hub.device_client(device_id) as client:
        assert client.get_twin(timeout=20).reported == {}
        assert client.send_message("after", timeout=20) is None
    assert [message.body for message in hub.wait_for_telemetry(device_id)] == [b"after"]


def test_a_client_that_could_not_be_closed_is_open(hub: azmqtt.LocalHub):
    with hub.device_client(hub.create_device().device_id) as client:
        client.connect(timeout=20)
        with pytest.raises(RuntimeError, match="asyncio"):
            trio.run(client.close_async)
        client.send_message("still", timeout=20)


def test_in_a_thread_of_trio_s_it_works(hub: azmqtt.LocalHub):
    with hub.device_client(hub.create_device().device_id) as client:
        assert trio.run(trio.to_thread.run_sync, client.get_twin).reported == {}


def test_twin_patcher(hub: azmqtt.LocalHub):
    device = hub.create_device()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=device.device_id)
    client.connect(configure(client, device.connection_string, trust=hub.ca_file), hub.port)
    client.loop_start()
    twin = TwinPatcher(client)
    try:
        for call in (lambda: twin.patch_async({"a": 1}), twin.get_async):
            with pytest.raises(RuntimeError, match=r"asyncio.*trio\.to_thread"):
                trio.run(call)
        assert twin.get(timeout=20).reported == {}
        assert asyncio.run(twin.patch_async({"a": 2}, timeout=20)).version == 2
    finally:
        client.disconnect()
        client.loop_stop()


def test_provisioning(hub: azmqtt.LocalHub):
    hub.create_enrollment("trio-device", key=KEY)
    scope, options = hub.id_scope, hub.provisioning_options
    for call in (provisioning.register_async, azmqtt.DeviceClient.provision_async):
        with pytest.raises(RuntimeError, match=r"asyncio.*trio\.to_thread"):
            trio.run(lambda call=call: call(scope, "trio-device", symmetric_key=KEY, **options))
    assert "trio-device" not in [device.device_id for device in hub.devices()]
