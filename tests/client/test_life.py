"""Threads, loops, signals, forks, exits and forgotten clients."""

from __future__ import annotations

import asyncio
import gc
import os
import queue
import subprocess
import sys
import textwrap
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

import azmqtt
from interrupt import assert_interrupted


def script(hub: azmqtt.LocalHub, body: str, *, device_id: str | None = None) -> list[str]:
    """Command that runs ``body`` in a process of its own, with a ``client`` of the hub."""
    device = hub.create_device(device_id)
    head = f"""
        import asyncio, os, sys, threading, time
        import azmqtt
        client = azmqtt.DeviceClient.from_connection_string(
            {device.connection_string!r}, trust={str(hub.ca_file)!r}, port={hub.port}
        )
    """
    return [sys.executable, "-W", "ignore::ResourceWarning", "-c", textwrap.dedent(head) + textwrap.dedent(body)]


def run(command: list[str], timeout: float = 30) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def test_many_threads_share_a_client(hub, client):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: client.send_message(str(n).encode()), range(200)))
    bodies = {int(message.body) for message in hub.telemetry(client.device_id)}
    assert bodies == set(range(200))


def test_blocking_call_inside_a_running_loop(client):
    async def main() -> int:
        return client.patch_reported_properties({"a": 1}).version

    assert asyncio.run(main()) == 2


