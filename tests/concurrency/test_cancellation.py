"""A task that is cancelled ends, even if what it waits for comes in the same moment, and nothing is lost by that."""

from __future__ import annotations

import asyncio
import time

import pytest

from azmqtt._support import credential_thread


def desired(hub, client):
    hub.patch_desired(client.device_id, {"at": time.monotonic()})


def message(hub, client):
    hub.send_c2d(client.device_id, b"x")


def state(hub, client):
    hub.disconnect(client.device_id)


#: What starts to listen, what makes an item, and a figure that changes when it has come.
KINDS = {
    "desired": ("desired_properties", desired, lambda client: client.stats().desired_waiting),
    "messages": ("messages", message, lambda client: client.stats().messages_waiting),
    "states": ("state_changes", state, lambda client: client.stats().connections_lost),
}


@pytest.mark.parametrize("turns", range(6))
@pytest.mark.parametrize("timeout", [30, None])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_cancelled_iteration_ends_and_loses_nothing(hub, client, kind, timeout, turns):
    name, make_item, waiting = KINDS[kind]
    listen = getattr(client, name)
    stream = listen(timeout=timeout)
    began, taken = asyncio.Event(), []

    async def application():
        async for item in stream:
            if began.is_set():
                taken.append(item)
                await asyncio.Event().wait()
            elif kind != "states" or item.state == "connected":
                began.set()

    task = asyncio.ensure_future(application())
    await client.connect_async()
    if kind != "states":
        await stream.subscribed_async()
        make_item(hub, client)
    await began.wait()
    # The task waits for the next item. The loop is busy while that comes.
    before = waiting(client)
    make_item(hub, client)
    deadline = time.monotonic() + 10
    while waiting(client) == before:
        assert time.monotonic() < deadline
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=5)
    assert task.cancelled()
    if not taken:
        rest = stream if kind == "states" else listen(timeout=10)
        assert await asyncio.wait_for(anext(rest), 10)


async def test_the_deadline_ends_an_iteration_and_leaves_no_timer(client):
    await client.connect_async()
    stream = client.messages(timeout=0.05)
    began = time.monotonic()
    assert [item async for item in stream] == []
    assert time.monotonic() - began >= 0.05
    task = asyncio.ensure_future(anext(client.messages(timeout=3600)))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert all(timer.cancelled() for timer in getattr(asyncio.get_running_loop(), "_scheduled", ()))


async def late(result):
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        if result is None:
            raise
        return result


@pytest.mark.parametrize("result", [None, "token"])
def test_a_credentials_function_is_cancelled_at_its_limit(monkeypatch, result):
    monkeypatch.setattr(credential_thread, "_LIMIT", 0.01)
    if result is None:
        with pytest.raises(TimeoutError):
            asyncio.run(credential_thread._within(late(result)))
    else:
        # What it returns in the last moment counts.
        assert asyncio.run(credential_thread._within(late(result))) == result


def test_a_credentials_function_that_cancels_itself_is_told_as_it_is():
    async def cancels():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(credential_thread._within(cancels()))
