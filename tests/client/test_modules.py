"""Modules: everything that a device does under an identity of its own, and inputs and outputs."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time

import pytest

import azmqtt


@pytest.fixture
def module(hub):
    """A client of a module whose device no other test uses, not yet connected."""
    with hub.device_client(hub.create_device().device_id, module_id="m1") as client:
        yield client


def until(condition, timeout=10):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


def send(hub, client, input_name, *bodies, **more):
    for body in bodies:
        hub.send_to_input(client.device_id, client.module_id, input_name, body, **more)


def pending(hub, client):
    return hub.pending_inputs(client.device_id, client.module_id)


def test_telemetry_is_the_modules(hub, module):
    module.send_message({"t": 1}, properties={"a": "b"})
    (message,) = hub.wait_for_telemetry(module.device_id, module_id="m1")
    assert (message.device_id, message.module_id, message.output_name) == (module.device_id, "m1", None)
    assert (message.json(), message.properties) == ({"t": 1}, {"a": "b"})
    stamps = message.system_properties
    assert stamps["iothub-connection-module-id"] == "m1"
    assert json.loads(stamps["iothub-connection-auth-method"])["scope"] == "module"
    assert hub.telemetry(module.device_id) == []
    assert hub.telemetry_count(module.device_id) == 0
    assert hub.telemetry_count(module.device_id, module_id="m1") == 1


async def test_outputs(hub, module):
    module.send_message("a", output_name="out1")
    await module.send_message_async("b", output_name="out 2")
    module.send_messages([azmqtt.Message("c", output_name="out1"), "d"])
    messages = await hub.wait_for_telemetry_async(module.device_id, 4, module_id="m1")
    assert [(m.text, m.output_name) for m in messages] == [("a", "out1"), ("b", "out 2"), ("c", "out1"), ("d", None)]


def test_a_device_has_no_inputs(client):
    with pytest.raises(ValueError, match="only a module has inputs"):
        client.on_input_message("in1", print)
    with pytest.raises(TypeError, match="takes the name of an input"):
        client.on_input_message(print)
    assert client.state == "disconnected"


def test_twin_and_desired_properties(hub, module):
    changes = module.desired_properties(timeout=10)
    assert module.patch_reported_properties({"r": 1}).version == 2
    hub.patch_desired(module.device_id, {"of": "device"})
    hub.patch_desired(module.device_id, {"of": "module"}, module_id="m1")
    change = next(changes)
    assert (change.version, change.patch) == (2, {"of": "module"})
    assert module.get_twin().reported["r"] == 1
    twin = hub.twin(module.device_id, module_id="m1")
    assert (twin["moduleId"], twin["properties"]["reported"]["r"]) == ("m1", 1)
    assert "r" not in hub.twin(module.device_id)["properties"]["reported"]


def test_methods(hub, module):
    @module.on_method("ping")
    def ping(request):
        return {"got": request.payload}

    module.connect()
    answer = hub.invoke_method(module.device_id, "ping", 7, module_id="m1", connect_timeout=10)
    assert (answer.status, answer.payload) == (200, {"got": 7})
    with pytest.raises(azmqtt.RequestFailed) as caught:
        hub.invoke_method(module.device_id, "ping", 7)
    assert caught.value.error_code == 404103, "the device itself is not connected"


def test_a_message_to_an_input(hub, module):
    properties = {"k": "v", "$.mid": "m-1"}
    send(hub, module, "in1", b"hello", properties=properties, connection_module_id="other")
    messages = module.messages(timeout=10)
    message = next(messages)
    assert (message.input_name, message.body, message.properties) == ("in1", b"hello", {"k": "v"})
    assert (message.message_id, message.connection_module_id) == ("m-1", "other")
    assert message.connection_device_id == module.device_id
    assert repr(message) == 'CloudMessage(input_name="in1", message_id="m-1", 5 bytes)'
    assert pending(hub, module) == 1
    messages.close()
    until(lambda: pending(hub, module) == 0)


def test_inputs_have_handlers_of_their_own(hub, module):
    seen = []

    @module.on_input_message("in1")
    def first(message):
        seen.append(("first", message.body, threading.current_thread().name.rpartition("-")[0]))

    module.on_input_message("in2", lambda message: seen.append(("second", message.body)))
    module.on_message(lambda message: seen.append((message.input_name, message.body)))
    for name in ("in1", "in2", "in3", "in1"):
        send(hub, module, name, name.encode())
    until(lambda: len(seen) == 4)
    thread = "azmqtt-handlers"
    assert seen == [("first", b"in1", thread), ("second", b"in2"), ("in3", b"in3"), ("first", b"in1", thread)]
    until(lambda: pending(hub, module) == 0)
    with pytest.raises(RuntimeError, match="the input 'in1' is already registered"):
        module.on_input_message("in1", print)
    with pytest.raises(RuntimeError, match="all other inputs is already registered"):
        module.on_message(print)


async def test_handlers_of_inputs_may_be_coroutines(hub, module):
    seen = []
    done = asyncio.Event()
    own_loop = asyncio.get_running_loop()

    @module.on_input_message("slow")
    async def slow(message):
        assert asyncio.get_running_loop() is own_loop
        await asyncio.sleep(0.05)
        seen.append(message.body)

    @module.on_input_message("quick")
    def quick(message):
        seen.append(message.body)
        if message.body == b"3":
            own_loop.call_soon_threadsafe(done.set)

    for number in range(4):
        send(hub, module, "slow" if number % 2 == 0 else "quick", str(number))
    await asyncio.wait_for(done.wait(), 10)
    assert seen == [b"0", b"1", b"2", b"3"], "one at a time, in the order in which they were sent"
    await module.close_async()


def test_a_coroutine_without_a_loop_gets_one(hub, module):
    seen = []

    @module.on_input_message("in1")
    async def handler(message):
        await asyncio.sleep(0)
        seen.append((message.body, threading.current_thread().name))

    send(hub, module, "in1", b"x")
    until(lambda: seen)
    assert seen == [(b"x", "azmqtt-handlers-async")]


def test_a_message_is_acknowledged_after_its_handler(hub, module):
    entered, leave = threading.Event(), threading.Event()

    @module.on_input_message("in1")
    def handler(_message):
        entered.set()
        assert leave.wait(10)

    send(hub, module, "in1", b"x")
    assert entered.wait(10)
    module.send_message("a round trip")
    assert pending(hub, module) == 1
    leave.set()
    until(lambda: pending(hub, module) == 0)


def test_handlers_that_raise_and_inputs_without_one(hub, module, caplog):
    seen = []

    @module.on_input_message("bad")
    def bad(_message):
        raise RuntimeError("nothing works")

    @module.on_input_message("exits")
    async def exits(_message):
        raise asyncio.CancelledError

    module.on_input_message("good", lambda message: seen.append(message.body))
    with caplog.at_level(logging.WARNING, "azmqtt.handlers"):
        for name in ("bad", "exits", "stray", "good"):
            send(hub, module, name, b"x")
        until(lambda: seen)
        until(lambda: pending(hub, module) == 0)
    assert [record.getMessage() for record in caplog.records] == [
        "the handler of the input bad raised",
        "the handler of the input exits raised",
        "a message to the input stray, which has no handler, is dropped",
    ]


def test_the_loop_of_a_handler_closes(hub, module, caplog):
    async def register():
        @module.on_input_message("in1")
        async def handler(_message):
            raise AssertionError

    asyncio.run(register())
    with caplog.at_level(logging.ERROR, "azmqtt.handlers"):
        send(hub, module, "in1", b"x")
        until(lambda: caplog.records)
    assert "the event loop of a handler is closed" in caplog.records[0].getMessage()
    module.send_message("a round trip")
    assert pending(hub, module) == 1, "not acknowledged: another client may take it"


def test_messages_survive_a_lost_connection(hub, module):
    messages = module.messages(timeout=10)
    send(hub, module, "in1", b"1")
    assert next(messages).body == b"1"
    hub.disconnect(module.device_id, module_id="m1")
    send(hub, module, "in1", b"2")
    hub.wait_for_connection(module.device_id, module_id="m1")
    got = []
    until(lambda: got.append(next(messages).body) or got[-1] == b"2")
    messages.close()
    assert set(got) <= {b"1", b"2"}, "at least once"
    until(lambda: pending(hub, module) == 0)


def test_closing_waits_for_no_handler_for_ever(hub, module):
    entered = threading.Event()

    @module.on_input_message("in1")
    async def handler(_message):
        entered.set()
        await asyncio.sleep(3600)

    send(hub, module, "in1", b"x")
    assert entered.wait(10)
    begun = time.monotonic()
    module.close(timeout=5)
    assert time.monotonic() - begun < 5


def test_modules_of_a_hub(hub):
    device_id = hub.create_device().device_id
    module = hub.create_module(device_id, "m1")
    assert module == hub.module(device_id, "m1")
    assert f"DeviceId={device_id};ModuleId=m1;SharedAccessKey=" in module.connection_string
    assert "SharedAccessKey" not in repr(module)
    hub.create_module(device_id, "m0", key="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    assert [m.module_id for m in hub.modules(device_id)] == ["m0", "m1"]
    with pytest.raises(ValueError, match=f"the module {device_id}/m1 already exists"):
        hub.create_module(device_id, "m1")
    with pytest.raises(LookupError, match="the device nobody does not exist"):
        hub.create_module("nobody", "m1")
    hub.remove_module(device_id, "m0")
    for call in (hub.module, hub.remove_module):
        with pytest.raises(LookupError, match=f"the module {device_id}/m0 does not exist"):
            call(device_id, "m0")
    with pytest.raises(ValueError, match="module_id needs the device_id"):
        hub.telemetry(module_id="m1")
    with pytest.raises(ValueError, match="the name of an input"):
        hub.send_to_input(device_id, "m1", "a/b", b"x")
    with pytest.raises(TypeError, match="body: object is not JSON"):
        hub.send_to_input(device_id, "m1", "a", object())


def test_what_happens_to_the_device_happens_to_its_modules(hub, module):
    device_id = module.device_id
    module.connect()
    assert hub.connected(device_id, module_id="m1")
    assert not hub.connected(device_id)
    hub.set_enabled(device_id, False)
    hub.wait_for_connection(device_id, module_id="m1", connected=False)
    assert hub.last_close(device_id, module_id="m1") == "the device was disabled"
    hub.set_enabled(device_id, True)
    hub.wait_for_connection(device_id, module_id="m1", timeout=30)
    hub.remove_device(device_id)
    with pytest.raises(LookupError):
        hub.connected(device_id, module_id="m1")


def test_modules_survive_a_restart_of_the_hub(tmp_path):
    with azmqtt.LocalHub(state=tmp_path) as hub:
        with hub.device_client("d", module_id="m") as module:
            module.patch_reported_properties({"r": 1})
        kept = hub.module("d", "m")
    with azmqtt.LocalHub(state=tmp_path) as hub:
        assert hub.module("d", "m") == kept
        assert hub.twin("d", module_id="m")["properties"]["reported"]["r"] == 1


@pytest.mark.parametrize("credentials", ["device's key", "wrong module"])
def test_a_module_needs_its_own_key(hub, credentials):
    device = hub.create_device()
    hub.create_module(device.device_id, "m1")
    key = device.connection_string.rpartition("SharedAccessKey=")[2]
    module_id = "m1" if credentials == "device's key" else "m2"
    with (
        azmqtt.DeviceClient.from_symmetric_key(
            "localhost", device.device_id, key, module_id=module_id, port=hub.port, trust=hub.ca_file
        ) as client,
        pytest.raises(azmqtt.AuthenticationFailed),
    ):
        client.connect(timeout=10)


@pytest.fixture
def answering(hub, module):
    """Another module of the same device, which answers every method with status 201 and the name and payload."""
    with hub.device_client(module.device_id, module_id="m2") as other:
        other.on_method()(lambda request: (201, [request.name, request.payload]))
        other.connect()
        yield other


async def test_a_module_calls_methods(hub, module, answering):
    result = module.invoke_method(module.device_id, "re.boot", {"delay": 5}, module_id="m2", connect_timeout=5)
    assert result == azmqtt.MethodResult(201, ["re.boot", {"delay": 5}])
    result = await module.invoke_method_async(module.device_id, "x", module_id="m2", connect_timeout=5)
    assert result == (201, ["x", None])
    with pytest.raises(azmqtt.RequestFailed) as caught:
        module.invoke_method(module.device_id, "x")
    assert caught.value.error_code == 404103
    with pytest.raises(azmqtt.RequestFailed) as caught:
        await module.invoke_method_async(module.device_id, "x", module_id="m3")
    assert caught.value.error_code == 404010


def test_what_cannot_be_called_is_told_before(module, client):
    device_id = module.device_id
    with pytest.raises(ValueError, match="only a module calls methods"):
        client.invoke_method(device_id, "x")
    with pytest.raises(ValueError, match=r"response_timeout must be from 5 to 300 s"):
        module.invoke_method(device_id, "x", response_timeout=1)
    with pytest.raises(TypeError, match="connect_timeout must be a number"):
        module.invoke_method(device_id, "x", connect_timeout="5")
    with pytest.raises(ValueError, match=r"connect_timeout \(6 s\) is longer than response_timeout \(5 s\)"):
        module.invoke_method(device_id, "x", response_timeout=5, connect_timeout=6)
    with pytest.raises(ValueError, match="device_id"):
        module.invoke_method("a/b", "x")
    with pytest.raises(ValueError, match="module_id"):
        module.invoke_method(device_id, "x", module_id="")
    with pytest.raises(ValueError, match="method"):
        module.invoke_method(device_id, "a b")
    with pytest.raises(azmqtt.MessageTooLarge):
        module.invoke_method(device_id, "x", "x" * 131_071)
    with pytest.raises(TypeError):
        module.invoke_method(device_id, "x", object())
    module.close()
    with pytest.raises(azmqtt.ClientClosed):
        module.invoke_method(device_id, "x")
