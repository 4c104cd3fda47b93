"""What the hub sends: iterators and handlers."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time

import pytest

import azmqtt


def send(hub, client, *bodies, properties=None):
    for body in bodies:
        hub.send_c2d(client.device_id, body, properties)


def until(condition, timeout=10):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


def test_a_message_with_its_properties(hub, client):
    properties = {"$.mid": "m1", "$.cid": "c1", "$.ct": "application/json", "$.ce": "utf-8", "a": "b c", "e": ""}
    send(hub, client, b'{"x": 1}', properties=properties)
    message = next(client.messages(timeout=10))
    assert message.body == b'{"x": 1}'
    assert message.text() == '{"x": 1}'
    assert message.json() == {"x": 1}
    assert message.properties == {"a": "b c", "e": ""}
    assert (message.message_id, message.correlation_id) == ("m1", "c1")
    assert (message.content_type, message.content_encoding) == ("application/json", "utf-8")
    assert (message.user_id, message.creation_time, message.expiry, message.ack) == (None,) * 4
    assert message.to == f"/devices/{client.device_id}/messages/deviceBound"
    assert repr(message) == 'CloudMessage(message_id="m1", 8 bytes)'
    assert len(message) == 8


def test_bodies_that_are_not_text(hub, client):
    send(hub, client, b"\xff", b"")
    first, second = (m for _, m in zip(range(2), client.messages(timeout=10), strict=False))
    with pytest.raises(ValueError, match="not UTF-8"):
        first.text()
    assert second
    assert second.body == b""


def test_a_message_is_acknowledged_when_the_next_is_asked_for(hub, client):
    send(hub, client, b"1", b"2")
    messages = client.messages(timeout=10)
    assert next(messages).body == b"1"
    assert hub.pending_c2d(client.device_id) == 2
    assert next(messages).body == b"2"
    messages.close()
    until(lambda: hub.pending_c2d(client.device_id) == 0)


def test_an_iterator_that_ends_early_leaves_the_rest(hub, client):
    send(hub, client, *(b"%d" % n for n in range(10)))
    for message in client.messages(timeout=10):
        if message.body == b"3":
            break
    assert [message.body for message in client.messages(timeout=0.2)] == [b"%d" % n for n in range(4, 10)]
    until(lambda: hub.pending_c2d(client.device_id) == 0)


def test_timeout_ends_the_iteration(client):
    messages = client.messages(timeout=0.05)
    assert list(messages) == []
    assert list(messages) == []
    assert list(client.messages(timeout=0)) == []


async def test_timeout_ends_the_async_iteration(client):
    assert [message async for message in client.messages(timeout=0.05)] == []


def test_closing_the_client_ends_the_iteration(client):
    messages = client.messages()
    timer = threading.Timer(0.1, client.close)
    client.get_twin()
    timer.start()
    assert list(messages) == []
    timer.join()
    with pytest.raises(azmqtt.ClientClosed):
        client.messages().__next__()


async def test_closing_the_client_ends_the_async_iteration(hub, client):
    # A message that has come shows that the subscription stands: until then closing is an error of the iteration.
    send(hub, client, b"1")
    iterating = asyncio.Event()

    async def collect():
        async for _ in client.messages():
            iterating.set()

    task = asyncio.ensure_future(collect())
    await asyncio.wait_for(iterating.wait(), 20)
    await client.close_async()
    await asyncio.wait_for(task, 20)


async def test_async_iteration(hub, client):
    send(hub, client, b"1", b"2")
    received = []
    async for message in client.messages():
        received.append(message.body)
        if len(received) == 2:
            send(hub, client, b"3")
        elif len(received) == 3:
            break
    assert received == [b"1", b"2", b"3"]


def test_two_threads_share_what_comes(hub, client):
    received = []

    def consume():
        for message in client.messages(timeout=1):
            received.append(int(message.body))
            time.sleep(0.002)

    threads = [threading.Thread(target=consume) for _ in range(3)]
    for thread in threads:
        thread.start()
    send(hub, client, *(b"%d" % n for n in range(40)))
    for thread in threads:
        thread.join()
    assert sorted(received) == list(range(40))
    until(lambda: hub.pending_c2d(client.device_id) == 0)


async def test_cancelled_waits_leave_nothing_behind(hub, client):
    messages = client.messages()
    for _ in range(50):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(anext(messages), 0.01)
    bridge = asyncio.get_running_loop()._azmqtt_bridge
    await asyncio.sleep(0.01)
    assert len(gc.get_referents(bridge)) <= 2
    send(hub, client, b"x")
    assert (await anext(messages)).body == b"x"


def test_an_iterator_says_why_it_cannot_listen():
    client = azmqtt.DeviceClient.from_symmetric_key("localhost", "d", "a2V5", port=1)
    messages = client.messages()
    for _ in range(2):
        with pytest.raises(azmqtt.ConnectionFailed):
            next(messages)
    client.close()


def test_desired_properties(hub, client):
    changes = client.desired_properties(timeout=10)
    client.get_twin()
    client.patch_reported_properties({"ready": True})
    version = hub.patch_desired(client.device_id, {"interval": 5, "gone": None, "deep": {"a": [1, 2.5, "x", True]}})
    change = next(changes)
    assert change.version == version
    assert change["interval"] == change.get("interval") == 5
    assert "interval" in change
    assert "other" not in change
    assert change.get("other", 7) == 7
    assert change.patch["deep"] == {"a": [1, 2.5, "x", True]}
    assert set(change) == set(change.patch)


def test_plain_handlers(hub, client, caplog):
    seen = []

    @client.on_message
    def on_message(message):
        seen.append((threading.current_thread().name, message.body))
        if message.body == b"2":
            raise LookupError("handler's own")

    @client.on_desired_properties
    def on_desired(change):
        seen.append((threading.current_thread().name, change.patch))

    send(hub, client, b"1", b"2", b"3")
    until(lambda: len(seen) == 3)
    client.patch_reported_properties({"a": 1})
    # The handler's subscription is asked for when it is registered, before this patch.
    hub.patch_desired(client.device_id, {"x": 1})
    until(lambda: len(seen) == 4)
    assert {name.rpartition("-")[0] for name, _ in seen} == {"azmqtt-handlers"}
    assert [item for _, item in seen] == [b"1", b"2", b"3", {"x": 1}]
    until(lambda: hub.pending_c2d(client.device_id) == 0)
    assert [(record.name, record.levelno) for record in caplog.records] == [("azmqtt.handlers", logging.ERROR)]
    assert "on_message raised" in caplog.text
    assert "handler's own" in caplog.text
    with pytest.raises(RuntimeError, match="already registered"):
        client.on_message(print)


def test_handlers_may_use_the_client(hub, client):
    @client.on_message
    def echo(message):
        client.send_message(message.body)

    send(hub, client, b"ping")
    hub.wait_for_telemetry(client.device_id, count=1, timeout=10)
    assert hub.telemetry(client.device_id)[0].body == b"ping"


def test_a_message_is_acknowledged_after_its_handler(hub, client):
    entered, leave = threading.Event(), threading.Event()

    @client.on_message
    def slow(message):
        entered.set()
        leave.wait(10)

    send(hub, client, b"x")
    assert entered.wait(10)
    client.get_twin()
    assert hub.pending_c2d(client.device_id) == 1
    leave.set()
    until(lambda: hub.pending_c2d(client.device_id) == 0)


async def test_async_handler_runs_on_the_loop_it_was_registered_on(hub, client):
    seen = asyncio.Queue()

    @client.on_message
    async def on_message(message):
        await asyncio.sleep(0)
        await seen.put((threading.current_thread(), message.body))

    send(hub, client, b"1", b"2")
    received = [await asyncio.wait_for(seen.get(), 10) for _ in range(2)]
    assert received == [(threading.current_thread(), b"1"), (threading.current_thread(), b"2")]
    await client.close_async()


def test_async_handler_without_a_loop(hub, client):
    seen = []

    @client.on_message
    async def on_message(message):
        await asyncio.sleep(0)
        seen.append((threading.current_thread().name, message.body))

    send(hub, client, b"1")
    until(lambda: seen)
    assert seen == [("azmqtt-handlers-async", b"1")]


def handler_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("azmqtt-handlers")]


def test_closing_ends_the_threads_of_handlers(hub):
    with hub.device_client(hub.create_device().device_id) as client:
        client.on_message(print)

        @client.on_desired_properties
        async def on_desired(change):
            pass

        assert "azmqtt-handlers-async" in {thread.name for thread in handler_threads()}
        assert len(handler_threads()) > 1
    until(lambda: handler_threads() == [])


def test_a_handler_must_be_callable(client):
    with pytest.raises(TypeError, match="must be callable, not int"):
        client.on_message(5)


def test_an_iterated_client_stays(hub):
    device_id = hub.create_device().device_id
    messages = hub.device_client(device_id).messages(timeout=10)
    gc.collect()
    hub.send_c2d(device_id, b"x")
    assert next(messages).body == b"x"
    messages._owner.close()
