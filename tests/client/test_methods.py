"""Direct methods: handlers on the device, calls from the local hub."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import azmqtt
from scripted_hub import ScriptedHub, publish

WAIT = 10


@pytest.fixture
def pool():
    with ThreadPoolExecutor(16) as pool:
        yield pool


def invoke(hub, client, name, payload=None, *, response_timeout=WAIT):
    return hub._invoke_method(client.device_id, name, payload, response_timeout, WAIT)


def until(condition):
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


def method_threads():
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("azmqtt-handlers"))


@pytest.mark.parametrize("payload", [None, "text", 5, 2.5, True, [1, None], {"delay": 5, "é": {}}, {}])
def test_payloads_go_both_ways(hub, client, payload):
    seen = []

    @client.on_method("echo")
    def echo(request):
        seen.append(request)
        return request.payload

    assert invoke(hub, client, "echo", payload) == azmqtt.MethodResult(200, payload)
    text = json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
    assert seen == [azmqtt.MethodRequest("echo", payload, text.encode())]
    assert client.stats()["methods_called"] == 1


@pytest.mark.parametrize(
    ("returned", "status", "payload"),
    [
        (None, 200, None),
        ([1, 2], 200, [1, 2]),
        ((202, {"later": True}), 202, {"later": True}),
        ((-5, None), -5, None),
        (azmqtt.MethodResponse(409, "busy"), 409, "busy"),
        (azmqtt.MethodResponse(), 200, None),
    ],
)
def test_what_a_handler_may_return(hub, client, returned, status, payload):
    client.on_method("x", lambda _: returned)
    answer = invoke(hub, client, "x")
    assert (answer.status, answer.payload) == (status, payload)


async def test_async_handlers_run_on_the_loop_and_at_once(hub, client, pool):
    threads, arrived, release = [], [], asyncio.Event()

    @client.on_method("x")
    async def x(request):
        threads.append(threading.current_thread())
        arrived.append(request.payload)
        if len(arrived) == 2:
            release.set()
        await release.wait()
        return request.payload

    calls = [asyncio.wrap_future(pool.submit(invoke, hub, client, "x", number)) for number in range(2)]
    answers = await asyncio.wait_for(asyncio.gather(*calls), WAIT)
    assert [answer.payload for answer in answers] == [0, 1]
    assert set(threads) == {threading.current_thread()}
    await client.close_async()


def test_async_handlers_without_a_loop(hub, client):
    @client.on_method()
    async def any_method(request):
        await asyncio.sleep(0)
        return threading.current_thread().name

    assert invoke(hub, client, "whatever").payload == "azmqtt-handlers-async"


def test_a_handler_by_name_goes_before_the_one_for_all(hub, client):
    client.on_method("a", lambda _: "a's own")

    @client.on_method()
    def others(request):
        return f"others: {request.name}"

    assert invoke(hub, client, "a").payload == "a's own"
    assert invoke(hub, client, "pump*start").payload == "others: pump*start"
    for name in ("a", None):
        with pytest.raises(RuntimeError, match="already registered"):
            client.on_method(name, print)


def test_an_unknown_method(hub, client, caplog):
    client.on_method("known", lambda _: None)
    answer = invoke(hub, client, "unknown")
    assert answer.status == 404
    assert answer.payload == {"message": "the device has no method of this name"}
    assert "unknown" in caplog.text


def test_a_raising_handler_is_logged_and_tells_the_caller_nothing(hub, client, caplog):
    @client.on_method("bad")
    def bad(request):
        raise LookupError("a secret of the device")

    @client.on_method("exits")
    def exits(request):
        raise SystemExit

    @client.on_method("bad-async")
    async def bad_async(request):
        raise LookupError("a secret of the device")

    for name in ("bad", "exits", "bad-async"):
        caplog.clear()
        answer = invoke(hub, client, name)
        assert answer == azmqtt.MethodResult(500, {"message": "the method failed on the device"})
        [record] = caplog.records
        assert (record.name, record.levelno) == ("azmqtt.handlers", logging.ERROR)
        assert f"the method {name} raised" in record.getMessage()
        assert record.exc_info is not None
    assert "a secret of the device" in caplog.text


@pytest.mark.parametrize("flavour", ["plain", "async"])
@pytest.mark.parametrize(
    ("returned", "told", "logged"),
    [
        ("x" * (128 * 1024 - 1), "larger than 128 KiB", "131072 bytes"),
        (["x" * 100] * 20_000, "larger than 128 KiB", "131072 bytes"),
        ({"when": {1, 2}}, "cannot be sent", "the response.when: set is not JSON"),
        (float("nan"), "cannot be sent", "NaN is not JSON"),
        ((2**31, None), "cannot be sent", ""),
        ((1, 2, 3), "failed", "status, payload"),
        ((True, 2), "failed", "status, payload"),
        (("200", 2), "failed", "status, payload"),
    ],
)
def test_a_response_that_cannot_be_sent(hub, client, caplog, flavour, returned, told, logged):
    def plain(request):
        return returned

    async def not_plain(request):
        return returned

    client.on_method("x", plain if flavour == "plain" else not_plain)
    answer = invoke(hub, client, "x")
    assert answer.status == 500
    assert told in answer.payload["message"]
    assert "the method x" in caplog.text
    assert logged in caplog.text


def test_the_largest_response(hub, client):
    text = "x" * (128 * 1024 - 2)
    client.on_method("x", lambda _: text)
    assert invoke(hub, client, "x").payload == text


def test_plain_handlers_that_block_delay_nobody_else(hub, client):
    entered, leave = threading.Barrier(41), threading.Event()

    @client.on_method("slow")
    def slow(request):
        entered.wait(WAIT)
        assert leave.wait(WAIT)
        return threading.current_thread().name

    client.on_method("quick", lambda _: "quick")
    messages = []
    client.on_message(messages.append)
    with ThreadPoolExecutor(40) as pool:
        slow_calls = [pool.submit(invoke, hub, client, "slow") for _ in range(40)]
        entered.wait(WAIT)
        client.send_message("telemetry")
        assert invoke(hub, client, "quick").payload == "quick"
        hub.send_c2d(client.device_id, "x")
        until(lambda: messages)
        assert not any(call.done() for call in slow_calls)
        leave.set()
        names = {call.result(WAIT).payload for call in slow_calls}
    assert len(names) == 40
    assert all(name.startswith("azmqtt-handlers-") for name in names)


def test_a_handler_may_use_the_client(hub, client):
    @client.on_method("report")
    def report(request):
        return client.patch_reported_properties({"seen": request.payload}).version

    assert invoke(hub, client, "report", 5).payload == 2


def test_methods_work_again_after_a_reconnect(hub, client):
    client.on_method("x", lambda _: "here")
    assert invoke(hub, client, "x").payload == "here"
    for _ in range(2):
        assert hub.disconnect(client.device_id)
        assert invoke(hub, client, "x").payload == "here"


def test_the_response_to_a_lost_call_is_not_sent(hub, client, caplog):
    """The second call has the request id of the first, on a connection of its own."""
    caplog.set_level(logging.INFO, "azmqtt.handlers")
    entered, leave = threading.Event(), threading.Event()

    @client.on_method("slow")
    def slow(request):
        entered.set()
        assert leave.wait(WAIT)
        return "too late"

    @client.on_method("gate")
    def gate(request):
        leave.set()
        until(lambda: "the method slow was not sent" in caplog.text)
        return "its own"

    with ThreadPoolExecutor() as pool:
        lost = pool.submit(invoke, hub, client, "slow")
        assert entered.wait(WAIT)
        hub.disconnect(client.device_id)
        with pytest.raises(azmqtt.RequestFailed) as failed:
            lost.result(WAIT)
        assert (failed.value.status, failed.value.error_code) == (404, 404104)
        assert invoke(hub, client, "gate").payload == "its own"


def test_closing_while_a_handler_runs(hub, caplog):
    entered, leave = threading.Event(), threading.Event()
    client = hub.device_client(hub.create_device().device_id)

    @client.on_method("slow")
    def slow(request):
        entered.set()
        assert leave.wait(WAIT)

    with ThreadPoolExecutor() as pool:
        call = pool.submit(invoke, hub, client, "slow")
        assert entered.wait(WAIT)
        closing = pool.submit(client.close)
        with pytest.raises(azmqtt.RequestFailed, match="connection ended"):
            call.result(WAIT)
        assert closing.result(WAIT) == 0
        leave.set()
    until(lambda: "the method slow was not sent: the client is closed" in caplog.text)
    until(lambda: method_threads() == [])


def test_a_method_may_close_its_client(hub):
    client = hub.device_client(hub.create_device().device_id)
    client.on_method("stop", lambda _: client.close())
    with pytest.raises(azmqtt.RequestFailed):
        invoke(hub, client, "stop")
    until(lambda: method_threads() == [])


def test_names_and_handlers_are_checked(client):
    for name in ("", "a b", "a/b", "x+"):
        with pytest.raises(ValueError, match="the method name"):
            client.on_method(name)
    with pytest.raises(TypeError, match="must be callable, not int"):
        client.on_method("x", 5)
    with pytest.raises(TypeError, match=r"write @client.on_method\(\)"):
        client.on_method(print)
    assert client.state == "disconnected"


def test_a_decorated_function_stays_what_it_is(client):
    def function(request):
        pass

    assert client.on_method("x")(function) is function
    assert client.on_method(None, function) is function


def scripted_client(server):
    return azmqtt.DeviceClient.from_symmetric_key("localhost", "d", "a2V5", trust=server.ca_file, port=server.port)


def test_a_payload_that_is_not_json(tmp_path, caplog):
    answers = []

    async def script(link):
        await link.accept()
        packet = await link.receive()
        await link.send(b"\x90\x03" + packet.packet_id + b"\x01")
        for number, body in enumerate([b"{", b"\xff", b"[" * 100_000, b"[NaN]", b"-Infinity", b"", b"5"]):
            await link.send(publish(f"$iothub/methods/POST/x/?$rid={number}", body))
            answers.append(await link.next_publish())
        await link.hang()

    seen = []
    with ScriptedHub(tmp_path, script) as server, scripted_client(server) as client:
        client.on_method("x", lambda request: seen.append(request.payload))
        until(lambda: len(answers) == 7)
    statuses = [answer.topic.split("/")[3] for answer in answers]
    assert statuses == ["400"] * 5 + ["200", "200"]
    assert json.loads(answers[0].payload) == {"message": "the payload is not JSON"}
    assert seen == [None, 5]
    assert "the method x with a payload that is not JSON" in caplog.text


def test_a_call_that_lost_its_connection_before_it_began_is_not_run(tmp_path, caplog):
    caplog.set_level(logging.INFO, "azmqtt.handlers")
    entered, leave, second = threading.Event(), threading.Event(), threading.Event()

    async def first(link):
        await link.accept()
        packet = await link.receive()
        await link.send(b"\x90\x03" + packet.packet_id + b"\x01")
        for name in ("busy", "late"):
            await link.send(publish(f"$iothub/methods/POST/{name}/?$rid=1"))
        await asyncio.get_running_loop().run_in_executor(None, entered.wait, WAIT)
        until(lambda: client.stats()["methods_called"] == 2)

    async def again(link):
        await link.accept()
        second.set()
        await link.next_publish()
        await link.hang()

    azmqtt.set_handler_threads(1)
    try:
        with ScriptedHub(tmp_path, first, again) as server, scripted_client(server) as client:
            ran = []

            @client.on_method()
            def handler(request):
                ran.append(request.name)
                entered.set()
                assert leave.wait(WAIT)

            assert second.wait(WAIT)
            leave.set()
            until(lambda: "the method late was not called" in caplog.text)
    finally:
        azmqtt.set_handler_threads(256)
    assert ran == ["busy"]


def test_the_hub_says_why_there_is_no_answer(hub, client):
    with pytest.raises(azmqtt.RequestFailed) as failed:
        hub.invoke_method(client.device_id, "x")
    error = failed.value
    assert (error.status, error.error_code) == (404, 404103)
    assert error.message.startswith("The operation failed because the requested device isn't online")

    never = threading.Event()
    client.on_method("x", lambda _: never.wait(WAIT))
    try:
        with pytest.raises(azmqtt.RequestFailed) as failed:
            invoke(hub, client, "x", response_timeout=0.1)
        assert (failed.value.status, failed.value.error_code) == (504, 504101)
    finally:
        never.set()


def test_stopping_the_hub_ends_the_calls():
    entered, leave = threading.Event(), threading.Event()
    with azmqtt.LocalHub() as hub, hub.device_client("d") as client, ThreadPoolExecutor() as pool:

        @client.on_method("x")
        def x(request):
            entered.set()
            assert leave.wait(WAIT)

        called = pool.submit(invoke, hub, client, "x")
        hub.create_device("offline")
        waits = pool.submit(hub.invoke_method, "offline", "x", connect_timeout=300, response_timeout=300)
        assert entered.wait(WAIT)
        hub.close()
        with pytest.raises((azmqtt.RequestFailed, RuntimeError)):
            called.result(WAIT)
        with pytest.raises(RuntimeError, match="stopped"):
            waits.result(WAIT)
        leave.set()
        client.close(timeout=0)


def test_ctrl_c_ends_a_call(hub, client):
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    begun = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        hub.invoke_method(client.device_id, "x", connect_timeout=WAIT)
    assert time.monotonic() - begun < WAIT / 2


def test_the_hub_checks_its_arguments(hub, client):
    device_id = client.device_id
    for timeout in (4.9, 301, float("nan")):
        with pytest.raises(ValueError, match="response_timeout"):
            hub.invoke_method(device_id, "x", response_timeout=timeout)
    for timeout in (-1, 301):
        with pytest.raises(ValueError, match="connect_timeout"):
            hub.invoke_method(device_id, "x", connect_timeout=timeout)
    with pytest.raises(ValueError, match=r"connect_timeout \(6 s\) is longer than response_timeout \(5 s\)"):
        hub.invoke_method(device_id, "x", response_timeout=5, connect_timeout=6)
    with pytest.raises(ValueError, match="131072"):
        hub.invoke_method(device_id, "x", "x" * 128 * 1024)
    with pytest.raises(ValueError, match="method name"):
        hub.invoke_method(device_id, "a b")
    with pytest.raises(LookupError):
        hub.invoke_method("nobody", "x")
