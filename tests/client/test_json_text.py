"""JSON keeps the order of its keys and whole numbers of any size, from Python to Python."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest

import azmqtt
import azmqtt.paho

HUGE = 123456789012345678901234567890
PAYLOAD = {"z": 1, "a": {"y": -HUGE, "b": [2**64, 1.5]}, "m": None}
TWIN = {"z": 1, "a": {"y": -(2**52), "b": [2**52 - 1, 1.5]}, "m": "x"}


def ordered(value):
    """As text: comparing dicts does not look at the order."""
    return json.dumps(value)


@pytest.fixture(params=["device", "module"])
def either(hub, request):
    """A client of a device, and of a module."""
    module_id = "m1" if request.param == "module" else None
    with hub.device_client(hub.create_device().device_id, module_id=module_id) as client:
        yield client


@contextlib.contextmanager
def raw_device(hub, answers):
    """A device that answers each call of a method with the bytes under its name; yields its id."""
    device = hub.create_device()
    client = azmqtt.paho.Client(client_id=device.device_id)
    client.tls_set(ca_certs=hub.ca_file)
    token = azmqtt.sas.generate(
        f"{hub.hostname}/devices/{device.device_id}", device.connection_string.partition("SharedAccessKey=")[2]
    )
    client.username_pw_set(f"{hub.hostname}/{device.device_id}/?api-version=2021-04-12", token)

    def on_message(_client, _userdata, message):
        name, request_id = message.topic.split("/")[3], message.topic.split("$rid=")[1]
        client.publish(f"$iothub/methods/res/200/?$rid={request_id}", answers[name])

    client.on_connect = lambda *_: client.subscribe("$iothub/methods/POST/#")
    client.on_message = on_message
    client.connect(hub.hostname, hub.port)
    client.loop_start()
    try:
        yield device.device_id
    finally:
        client.disconnect()
        client.loop_stop()


def test_methods(hub, either):
    got = []

    @either.on_method("m")
    def method(request):
        got.append(request)
        return 200, request.payload

    either.connect()
    answer = hub.invoke_method(either.device_id, "m", PAYLOAD, module_id=either.module_id, connect_timeout=10)
    assert ordered(got[0].payload) == ordered(answer.payload) == ordered(PAYLOAD)


async def test_methods_of_modules(hub, client):
    """Through the gateway, which is the hub."""

    @client.on_method("m")
    async def method(request):
        return 200, request.payload

    await client.connect_async()
    with hub.device_client(hub.create_device().device_id, module_id="caller") as module:
        for answer in (
            await module.invoke_method_async(client.device_id, "m", PAYLOAD, connect_timeout=10),
            await asyncio.to_thread(module.invoke_method, client.device_id, "m", PAYLOAD),
        ):
            assert ordered(answer.payload) == ordered(PAYLOAD)


def test_twins(hub, either):
    device_id, module_id = either.device_id, either.module_id
    changes = either.desired_properties(timeout=10)
    either.get_twin()
    hub.patch_desired(device_id, TWIN, module_id=module_id)
    assert ordered(next(changes).patch) == ordered(TWIN)
    either.patch_reported_properties(TWIN)
    twin = either.get_twin()
    assert ordered(twin.desired) == ordered(twin.reported) == ordered(TWIN)
    seen = hub.twin(device_id, module_id=module_id)["properties"]
    for section in (seen["desired"], seen["reported"]):
        assert ordered({key: value for key, value in section.items() if not key.startswith("$")}) == ordered(TWIN)


def test_messages(hub, client):
    client.send_message(PAYLOAD)
    (message,) = hub.wait_for_telemetry(client.device_id)
    assert json.loads(message.body) == PAYLOAD
    assert list(message.json()) == list(PAYLOAD)


def test_numbers_are_read_as_by_json(hub):
    """``1e999`` is infinite, and so is an integer with more digits than Python takes."""
    answers = {"floats": b"[4.20,1e2,-0,1e999,-1.0]", "huge": b"9" * 5000}
    with raw_device(hub, answers) as device_id, hub.device_client("gateway", module_id="m") as module:
        answer = module.invoke_method(device_id, "floats", connect_timeout=10).payload
        assert answer == json.loads(answers["floats"])
        assert [type(number) for number in answer] == [float, float, int, float, float]
        assert module.invoke_method(device_id, "huge").payload == float("inf")


def test_an_answer_that_is_not_json_is_an_error(hub):
    answers = {
        "broken": b"{'filename': 'logs.zip'}",
        "text": b"Some Response Message",
        "bytes": b"\xff\xfe",
        "deep": b"[" * 60_000 + b"]" * 60_000,
    }
    with raw_device(hub, answers) as device_id, hub.device_client("gateway", module_id="m") as module:
        for name in answers:
            with pytest.raises(
                azmqtt.BadAnswer, match=f"{device_id} answered 200 to {name} with a body that is not JSON"
            ):
                hub.invoke_method(device_id, name, connect_timeout=10)
            with pytest.raises(azmqtt.BadAnswer):
                module.invoke_method(device_id, name)


def test_an_integer_with_more_digits_than_python_writes(hub, client):
    with pytest.raises(ValueError, match="body"):
        client.send_message({"n": 10**5000})


@pytest.mark.parametrize("body", [b"[NaN]", b"-Infinity", b"{", b"[" * 100_000])
def test_an_answer_that_is_not_json(hub, body):
    with raw_device(hub, {"m": body}) as device_id, pytest.raises(azmqtt.BadAnswer, match="a body that is not JSON"):
        hub.invoke_method(device_id, "m", connect_timeout=10)


@pytest.mark.parametrize("body", [b"[NaN]", b"-Infinity", b"{", b"[" * 60_000])
def test_a_body_that_is_not_json(hub, client, body):
    client.connect()
    incoming = client.messages(timeout=10)
    hub.send_c2d(client.device_id, body)
    with pytest.raises(ValueError, match=r"not JSON|nested too deeply|Expecting"):
        next(incoming).json()
    client.send_message(body)
    (telemetry,) = hub.telemetry(device_id=client.device_id)
    with pytest.raises(ValueError, match=r"not JSON|nested too deeply|Expecting"):
        telemetry.json()
