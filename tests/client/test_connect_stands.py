"""A call that connects is answered when the subscriptions of everything registered before stand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import azmqtt

#: The old fault showed in half of the attempts.
ROUNDS = 10

#: The first call of a client.
FIRST_CALLS: dict[str, Callable[[azmqtt.DeviceClient], object]] = {
    "connect": lambda client: client.connect(),
    "get_twin": lambda client: client.get_twin(),
    "send_message": lambda client: client.send_message("first"),
    "send_message_qos0": lambda client: client.send_message("first", qos=0),
    "patch": lambda client: client.patch_reported_properties({"first": 1}),
}


@pytest.fixture(scope="module")
def hub() -> Iterator[azmqtt.LocalHub]:
    with azmqtt.LocalHub(record_packets=True) as hub:
        yield hub


@contextmanager
def fresh_client(hub, module_id=None, **options):
    with hub.device_client(hub.create_device().device_id, module_id=module_id, **options) as client:
        yield client


def granted(hub, client) -> int:
    packets = hub.packets(client.device_id, module_id=client.module_id)
    return sum(packet.kind == "SUBACK" for packet in packets)


@pytest.mark.parametrize("call", FIRST_CALLS)
def test_a_method_can_be_called_after_the_first_call(hub, call):
    for _ in range(ROUNDS):
        with fresh_client(hub) as client:
            client.on_method("m", lambda _: "done")
            FIRST_CALLS[call](client)
            assert hub.invoke_method(client.device_id, "m").payload == "done"


@pytest.mark.parametrize("call", FIRST_CALLS)
@pytest.mark.parametrize("form", ["handler", "iterator"])
def test_no_desired_change_is_missed_after_the_first_call(hub, call, form):
    for _ in range(ROUNDS):
        with fresh_client(hub) as client:
            changes = client.desired_properties(timeout=10)
            got = []
            if form == "handler":
                client.on_desired_properties(got.append)
            FIRST_CALLS[call](client)
            hub.patch_desired(client.device_id, {"v": 1})
            change = next(changes, None) if form == "iterator" else wait_for(got)
            assert change is not None
            assert change.patch == {"v": 1}


def wait_for(got):
    import time

    deadline = time.monotonic() + 10
    while not got:
        assert time.monotonic() < deadline, "the handler was not called"
        time.sleep(0.005)
    return got[0]


async def test_the_async_form(hub):
    for _ in range(ROUNDS):
        async with hub.device_client(hub.create_device().device_id) as client:
            changed: asyncio.Queue[azmqtt.DesiredPatch] = asyncio.Queue()

            async def handler(change, changed=changed):
                await changed.put(change)

            async def method(_):
                return "done"

            client.on_desired_properties(handler)
            client.on_method("m", method)
            await client.connect_async()
            hub.patch_desired(client.device_id, {"v": 1})
            answer = await asyncio.to_thread(hub.invoke_method, client.device_id, "m")
            assert answer.payload == "done"
            assert (await asyncio.wait_for(changed.get(), 10)).patch == {"v": 1}


def test_every_kind_of_registration_counts(hub):
    with fresh_client(hub) as client:
        client.on_desired_properties(lambda _: None)
        client.on_message(lambda _: None)
        client.on_method("m", lambda _: None)
        client.connect()
        # The answers of the twin are subscribed to for the changes.
        assert granted(hub, client) == 4
    with fresh_client(hub) as client:
        iterators = client.messages(timeout=1), client.desired_properties(timeout=1)
        client.connect()
        assert granted(hub, client) == 3
        del iterators


def test_inputs_of_a_module(hub):
    with fresh_client(hub, module_id="m1") as module:
        module.on_input_message("in", lambda _: None)
        module.on_desired_properties(lambda _: None)
        module.connect()
        assert granted(hub, module) == 3


def test_without_auto_connect(hub):
    with fresh_client(hub, auto_connect=False) as client:
        client.on_method("m", lambda _: "done")
        changes = client.desired_properties(timeout=10)
        client.connect()
        assert hub.invoke_method(client.device_id, "m").payload == "done"
        hub.patch_desired(client.device_id, {"v": 1})
        assert next(changes).patch == {"v": 1}


def test_registered_while_connected(hub):
    """Registering does not wait; the next call does, connect() among them."""
    for call in FIRST_CALLS.values():
        with fresh_client(hub) as client:
            client.connect()
            client.on_method("m", lambda _: "done")
            call(client)
            assert hub.invoke_method(client.device_id, "m").payload == "done"


def test_after_a_disconnect(hub):
    with fresh_client(hub) as client:
        client.on_method("m", lambda _: "done")
        client.connect()
        client.disconnect()
        client.connect()
        assert hub.invoke_method(client.device_id, "m").payload == "done"


def test_a_provisioned_client(hub):
    enrollment = hub.create_enrollment("stands-1")
    with azmqtt.DeviceClient.provision(
        hub.id_scope, "stands-1", symmetric_key=enrollment.key, **hub.provisioning_options
    ) as client:
        client.on_method("m", lambda _: "done")
        client.connect()
        assert hub.invoke_method("stands-1", "m").payload == "done"


def test_a_basic_tier_says_so_at_once():
    with azmqtt.LocalHub(tier="B1") as basic, basic.device_client("d", timeout=50) as client:
        with pytest.raises(azmqtt.RequestFailed, match=r"403.*tier B1"):
            next(client.desired_properties(timeout=1))
        client.on_desired_properties(lambda _: None)
        with pytest.raises(azmqtt.RequestFailed, match=r"403.*tier B1"):
            client.connect()
        # The connection is there, and what the tier has goes on.
        assert client.connected
        client.send_message("telemetry")


async def test_a_basic_tier_says_so_at_once_in_async_form():
    with azmqtt.LocalHub(tier="B1") as basic:
        async with basic.device_client("d", timeout=50) as client:
            with pytest.raises(azmqtt.RequestFailed, match=r"403.*tier B1"):
                async for _ in client.desired_properties(timeout=1):
                    pass
