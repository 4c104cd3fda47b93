"""Plain handlers of all clients share threads: as many as are running, and none for a client that is idle."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

import azmqtt
from azmqtt._handlers import pool
from handlers import register

WAIT = 30
FORMS = ["def", "async def"]
KINDS = ["messages", "desired", "methods", "states", "inputs"]


def until(condition):
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


def pool_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("azmqtt-handlers")]


def give(hub, client, kind):
    name = client.device_id
    if kind == "messages":
        hub.send_c2d(name, "x")
    elif kind == "desired":
        hub.patch_desired(name, {"n": time.time()})
    elif kind == "inputs":
        hub.send_to_input(name, client.module_id, "in", "x")
    elif kind == "methods":
        assert hub.invoke_method(name, "m", connect_timeout=WAIT).status == 200
    else:
        hub.disconnect(name)


def new_client(hub, kind="messages"):
    name = hub.create_device().device_id
    return hub.device_client(name, **({"module_id": "filter"} if kind == "inputs" else {}))


def as_form(form, function):
    if form == "def":
        return function

    async def coroutine(item):
        return function(item)

    return coroutine


@pytest.fixture(autouse=True)
def no_threads_before():
    until(lambda: pool_threads() == [])


@pytest.mark.parametrize("form", FORMS)
def test_clients_with_handlers_cost_no_threads(hub, form, monkeypatch):
    monkeypatch.setattr(pool, "_LINGER", 0.1)
    seen = []
    function = as_form(form, seen.append)
    clients = [new_client(hub, "inputs" if number % 2 else "messages") for number in range(40)]
    try:
        for client in clients:
            client.on_method("m", function)
            client.on_desired_properties(function)
            client.on_state_change(function)
            if client.module_id is None:
                client.on_message(function)
            else:
                client.on_input_message("in", function)
        # One waits for what comes, and one has the loop of all coroutines.
        at_rest = 1 if form == "def" else 2
        until(lambda: len(pool_threads()) == at_rest)
        for client in clients:
            client.connect()
        with ThreadPoolExecutor(8) as callers:
            list(callers.map(lambda client: give(hub, client, "methods"), clients[::2]))
        assert len(seen) >= len(clients) / 2
        until(lambda: len(pool_threads()) == at_rest)
    finally:
        for client in clients:
            client.close()
    until(lambda: pool_threads() == [])


@pytest.mark.parametrize("kind", KINDS)
def test_a_slow_handler_delays_no_other_client(hub, kind):
    leave, entered = threading.Event(), threading.Semaphore(0)
    slow = [new_client(hub) for _ in range(30)]
    quick = new_client(hub, kind)
    answered = threading.Event()

    def block(_):
        entered.release()
        assert leave.wait(WAIT)

    try:
        for client in slow:
            client.on_message(block)
            hub.send_c2d(client.device_id, "x")
            client.connect()
        for _ in slow:
            assert entered.acquire(timeout=WAIT)
        register(quick, kind, lambda _: answered.set())
        quick.connect()
        if kind in ("messages", "methods", "inputs"):
            give(hub, quick, kind)
        else:
            until(lambda: answered.is_set() or give(hub, quick, kind))
        assert answered.wait(WAIT)
        # All that block, one that waits, and one that was needed meanwhile.
        assert len(slow) < len(pool_threads()) <= 2 * len(slow)
    finally:
        leave.set()
        for client in (*slow, quick):
            client.close()


def test_threads_go_when_they_are_idle(hub, monkeypatch):
    monkeypatch.setattr(pool, "_LINGER", 0.1)
    together = threading.Barrier(9)
    with new_client(hub) as client:
        client.on_method("m", lambda _: together.wait(WAIT) and None)
        with ThreadPoolExecutor(8) as callers:
            calls = [callers.submit(give, hub, client, "methods") for _ in range(8)]
            together.wait(WAIT)
            assert len(pool_threads()) >= 8
            for call in calls:
                call.result(WAIT)
        until(lambda: len(pool_threads()) == 1)
        # The one that is left still works.
        client.on_method("again", lambda _: "here")
        assert hub.invoke_method(client.device_id, "again").payload == "here"


def test_at_the_bound_clients_are_served_in_turn(hub, caplog):
    """One line tells of it, and ``stats()`` of the wait."""
    leave, served = threading.Event(), []
    clients = [new_client(hub) for _ in range(4)]
    azmqtt.set_handler_threads(2)
    try:
        for client in clients:

            @client.on_message
            def handler(message, client=client):
                served.append((client.device_id, message.body))
                assert leave.wait(WAIT)

            for number in range(3):
                hub.send_c2d(client.device_id, str(number))
            client.connect()
        until(lambda: len(served) == 2)
        until(lambda: sum(client.stats().handler_wait > 0.05 for client in clients) == 2)
        assert len(pool_threads()) == 2
        leave.set()
        until(lambda: len(served) == 12)
        waits = sorted(client.stats().handler_wait_longest for client in clients)
        assert waits[-2] > 0.05
        assert [client.stats().handler_wait for client in clients] == [0.0] * 4
    finally:
        azmqtt.set_handler_threads(256)
        leave.set()
        for client in clients:
            client.close()
    for client in clients:
        assert [body for name, body in served if name == client.device_id] == [b"0", b"1", b"2"]
    # Nobody had all three before another had one.
    assert {name for name, _ in served[:6]} == {client.device_id for client in clients}
    lines = [record.getMessage() for record in caplog.records if "every thread" in record.getMessage()]
    assert lines == [
        "every thread of the handlers is busy (2): clients are served in turn; see azmqtt.set_handler_threads"
    ]


async def test_clients_that_close_together_need_few_threads(hub, caplog):
    """What ends a handler is done at once, so that a burst of it is no reason for a thread each."""
    clients = [hub.device_client(f"closes-{number}") for number in range(100)]
    await asyncio.gather(*(client.connect_async() for client in clients))
    for client in clients:
        client.on_message(print)
        client.on_desired_properties(print)
        client.on_method()(print)
    with caplog.at_level("WARNING", "azmqtt.handlers"):
        await asyncio.gather(*(client.close_async() for client in clients))
    assert "every thread" not in caplog.text


@pytest.mark.parametrize("bound", [0, -1, 65_537, 10**40])
def test_a_bound_is_checked(bound):
    with pytest.raises(ValueError, match="maximum must be from 1 to 65536"):
        azmqtt.set_handler_threads(bound)
    with pytest.raises(TypeError, match="maximum must be int, not"):
        azmqtt.set_handler_threads(True)


def test_with_one_thread_everything_is_handled(hub):
    azmqtt.set_handler_threads(1)
    try:
        seen = []
        clients = [new_client(hub) for _ in range(3)]
        for client in clients:
            client.on_message(seen.append)
            client.on_state_change(seen.append)
            client.on_method("m", seen.append)
        for client in clients:
            for _ in range(100):
                hub.send_c2d(client.device_id, "x") if hub.pending_c2d(client.device_id) < 40 else time.sleep(0.01)
            give(hub, client, "methods")
            hub.send_c2d(client.device_id, "last")
        until(lambda: sum(getattr(item, "body", b"") == b"last" for item in seen) == 3)
        assert len(pool_threads()) == 1
    finally:
        azmqtt.set_handler_threads(256)
        for client in clients:
            client.close()


class Application:
    """Holds its own handlers as bound methods."""

    def __init__(self):
        self.seen = []

    def plain(self, item):
        self.seen.append(item)

    async def coroutine(self, item):
        self.seen.append(item)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_client_with_a_handler_lives_until_it_is_closed(hub, kind, form):
    application = Application()
    clients = weakref.WeakSet()

    def forget_it():
        client = new_client(hub, kind)
        register(client, kind, application.plain if form == "def" else application.coroutine)
        client.get_twin()
        clients.add(client)

    forget_it()
    gc.collect()
    assert len(clients) == 1, "nobody has the client, and it lives"
    before = len(application.seen)
    give(hub, next(iter(clients)), kind)
    until(lambda: len(application.seen) > before)
    next(iter(clients)).close()
    until(lambda: gc.collect() >= 0 and len(clients) == 0)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_with_a_handler_on_a_running_loop_lives_too(hub, kind):
    application = Application()
    clients = weakref.WeakSet()

    async def forget_it():
        client = new_client(hub, kind)
        register(client, kind, application.coroutine)
        await client.get_twin_async()
        clients.add(client)

    await forget_it()
    gc.collect()
    assert len(clients) == 1
    before = len(application.seen)
    await asyncio.to_thread(give, hub, next(iter(clients)), kind)
    await asyncio.to_thread(until, lambda: len(application.seen) > before)
    await next(iter(clients)).close_async()
    await asyncio.to_thread(until, lambda: gc.collect() >= 0 and len(clients) == 0)


def test_a_client_whose_handler_was_refused_is_not_kept(hub):
    client = new_client(hub)
    with pytest.raises(TypeError, match="must be callable"):
        client.on_message(5)
    reference = weakref.ref(client)
    del client
    gc.collect()
    assert reference() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_has_a_pool_of_its_own(hub, python):
    """Also where the parent's threads were running at the moment of the fork."""
    device, other = hub.create_device(), hub.create_device()
    body = f"""
        import faulthandler, os, sys, threading, time, warnings, azmqtt
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own about fork and threads
        options = {{"trust": {str(hub.ca_file)!r}, "port": {hub.port}}}
        client = azmqtt.DeviceClient.from_connection_string({device.connection_string!r}, **options)
        got = threading.Event()
        client.on_method("m", lambda _: "parent")
        client.connect()
        child = os.fork()
        faulthandler.dump_traceback_later({WAIT}, exit=True)  # both say where they hang, if they do
        if child == 0:
            own = azmqtt.DeviceClient.from_connection_string({other.connection_string!r}, **options)
            own.on_message(lambda _: got.set())
            own.connect()
            os._exit(0 if got.wait(20) else 3)
        _, status = os.waitpid(child, 0)
        client.close()
        sys.exit(os.waitstatus_to_exitcode(status))
    """
    hub.send_c2d(other.device_id, "x")
    done = python(body)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("form", FORMS)
def test_the_interpreter_ends_with_handlers_running(hub, python, form):
    device = hub.create_device()
    body = f"""
        import sys, threading, time, azmqtt
        client = azmqtt.DeviceClient.from_connection_string(
            {device.connection_string!r}, trust={str(hub.ca_file)!r}, port={hub.port}
        )
        entered = threading.Event()
        def block(_):
            entered.set()
            time.sleep(60)
        async def coroutine(item):
            block(item)
        client.on_message(block if {form!r} == "def" else coroutine)
        client.connect()
        entered.wait()
        print("leaving", flush=True)
    """
    hub.send_c2d(device.device_id, "x")
    done = python(body)
    assert (done.returncode, done.stdout) == (0, "leaving\n"), done.stderr


@pytest.fixture
def python():
    """Run a script in a Python of its own."""
    import subprocess
    import textwrap

    def run(body):
        command = [sys.executable, "-W", "error", "-c", textwrap.dedent(body)]
        return subprocess.run(command, capture_output=True, text=True, timeout=WAIT + 20, check=False)

    return run
