"""A handler may raise anything, and sees the next item all the same."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading

import pytest

from handlers import register


class OddError(BaseException):
    """Not even an `Exception`."""


@pytest.fixture
def client_name(hub):
    """A device that no other test uses."""
    return hub.create_device().device_id


def give(hub, client, kind, number):
    name = client.device_id
    if kind == "messages":
        hub.send_c2d(name, "x")
    elif kind == "desired":
        hub.patch_desired(name, {"n": number})
    elif kind == "inputs":
        hub.send_to_input(name, client.module_id, "in", "x")
    elif kind == "methods":
        return hub.invoke_method(name, "m", connect_timeout=10, response_timeout=10).status
    # Changes of the state come with the connection.
    return None


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, OddError, asyncio.CancelledError])
@pytest.mark.parametrize("form", ["def", "async def"])
@pytest.mark.parametrize("kind", ["messages", "desired", "states", "methods", "inputs"])
def test_the_next_item_is_handled(hub, client_name, kind, form, error, caplog):
    if (form, error) == ("async def", asyncio.CancelledError) and not hasattr(asyncio.Task, "cancelling"):
        pytest.skip("Python 3.10 cannot tell who was cancelled")
    seen = []
    twice = threading.Event()

    def plain(item):
        seen.append(item)
        if len(seen) == 1:
            raise error
        twice.set()

    async def coroutine(item):
        plain(item)

    options = {"module_id": "filter"} if kind == "inputs" else {}
    with hub.device_client(client_name, **options) as client:
        register(client, kind, plain if form == "def" else coroutine)
        client.connect()
        if kind == "methods":
            assert [give(hub, client, kind, number) for number in range(2)] == [500, 200]
        else:
            # What changes before the subscription stands is not told, and what changes at once comes as one change.
            tries = (give(hub, client, kind, number) for number in range(100))
            while not twice.wait(0.1):
                assert next(tries, "none left") is None, "the second item was not handled"
        assert twice.is_set()
    words = "cancelled" if (kind, form, error) == ("methods", "async def", asyncio.CancelledError) else "raised"
    assert words in caplog.text


@pytest.mark.parametrize("kind", ["messages", "states"])
def test_an_event_loop_that_ends_under_a_handler_is_told(hub, client_name, kind, caplog):
    client = hub.device_client(client_name)

    async def handler(item):
        pass

    async def main():
        register(client, kind, handler)
        await client.connect_async()

    with caplog.at_level(logging.WARNING, "azmqtt.handlers"):
        asyncio.run(main())
        assert "its event loop has ended, and the client is open" in caplog.text
        caplog.clear()
        client.close()
    assert caplog.text == ""


def test_an_event_loop_that_ends_after_the_client_is_not_worth_a_word(hub, client_name, caplog):
    async def handler(item):
        pass

    async def main():
        async with hub.device_client(client_name) as client:
            client.on_message(handler)
            client.on_state_change(handler)
            await client.connect_async()

    asyncio.run(main())
    assert caplog.text == ""


def test_ctrl_c_in_a_coroutine_of_the_main_thread_is_the_programs(hub, client_name):
    async def handler(message):
        raise KeyboardInterrupt

    async def main():
        async with hub.device_client(client_name) as client:
            client.on_message(handler)
            await client.connect_async()
            hub.send_c2d(client_name, "x")
            await asyncio.sleep(20)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    # asyncio complains of the task that nobody asked for its exception: here, and not in the middle of another test.
    gc.collect()


@pytest.mark.parametrize("kind", ["messages", "desired", "states", "methods", "inputs"])
def test_a_coroutine_that_nobody_awaits_is_told(hub, client_name, kind, caplog):
    called = threading.Event()

    async def coroutine(item):
        pytest.fail("it cannot run")

    def plain(item):
        called.set()
        return coroutine(item)

    options = {"module_id": "filter"} if kind == "inputs" else {}
    with hub.device_client(client_name, **options) as client:
        register(client, kind, plain)
        client.connect()
        tries = (give(hub, client, kind, number) for number in range(100))
        while not called.wait(0.1):
            assert next(tries, "none left") in {None, 500}
    assert "which is never awaited: make it an async def" in caplog.text
    # Python would warn of a coroutine that was never awaited.
    gc.collect()
