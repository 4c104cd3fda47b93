"""Changes of the state: each told once, in order, to handlers and iterators of every kind."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone

import pytest

import azmqtt

QUICK = azmqtt.RetryPolicy(base=0.01, max=0.05)
SESSION = ["connecting", "connected", "reconnecting", "connected", "closed"]


@pytest.fixture
def device(hub):
    """Identity that no other test uses."""
    return hub.create_device().device_id


def reconnect(hub, client, connects=2):
    """Cut the connection and wait for the next."""
    hub.disconnect(client.device_id)
    deadline = time.monotonic() + 20
    while client.stats().connects < connects or not client.connected:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_plain_handler_is_told_everything_and_the_end(hub, device):
    changes, threads = [], set()
    with hub.device_client(device, retry=QUICK) as client:

        @client.on_state_change
        def changed(change):
            changes.append(change)
            threads.add(threading.current_thread().name.rpartition("-")[0])

        client.connect()
        reconnect(hub, client)
    assert [change.state for change in changes] == SESSION
    assert [change.previous for change in changes] == ["disconnected", *SESSION[:-1]]
    assert "closed the connection" in changes[2].reason
    assert [change.reason for change in changes if change.state != "reconnecting"] == [None] * 4
    assert all(0 <= (datetime.now(timezone.utc) - change.time).total_seconds() < 60 for change in changes)
    assert threads == {"azmqtt-handlers"}


@pytest.mark.parametrize("pause", [0, 0.05])
def test_an_async_handler_on_the_running_loop_hears_of_the_end(hub, device, pause):
    states = []

    async def main():
        async with hub.device_client(device) as client:

            @client.on_state_change
            async def changed(change):
                await asyncio.sleep(pause)
                states.append(change.state)

            await client.connect_async()

    asyncio.run(main())
    assert states == ["connecting", "connected", "closed"]


def test_an_async_handler_without_a_loop_gets_one(hub, device):
    states = []
    with hub.device_client(device) as client:

        @client.on_state_change
        async def changed(change):
            await asyncio.sleep(0.01)
            states.append(change.state)

        client.connect()
    assert states == ["connecting", "connected", "closed"]


def test_a_handler_may_raise_and_may_close_the_client(hub, device, caplog):
    states, done = [], threading.Event()
    client = hub.device_client(device)

    @client.on_state_change
    def changed(change):
        states.append(change.state)
        if change.state == "connected":
            client.close()
        if change.state == "closed":
            done.set()
        raise ZeroDivisionError

    client.connect()
    assert done.wait(10)
    assert states == ["connecting", "connected", "closed"]
    deadline = time.monotonic() + 10
    while caplog.text.count("changed raised") != 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_async_handler_may_close_the_client(hub, device):
    states = []

    async def main():
        client = hub.device_client(device)
        done = asyncio.Event()

        @client.on_state_change
        async def changed(change):
            states.append(change.state)
            if change.state == "connected":
                started = time.monotonic()
                await client.close_async()
                assert time.monotonic() - started < 0.9, "it waited for itself"
            if change.state == "closed":
                done.set()

        await client.connect_async()
        await asyncio.wait_for(done.wait(), 10)

    asyncio.run(main())
    assert states == ["connecting", "connected", "closed"]


def test_a_slow_handler_holds_up_neither_the_client_nor_its_close_for_long(hub, device):
    client = hub.device_client(device)
    entered, leave = threading.Event(), threading.Event()

    @client.on_state_change
    def changed(change):
        entered.set()
        leave.wait(20)

    client.connect()
    assert entered.wait(10)
    client.send_message(b"x")
    started = time.monotonic()
    client.close()
    assert time.monotonic() - started < 5
    leave.set()


def test_iterators_have_each_all_changes(hub, device):
    with hub.device_client(device, retry=QUICK) as client:
        first, second = client.state_changes(), client.state_changes(timeout=0.2)
        client.connect()
        assert [change.state for change in second] == ["connecting", "connected"]
        reconnect(hub, client)
    assert [change.state for change in first] == SESSION
    assert [change.state for change in second] == SESSION[2:]
    assert list(client.state_changes()) == []


def test_async_iteration_ends_with_the_client(hub, device):
    async def main():
        async with hub.device_client(device) as client:
            changes = client.state_changes(timeout=30)
            await client.connect_async()
            assert (await anext(changes)).state == "connecting"
        return [change.state async for change in changes]

    assert asyncio.run(main()) == ["connected", "closed"]


def test_a_failed_first_connect_has_its_reason():
    with azmqtt.DeviceClient.from_symmetric_key("localhost", "d", "a2V5", port=1) as client:
        changes = client.state_changes(timeout=5)
        with pytest.raises(azmqtt.ConnectionFailed) as caught:
            client.connect()
        assert next(changes).state == "connecting"
        assert next(changes)[:3] == ("disconnected", "connecting", str(caught.value))


def test_what_is_refused(hub, device):
    with hub.device_client(device) as client:
        with pytest.raises(TypeError, match="handler must be callable, not int"):
            client.on_state_change(5)
        client.on_state_change(print)
        with pytest.raises(RuntimeError, match="already registered"):
            client.on_state_change(print)
    with pytest.raises(azmqtt.ClientClosed):
        hub.device_client(device).__enter__().close() or client.on_state_change(print)


def test_a_burst_is_told_in_order_up_to_the_bound(hub, device):
    told, go = [], threading.Event()
    with hub.device_client(device, retry=azmqtt.RetryPolicy(base=0.001, max=0.001)) as client:

        @client.on_state_change
        def changed(change):
            go.wait(30)
            told.append(change)

        client.connect()
        for connects in range(2, 12):
            reconnect(hub, client, connects)
        go.set()
    assert [change.state for change in told] == [
        "connecting",
        *["connected", "reconnecting"] * 10,
        "connected",
        "closed",
    ]
    assert all(one.state == other.previous for one, other in itertools.pairwise(told))


def test_a_script_that_ends_tells_the_end(hub, device):
    code = """
import sys, azmqtt
client = azmqtt.DeviceClient.from_connection_string(sys.argv[1], port=int(sys.argv[2]), trust=sys.argv[3])
client.on_state_change(lambda change: print(change.state, flush=True))
client.connect()
import asyncio
asyncio.run(client.close_async())
"""
    arguments = [hub.device(device).connection_string, str(hub.port), hub.ca_file]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stdout, done.stderr) == ("connecting\nconnected\nclosed\n", "")
