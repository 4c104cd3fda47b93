"""Many messages by one call."""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
import time

import pytest

import azmqtt


@pytest.fixture
def client(hub):
    with hub.device_client(hub.create_device().device_id, outbox=azmqtt.Outbox(messages=600)) as client:
        yield client


def bodies(hub, client):
    return [message.body for message in hub.telemetry(client.device_id)]


def test_more_messages_than_the_outbox_holds_arrive_in_order(hub, client):
    assert client.send_messages(b"%d" % n for n in range(5000)) == 5000
    assert bodies(hub, client) == [b"%d" % n for n in range(5000)]


async def test_the_same_awaited(hub, client):
    assert await client.send_messages_async([b"%d" % n for n in range(3000)]) == 3000
    assert bodies(hub, client) == [b"%d" % n for n in range(3000)]


async def test_async_iterables(hub, client):
    async def produce():
        for n in range(1500):
            yield {"n": n}
            if n % 500 == 0:
                await asyncio.sleep(0)

    assert await client.send_messages_async(produce()) == 1500
    assert len(bodies(hub, client)) == 1500


def test_nothing_to_send(client):
    assert client.send_messages([]) == 0


def test_every_kind_of_message(hub, client):
    assert client.send_messages([b"a", "b", [1], azmqtt.Message(b"d", qos=0), bytearray(b"e")]) == 5
    assert bodies(hub, client) == [b"a", b"b", b"[1]", b"d", b"e"]


def test_payloads_of_any_size_side_by_side(hub, client):
    """Small ones share memory."""
    sizes = [0, 1, 255, 1023, 1024, 1025, 8191, 8192, 8193, 100_000, 7]
    payloads = [bytes([n % 256]) * size for n, size in enumerate(sizes * 20)]
    assert client.send_messages(payloads) == len(payloads)
    assert bodies(hub, client) == payloads


def test_a_slow_generator_keeps_no_message_waiting(hub, client):
    arrived = threading.Event()

    def produce():
        for n in range(200):
            yield b"%d" % n
        # The first ones have gone out although the generator has not gone on.
        hub.wait_for_telemetry(client.device_id, count=200, timeout=10)
        arrived.set()
        yield b"last"

    client.connect()
    assert client.send_messages(produce()) == 201
    assert arrived.is_set()


def test_an_iterable_that_raises(hub, client):
    def produce():
        yield from itertools.repeat(b"x", 1000)
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more") as caught:
        client.send_messages(produce())
    assert caught.value.acknowledged == 1000
    assert len(bodies(hub, client)) == 1000


async def test_an_async_iterable_that_raises(client):
    async def produce():
        for _ in range(10):
            yield b"x"
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more") as caught:
        await client.send_messages_async(produce())
    assert caught.value.acknowledged == 10


def test_a_bad_message_among_good_ones(hub, client):
    with pytest.raises(TypeError, match="object is not JSON") as caught:
        client.send_messages([b"1", b"2", object(), b"4"])
    assert caught.value.acknowledged == 2
    assert bodies(hub, client) == [b"1", b"2"]


@pytest.mark.parametrize("single", [b"bytes", "text", {"a": 1}, bytearray(b"x")])
async def test_a_single_message_is_not_taken_apart(client, single):
    with pytest.raises(TypeError, match="use send_message"):
        client.send_messages(single)
    with pytest.raises(TypeError, match="use send_message"):
        await client.send_messages_async(single)


def test_not_iterable(client):
    with pytest.raises(TypeError):
        client.send_messages(5)


class Stubborn(Exception):
    """Takes no attribute."""

    def __setattr__(self, name, value):
        if name == "acknowledged":
            raise AttributeError(name)
        super().__setattr__(name, value)


def test_an_exception_without_room_for_the_count(client):
    def produce():
        yield b"x"
        raise Stubborn

    with pytest.raises(Stubborn) as caught:
        client.send_messages(produce())
    if sys.version_info >= (3, 11):
        assert caught.value.__notes__ == ["1 messages had been acknowledged"]


