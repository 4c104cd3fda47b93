"""How asyncio is woken: one bridge per loop, whatever the loop can do."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
import warnings
import weakref

import pytest

import azmqtt


@pytest.fixture(scope="module")
def client():
    with azmqtt.LocalHub() as hub, hub.device_client(hub.create_device().device_id) as client:
        yield client


class NoReader(asyncio.SelectorEventLoop):
    """A loop that cannot watch descriptors, as the Proactor of Windows."""

    def add_reader(self, *_):
        raise NotImplementedError


def run(event_loop, coroutine):
    try:
        return event_loop.run_until_complete(coroutine)
    finally:
        event_loop.close()


def test_a_loop_that_cannot_watch_descriptors(client):
    async def use():
        await asyncio.gather(*(client.send_message_async(b"x") for _ in range(500)))
        return (await client.get_twin_async()).desired_version

    assert run(NoReader(), use()) == 1


def descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("kind", [asyncio.SelectorEventLoop, NoReader])
def test_bridges_go_with_their_loops(client, kind):
    def once():
        event_loop = kind()
        run(event_loop, client.get_twin_async())
        return weakref.ref(event_loop)

    once()
    gc.collect()
    before = descriptors()
    references = [once() for _ in range(20)]
    gc.collect()
    assert [reference() for reference in references] == [None] * 20
    assert descriptors() <= before
    deadline = time.monotonic() + 10
    # The threads of loops without `add_reader` are the core's own: Python does not list them.
    while "azmqtt-notifier" in native_threads():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def native_threads():
    names = set()
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/comm") as file:
                names.add(file.read().strip())
        except OSError:
            continue
    return names


def test_a_loop_dropped_with_work_in_flight_is_collected():
    # Nothing listens there: the call stays open until its timeout.
    options = {"port": 1, "retry": azmqtt.RetryPolicy(first_connect=True), "timeout": 1}
    client = azmqtt.DeviceClient.from_symmetric_key("localhost", "d", "a2V5", **options)
    event_loop = asyncio.new_event_loop()

    async def leave():
        return client._core.send_message_async(b"x", None)

    future = event_loop.run_until_complete(leave())
    event_loop.close()
    references = [weakref.ref(event_loop), weakref.ref(event_loop._azmqtt_bridge)]
    del event_loop, future
    gc.collect()
    assert [reference() for reference in references] == [None, None]
    with pytest.raises(azmqtt.RequestTimeout):
        client.send_message(b"y", timeout=1.2)
    client.close(timeout=0)


async def test_exceptions_come_out_of_await(client):
    with pytest.raises(azmqtt.PreconditionFailed) as caught:
        await client.patch_reported_properties_async({"a": 1}, if_version=77)
    assert caught.value.status == 412


async def test_a_cancelled_call_is_skipped(client):
    future = client._core.get_twin_async(None)
    future.cancel()
    assert (await client.get_twin_async()).desired_version == 1
    assert future.cancelled()


def test_outside_of_a_loop_there_is_nothing_to_await(client):
    with pytest.raises(RuntimeError, match="no asyncio event loop is running in this thread"):
        client._core.get_twin_async(None)


def test_loops_in_many_threads_at_once(client):
    failures = []

    def work():
        try:
            for _ in range(5):
                asyncio.run(gathered())
        except BaseException as error:
            failures.append(error)

    async def gathered():
        await asyncio.gather(*(client.send_message_async(b"x") for _ in range(100)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    with warnings.catch_warnings():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