def test_several_loops_one_after_the_other_and_at_once(client):
    async def use(count: int) -> None:
        await asyncio.gather(*(client.send_message_async(b"x") for _ in range(count)))

    asyncio.run(use(20))
    asyncio.run(use(20))
    threads = [threading.Thread(target=lambda: asyncio.run(use(50))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.stats()["messages_sent"] == 240


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop is not made for Windows")
def test_uvloop(client):
    import uvloop

    async def use() -> int:
        await asyncio.gather(*(client.send_message_async(b"x") for _ in range(100)))
        return (await client.patch_reported_properties_async({"a": 1})).version

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) if sys.version_info >= (3, 11) else _OldRunner() as r:
        assert r.run(use()) == 2


class _OldRunner:
    """``asyncio.Runner`` for Python 3.10."""

    def __enter__(self):
        import uvloop

        self.loop = uvloop.new_event_loop()
        return self

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def __exit__(self, *_):
        self.loop.close()


def test_loop_that_closes_with_work_in_flight(client):
    async def abandon() -> None:
        asyncio.ensure_future(client.send_message_async(b"x"))  # noqa: RUF006 - left on purpose
        await asyncio.sleep(0)

    asyncio.run(abandon())
    assert client.get_twin().reported_version == 1


def test_cancelled_await_does_not_disturb_others(client):
    async def main() -> None:
        waiting = asyncio.ensure_future(anext(aiter(client.messages(timeout=30))))
        await client.send_message_async(b"1")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await client.send_message_async(b"2")

    asyncio.run(main())


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent the POSIX way")
@pytest.mark.parametrize(
    "wait",
    [
        "next(iter(client.messages(timeout=60)))",
        "asyncio.run(client.messages(timeout=60).__anext__())",
        "client.send_messages(iter(lambda: (time.sleep(0.001), b'x')[1], None))",
    ],
    ids=["blocking", "await", "send_messages"],
)
def test_ctrl_c(hub, wait):
    body = f"""
        client.connect()
        try:
            # Inside: the signal may come before the next line starts.
            print("waiting", flush=True)
            {wait}
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        client.close()
    """
    assert_interrupted(script(hub, body))


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent the POSIX way")
def test_ctrl_c_in_send_messages_waits_for_no_acknowledgement():
    """The hub is gone and the generator runs on: the interrupt comes out of the generator."""
    with azmqtt.LocalHub() as hub:
        body = """
            def endless():
                while True:
                    yield b"x"
                    time.sleep(0.001)
            client.connect()
            try:
                print("waiting", flush=True)
                client.send_messages(endless(), timeout=300)
            except KeyboardInterrupt:
                print("interrupted", flush=True)
            client.close(timeout=0)
        """

        def lose_hub() -> None:
            hub.wait_for_telemetry(count=10)
            hub.close()

        assert_interrupted(script(hub, body), lose_hub)


def test_a_with_block_left_by_an_interrupt_does_not_wait_for_what_cannot_be_sent():
    with azmqtt.LocalHub() as hub:
        body = """
            client = azmqtt.DeviceClient.from_symmetric_key(
                "localhost", "d", "a2V5", port=1, timeout=300, retry=azmqtt.RetryPolicy(first_connect=True)
            )
            try:
                with client:
                    threading.Thread(target=client.send_message, args=(b"x",), daemon=True).start()
                    raise KeyboardInterrupt
            except KeyboardInterrupt:
                print("out", flush=True)
                os._exit(0)
        """
        done = run(script(hub, body))
    assert (done.stdout, done.returncode) == ("out\n", 0), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_fork_gives_an_error_and_a_new_client_works(hub):
    device = hub.create_device()
    body = f"""
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own about fork and threads
        client.send_message(b"parent")
        child = os.fork()
        if child == 0:
            try:
                client.send_message(b"child", timeout=5)
            except RuntimeError as error:
                assert "fork" in str(error), error
            else:
                os._exit(3)
            own = azmqtt.DeviceClient.from_connection_string(
                {device.connection_string!r}, trust={str(hub.ca_file)!r}, port={hub.port}
            )
            own.send_message(b"own", timeout=20)
            own.close()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        client.send_message(b"parent again")
        sys.exit(os.waitstatus_to_exitcode(status))
    """
    done = run(script(hub, body))
    assert done.returncode == 0, done.stderr
    assert [message.body for message in hub.telemetry(device.device_id)] == [b"own"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("ends", ["os._exit(0)", "sys.exit(0)"])
def test_a_hub_stays_with_the_process_that_made_it(ends):
    body = f"""
        import os, sys, warnings
        import azmqtt
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own about fork and threads
        with azmqtt.LocalHub(record_packets=True) as hub:
            device = hub.create_device("parent")
            child = os.fork()
            if child == 0:
                calls = (
                    lambda: hub.create_device("child"), lambda: hub.twin("parent"),
                    lambda: hub.wait_for_telemetry("parent"), lambda: hub.device_client("parent"),
                    lambda: hub.packets(), lambda: hub.id_scope and hub.faults(),
                    lambda: hub.create_enrollment("child"),
                )
                for call in calls:
                    try:
                        call()
                    except RuntimeError as error:
                        assert "this hub was made before fork()" in str(error), error
                    else:
                        os._exit(3)
                assert "of the parent process" in repr(hub)
                options = dict(port=hub.port, trust=hub.ca_file)
                with azmqtt.DeviceClient.from_connection_string(device.connection_string, **options) as client:
                    client.send_message(b"child", timeout=20)
                with azmqtt.LocalHub() as own:
                    own.create_device("own")
                hub.close()
                del hub
                {ends}
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0, status
            assert [message.body for message in hub.wait_for_telemetry("parent")] == [b"child"]
            assert hub.device_client("parent").get_twin(timeout=20).reported == {{}}
            assert os.path.exists(hub.ca_file)
    """
    done = run([sys.executable, "-c", textwrap.dedent(body)])
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize(
    "work",
    [
        "client.connect()",
        "threading.Thread(target=lambda: next(iter(client.messages(timeout=60))), daemon=True).start()",
        "threading.Thread(target=lambda: client.send_messages(iter(lambda: b'x', None)), daemon=True).start()",
        "client.on_desired_properties(print)",
        # Found by the garbage collector only when the interpreter is going down.
        "kept = [client]; kept.append(kept); sys.modules['kept'] = kept; client.connect()",
    ],
)
def test_exit_with_work_in_flight_is_clean(hub, work):
    done = run(script(hub, f"{work}\nclient.get_twin()\nprint('leaving', flush=True)"))
    assert (done.returncode, done.stdout) == (0, "leaving\n"), done.stderr
    assert done.stderr == ""


def test_forgotten_client_warns_and_disconnects(hub):
    client = hub.device_client("forgotten")
    client.connect()
    with pytest.warns(ResourceWarning, match="forgotten"):
        del client
        gc.collect()
    # The hub notices by itself: the connection ended.
    with hub.device_client("forgotten") as again, warnings.catch_warnings():
        again.get_twin()


def test_closed_client_says_so(client):
    client.close()
    client.close()
    for call in (client.get_twin, client.connect, lambda: client.send_message(b"x")):
        with pytest.raises(azmqtt.ClientClosed):
            call()
    assert client.state == "closed"


def test_two_threads_serve_any_number_of_clients(hub):
    body = """
        clients = [client]
        for _ in range(50):
            clients.append(azmqtt.DeviceClient.from_connection_string(
                sys.argv[1], trust=sys.argv[2], port=int(sys.argv[3])))
        client.connect()
        print(len(os.listdir("/proc/self/task")))
    """
    if not sys.platform.startswith("linux"):
        pytest.skip("counts threads in /proc")
    device = hub.create_device()
    done = run([*script(hub, body), device.connection_string, str(hub.ca_file), str(hub.port)])
    assert done.stdout == "2\n", done.stderr


def test_disconnect_until_the_next_call(hub, client):
    received: queue.Queue[bytes] = queue.Queue()
    client.on_message(lambda message: received.put(message.body))
    hub.wait_for_connection(client.device_id)
    client.send_message("a")
    client.disconnect()
    assert (client.state, client.last_error) == ("disconnected", None)
    hub.wait_for_connection(client.device_id, connected=False)
    assert hub.last_close(client.device_id) == "the client sent DISCONNECT"
    hub.send_c2d(client.device_id, "while it was away")
    with pytest.raises(queue.Empty):
        received.get(timeout=0.2)  # a handler does not connect by itself
    assert client.state == "disconnected"
    client.send_message("b")
    assert received.get(timeout=10) == b"while it was away"
    assert hub.connection_count(client.device_id) == 2


async def test_disconnect_awaited(hub, client):
    await client.disconnect_async()
    await client.connect_async()
    await client.disconnect_async(timeout=5)
    assert client.state == "disconnected"
    assert (await client.get_twin_async()).reported == {}
