"""How far send_messages is."""

from __future__ import annotations

import asyncio
import io
import itertools
import threading

import pytest

import azmqtt
from scripted_hub import Link, ScriptedHub


def send(client, how, messages, progress):
    """By the blocking call or by the awaited one."""
    if how == "blocking":
        return client.send_messages(messages, progress=progress)
    return asyncio.run(client.send_messages_async(messages, progress=progress))


BOTH = pytest.mark.parametrize("how", ["blocking", "async"])


@BOTH
def test_it_grows_to_the_total_on_the_callers_thread(client, how):
    told, threads = [], set()

    def progress(done, total):
        told.append((done, total))
        threads.add(threading.current_thread())

    assert send(client, how, [b"x"] * 3000, progress) == 3000
    done = [done for done, _ in told]
    assert done[-1] == 3000
    assert all(one < other for one, other in itertools.pairwise(done))
    assert {total for _, total in told} == {3000}
    assert threads == {threading.current_thread()}


@BOTH
def test_a_generator_has_no_total(client, how):
    told = []
    send(client, how, (b"x" for _ in range(10)), lambda done, total: told.append((done, total)))
    assert told[-1] == (10, None)
    send(client, how, [], lambda done, total: told.append((done, total)))
    assert told[-1] == (0, 0)


def test_an_async_generator_has_none_either(client):
    told = []

    async def messages():
        for _ in range(10):
            yield b"x"

    asyncio.run(client.send_messages_async(messages(), progress=lambda done, total: told.append((done, total))))
    assert told[-1] == (10, None)


@BOTH
def test_it_is_told_while_the_hub_is_slow(tmp_path, how):
    """Whoever waits for the last acknowledgements sees the others come."""
    told, seen = [], threading.Event()

    async def acknowledge_half_and_wait(link: Link) -> None:
        await link.accept()
        messages = [await link.next_publish() for _ in range(200)]
        for message in messages[:100]:
            await link.acknowledge(message)
        await asyncio.to_thread(seen.wait, 20)
        for message in messages[100:]:
            await link.acknowledge(message)
        await link.hang()

    def progress(done, total):
        told.append((done, total))
        if done == 100:
            seen.set()

    with ScriptedHub(tmp_path, acknowledge_half_and_wait) as hub:
        client = azmqtt.DeviceClient.from_symmetric_key("localhost", "d", "a2V5", port=hub.port, trust=hub.ca_file)
        with client:
            assert send(client, how, [b"x"] * 200, progress) == 200
    assert seen.is_set()
    assert told[-1] == (200, 200)


@BOTH
def test_what_it_raises_ends_the_call(client, how):
    class Enough(Exception):
        pass

    def progress(done, total):
        raise Enough

    with pytest.raises(Enough) as caught:
        send(client, how, [b"x"] * 3000, progress)
    assert caught.value.acknowledged >= 0
    client.send_message(b"the client goes on")


@BOTH
def test_it_must_be_callable(client, how):
    with pytest.raises(TypeError, match="progress must be callable, not int"):
        send(client, how, [b"x"], 5)
    assert client.state == "disconnected"


@BOTH
def test_a_bar_of_tqdm(client, how):
    tqdm = pytest.importorskip("tqdm")
    messages = [b"x"] * 500
    out = io.StringIO()
    with tqdm.tqdm(total=len(messages), file=out) as bar:
        send(client, how, messages, lambda done, _total: bar.update(done - bar.n))
        assert bar.n == 500
    assert "500/500" in out.getvalue()


@BOTH
def test_a_failure_carries_the_count(how):
    with azmqtt.DeviceClient.from_symmetric_key("localhost", "d", "a2V5", port=1) as client:
        with pytest.raises(azmqtt.ConnectionFailed) as caught:
            send(client, how, [b"x"] * 3, lambda _done, _total: None)
        assert caught.value.acknowledged == 0