def test_unreachable_hub_is_told_and_fails():
    client = azmqtt.DeviceClient.from_symmetric_key("localhost", "d", "a2V5", port=1, timeout=5)
    with client, pytest.raises(azmqtt.ConnectionFailed) as caught:
        client.send_messages(itertools.repeat(b"x"))
    assert caught.value.acknowledged == 0


async def test_a_full_outbox_is_told_after_the_timeout():
    retry = azmqtt.RetryPolicy(first_connect=True)
    options = {"port": 1, "retry": retry, "outbox": azmqtt.Outbox(messages=10)}
    client = azmqtt.DeviceClient.from_symmetric_key("localhost", "d", "a2V5", **options)
    waiting = [asyncio.ensure_future(client.send_message_async(b"x", timeout=60)) for _ in range(10)]
    await asyncio.sleep(0)
    with pytest.raises(azmqtt.OutboxFull):
        client.send_message(b"y")
    for messages in ([b"y"] * 300, [b"y"]):
        with pytest.raises(azmqtt.OutboxFull) as caught:
            client.send_messages(messages, timeout=0.2)
        assert caught.value.acknowledged == 0
    assert await client.close_async(timeout=0) == 10
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [azmqtt.ClientClosed] * 10


def test_an_endless_call_leaves_room_for_others(hub, client):
    stop = threading.Event()
    thread = threading.Thread(target=client.send_messages, args=[iter(lambda: None if stop.is_set() else b"x", None)])
    thread.start()
    hub.wait_for_telemetry(client.device_id, count=1000, timeout=10)
    for _ in range(20):
        assert client.get_twin().reported_version == 1
    stop.set()
    thread.join()


def test_two_calls_at_once_share_the_outbox(hub, client):
    counts = []
    threads = [
        threading.Thread(target=lambda: counts.append(client.send_messages(itertools.repeat(b"x", 2000))))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [2000, 2000, 2000]
    assert len(bodies(hub, client)) == 6000


def test_a_failure_ends_a_call_with_a_slow_iterable(hub, client):
    def readings():
        while True:
            yield b"x"
            time.sleep(0.005)

    def close_in_the_middle():
        hub.wait_for_telemetry(client.device_id, count=20)
        client.close()

    closing = threading.Thread(target=close_in_the_middle)
    closing.start()
    with pytest.raises(azmqtt.ClientClosed) as caught:
        client.send_messages(readings())
    assert caught.value.acknowledged >= 20
    closing.join()


CASE = '"Temp" and "temp" differ in case only'


async def test_properties_that_differ_in_case_are_warned_about(hub, client):
    properties = {"Temp": "1", "temp": "2"}
    with pytest.warns(UserWarning, match=CASE) as warned:
        client.send_message("x", properties=properties)
    assert warned[0].filename == __file__
    with pytest.warns(UserWarning, match=CASE) as warned:
        await client.send_message_async("x", properties=properties)
    assert warned[0].filename == __file__
    with pytest.warns(UserWarning, match=CASE) as warned:
        client.send_messages([azmqtt.Message("x", properties=properties)])
    assert warned[0].filename == __file__
    with pytest.warns(UserWarning, match=CASE):
        await client.send_messages_async([azmqtt.Message("x", properties=properties)])
    client.send_message("x", properties={"Temp": "1", "temperature": "2"})
    assert hub.telemetry_count(client.device_id) == 5


def test_a_warning_that_is_an_error_keeps_the_message_back(hub, client):
    with pytest.raises(UserWarning, match=CASE):
        client.send_message("x", properties={"Temp": "1", "temp": "2"})
    assert hub.telemetry_count(client.device_id) == 0


def test_outputs_of_a_module_are_warned_about_too(hub):
    device_id = hub.create_device().device_id
    with hub.device_client(device_id, module_id="m") as module, pytest.warns(UserWarning, match=CASE):
        module.send_message("x", properties={"Temp": "1", "temp": "2"}, output_name="o")
