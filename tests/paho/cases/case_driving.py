"""Whoever runs the client's loop."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

import azmqtt
from azmqtt.paho import TwinPatcher
from support import Seen, device_of, running, wait_until


def test_with_nobody_at_the_loop_it_is_run_meanwhile(hub: azmqtt.LocalHub):
    client = device_of(hub)
    twin = TwinPatcher(client)
    client.connect("localhost", hub.port)
    assert twin.patch({"a": 1}, timeout=10).version == 2
    assert twin.get(timeout=10).reported == {"a": 1}
    client.disconnect()


def test_a_loop_by_hand_on_the_same_thread(hub: azmqtt.LocalHub):
    client = device_of(hub)
    client.connect("localhost", hub.port)
    twin = TwinPatcher(client)
    while not client.is_connected():
        client.loop(0.05)
    assert twin.patch({"a": 1}, timeout=10).status == 204
    for _ in range(3):
        client.loop(0.01)
    assert twin.patch({"a": 2}, timeout=10).status == 204
    done = twin.patch_future({"a": 3}, timeout=10)
    while not done.done():
        client.loop(0.05)
    assert done.result().version == 4
    client.disconnect()


@pytest.mark.parametrize("attach", ["before", "after"])
def test_loop_forever_on_a_thread_of_its_own(hub: azmqtt.LocalHub, attach: str):
    client = device_of(hub)
    twin = TwinPatcher(client, show_answers=True) if attach == "before" else None
    client.connect("localhost", hub.port)
    thread = threading.Thread(target=client.loop_forever)
    thread.start()
    wait_until(client.is_connected)
    twin = twin or TwinPatcher(client, show_answers=True)
    seen = Seen()
    client.on_message = seen
    for n in range(5):
        assert twin.patch({"n": n}, timeout=10).status == 204
    # Nobody but that thread ran the loop.
    assert seen.threads == {thread.ident}
    client.disconnect()
    thread.join(10)


def test_a_loop_by_hand_on_another_thread_is_left_to_it(hub: azmqtt.LocalHub):
    client, seen, stop = device_of(hub), Seen(), threading.Event()
    client.on_message = seen
    twin = TwinPatcher(client, show_answers=True)
    client.connect("localhost", hub.port)

    def drive() -> None:
        while not stop.is_set():
            client.loop(0.02)
            stop.wait(0.05)

    thread = threading.Thread(target=drive)
    thread.start()
    wait_until(client.is_connected)
    for n in range(3):
        assert twin.patch({"n": n}, timeout=10).status == 204
    assert seen.threads == {thread.ident}
    stop.set()
    thread.join(10)
    client.disconnect()


def test_a_loop_that_starts_while_it_is_run_for_us(hub: azmqtt.LocalHub):
    client, seen = device_of(hub), Seen()
    twin = TwinPatcher(client)
    client.connect("localhost", hub.port)
    threads = [threading.Thread(target=lambda: [twin.patch({"n": n}, timeout=20) for n in range(40)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(client.is_connected)
    client.on_message = seen
    client.loop_start()
    for thread in threads:
        thread.join(30)
    assert twin.get(timeout=10).reported_version == 161
    client.disconnect()
    client.loop_stop()


def test_many_threads(hub: azmqtt.LocalHub):
    client, versions = device_of(hub), []
    twin = TwinPatcher(client)
    with running(client, hub.port):

        def work() -> None:
            versions.extend(twin.patch({"n": n}, timeout=20).version for n in range(25))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert sorted(versions) == list(range(2, 202))


def test_in_a_callback_it_would_wait_for_itself(hub: azmqtt.LocalHub):
    client = device_of(hub)
    twin, outcomes = TwinPatcher(client, show_answers=True), []
    finished = threading.Event()

    def on_message(_client: Any, _userdata: Any, message: Any) -> None:
        if not outcomes:
            for call in (twin.patch, lambda _: twin.get()):
                try:
                    call({"inside": True})
                except RuntimeError as error:
                    outcomes.append(str(error))
            future = twin.patch_future({"inside": True}, timeout=10)
            future.add_done_callback(lambda done: (outcomes.append(done.result().status), finished.set()))

    client.on_message = on_message
    with running(client, hub.port):
        twin.get(timeout=10)
        assert finished.wait(10)
    assert "patch_future() there" in outcomes[0]
    assert "get_future() there" in outcomes[1]
    assert outcomes[2] == 204


@pytest.mark.parametrize("running_loop", [True, False])
def test_in_a_callback_whoever_runs_the_loop(hub: azmqtt.LocalHub, *, running_loop: bool):
    client = device_of(hub)
    twin, outcomes = TwinPatcher(client), []

    def on_connect(*_: Any) -> None:
        try:
            twin.patch({"a": 1})
        except RuntimeError as error:
            outcomes.append(error)

    client.on_connect = on_connect
    client.connect("localhost", hub.port)
    if running_loop:
        client.loop_start()
    assert twin.patch({"a": 2}, timeout=10).status == 204
    assert len(outcomes) == 1
    client.disconnect()
    client.loop_stop()


class AsyncioDriver:
    """The way of paho's own example: an event loop that is told of the socket."""

    def __init__(self, client: Any) -> None:
        self.client, self.loop = client, asyncio.get_running_loop()
        client.on_socket_open = lambda _c, _u, sock: self.loop.add_reader(sock, self.read, sock)
        client.on_socket_close = lambda _c, _u, sock: self.loop.remove_reader(sock)
        client.on_socket_register_write = lambda _c, _u, sock: self.loop.add_writer(sock, client.loop_write)
        client.on_socket_unregister_write = lambda _c, _u, sock: self.loop.remove_writer(sock)
        self.misc = self.loop.create_task(self.keep())

    def read(self, sock: Any) -> None:
        self.client.loop_read()
        # What TLS has decrypted already makes no socket readable.
        while self.client.socket() is sock and sock.pending():
            self.client.loop_read()

    async def keep(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            self.client.loop_misc()


async def test_an_event_loop_drives_it(hub: azmqtt.LocalHub):
    client = device_of(hub)
    driver = AsyncioDriver(client)
    twin = TwinPatcher(client)
    client.connect("localhost", hub.port)
    results = await asyncio.gather(*(twin.patch_async({"n": n}, timeout=10) for n in range(10)))
    assert sorted(result.version for result in results) == list(range(2, 12))
    assert (await twin.get_async(timeout=10)).reported_version == 11
    with pytest.raises(RuntimeError, match=r"await patch_async\(\)"):
        twin.patch({"a": 1}, timeout=10)
    # On another thread it may block.
    assert (await asyncio.to_thread(twin.patch, {"a": 1}, timeout=10)).status == 204
    client.disconnect()
    driver.misc.cancel()


async def test_asyncio_with_nobody_at_the_loop(hub: azmqtt.LocalHub):
    client = device_of(hub)
    twin = TwinPatcher(client)
    client.connect("localhost", hub.port)
    assert (await twin.patch_async({"n": 1}, timeout=10)).status == 204
    assert (await asyncio.wait_for(twin.get_async(), 10)).reported == {"n": 1}
    client.disconnect()


async def test_asyncio_with_paho_on_its_thread(hub: azmqtt.LocalHub):
    client = device_of(hub)
    twin = TwinPatcher(client)
    with running(client, hub.port):
        assert (await twin.patch_async({"n": 1}, timeout=10)).status == 204
        # As in a notebook.
        assert twin.patch({"n": 2}, timeout=10).status == 204


def test_a_call_after_the_loop_was_stopped(hub: azmqtt.LocalHub):
    client = device_of(hub)
    twin = TwinPatcher(client)
    client.connect("localhost", hub.port)
    client.loop_start()
    assert twin.patch({"n": 1}, timeout=10).status == 204
    client.loop_stop()
    assert twin.patch({"n": 2}, timeout=10).status == 204
    client.disconnect()


def test_ctrl_c_ends_a_blocking_call(hub: azmqtt.LocalHub):
    import _thread

    client = device_of(hub)
    twin = TwinPatcher(client)
    # Not connected: nothing will come.
    timer = threading.Timer(0.2, _thread.interrupt_main)
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        twin.patch({"n": 1}, request_id="mine", timeout=30)
    assert time.monotonic() - began < 5
    timer.join()
    # Nobody waits for it any more, so that its id is free.
    twin.patch_future({"n": 1}, request_id="mine", timeout=30).cancel()
