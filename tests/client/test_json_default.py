"""Every way by which a value of Python's becomes JSON takes everyday types, and the application's ``json_default``."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import gc
import weakref

import numpy as np
import pandas as pd
import pytest

import azmqtt
from azmqtt.provisioning import register

AT = pd.Timestamp("2026-01-02T03:04:05Z")
WAIT = 10


class Point:
    def __init__(self, x):
        self.x = x


def of_point(value):
    if isinstance(value, Point):
        return [value.x]
    raise TypeError


@dataclasses.dataclass
class State:
    at: dt.datetime = AT
    mean: np.float32 = np.float32(0.1)  # noqa: RUF009 - it does not change
    point: Point = Point(1)  # noqa: RUF009 - the same


VALUE = {"at": AT, "mean": np.float32(0.1), "point": Point(1)}
TEXT = {"at": "2026-01-02T03:04:05Z", "mean": 0.1, "point": [1]}


@pytest.fixture(scope="module")
def hub():
    with azmqtt.LocalHub(json_default=of_point) as hub:
        yield hub


@pytest.fixture(params=["device", "module"])
def client(hub, request):
    module_id = "m1" if request.param == "module" else None
    with hub.device_client(hub.create_device().device_id, module_id=module_id, json_default=of_point) as client:
        yield client


async def stream(*items):
    for item in items:
        yield item


SENDING = {
    "send_message": lambda client: client.send_message(VALUE),
    "a dataclass": lambda client: client.send_message(State()),
    "properties": lambda client: client.send_message(VALUE, properties={"a": "b"}),
    "Message": lambda client: client.send_message(azmqtt.Message(VALUE)),
    "send_messages": lambda client: client.send_messages([VALUE]),
    "send_message_async": lambda client: asyncio.run(client.send_message_async(azmqtt.Message(VALUE))),
    "send_messages_async": lambda client: asyncio.run(client.send_messages_async([VALUE])),
    "an async iterable": lambda client: asyncio.run(client.send_messages_async(stream(VALUE))),
}


@pytest.mark.parametrize("send", SENDING.values(), ids=SENDING)
def test_messages(hub, client, send):
    send(client)
    [message] = hub.wait_for_telemetry(client.device_id, module_id=client.module_id)
    assert message.json() == TEXT
    assert message.system_properties["content-type"] == "application/json"


@pytest.mark.parametrize("patch", [VALUE, State()], ids=["dict", "dataclass"])
def test_reported_properties(client, patch):
    client.patch_reported_properties(patch)
    assert client.get_twin().reported == TEXT
    client.patch_reported_properties({"point": None, "mean": None})
    asyncio.run(client.patch_reported_properties_async(patch))
    assert client.get_twin().reported == TEXT


def test_a_patch_with_a_nan_names_its_path(client):
    with pytest.raises(ValueError, match=r"patch\.sensors\[1\]\.t: NaN is not JSON \(use None or a str\)"):
        client.patch_reported_properties({"sensors": [{"at": AT}, {"t": np.float32("nan")}]})


@pytest.mark.parametrize("patch", [VALUE, State()], ids=["dict", "dataclass"])
def test_desired_properties(hub, client, patch):
    hub.patch_desired(client.device_id, patch, module_id=client.module_id)
    assert client.get_twin().desired == TEXT


@pytest.mark.parametrize("flavour", ["plain", "async"])
def test_methods(hub, client, flavour):
    got = []

    def plain(request):
        got.append(request.payload)
        return 200, VALUE

    async def not_plain(request):
        return plain(request)

    client.on_method("m", plain if flavour == "plain" else not_plain)
    client.connect()
    to = {"module_id": client.module_id, "connect_timeout": WAIT}
    assert hub.invoke_method(client.device_id, "m", VALUE, **to).payload == TEXT
    assert asyncio.run(hub.invoke_method_async(client.device_id, "m", State(), **to)).payload == TEXT
    assert got == [TEXT, TEXT]


@pytest.mark.parametrize("flavour", ["plain", "async"])
def test_an_answer_that_the_function_fails_on(hub, caplog, flavour):
    def broken(_value):
        raise KeyError("of the device")

    async def answer(_request):
        return Point(1)

    with hub.device_client(hub.create_device().device_id, json_default=broken) as client:
        client.on_method("m", (lambda _request: Point(1)) if flavour == "plain" else answer)
        client.connect()
        told = hub.invoke_method(client.device_id, "m", connect_timeout=WAIT)
    assert told == azmqtt.MethodResult(500, {"message": "the method's response cannot be sent"})
    assert "of the device" in caplog.text


def test_methods_that_a_module_calls(hub):
    callee = hub.device_client(hub.create_device().device_id)
    caller = hub.device_client("gateway", module_id="caller", json_default=of_point)
    with callee, caller:
        callee.on_method("m", lambda request: request.payload)
        callee.connect()
        assert caller.invoke_method(callee.device_id, "m", VALUE, connect_timeout=WAIT).payload == TEXT
        assert asyncio.run(caller.invoke_method_async(callee.device_id, "m", VALUE)).payload == TEXT


def test_cloud_to_device_messages(hub):
    with hub.device_client(hub.create_device().device_id) as client:
        incoming = client.messages(timeout=WAIT)
        hub.send_c2d(client.device_id, VALUE, {"a": "b"})
        hub.send_c2d(client.device_id, VALUE, content_type="application/vnd.example+json")
        hub.send_c2d(client.device_id, "text")
        first, second, third = next(incoming), next(incoming), next(incoming)
    assert (first.json(), first.content_type, first.content_encoding) == (TEXT, "application/json", "utf-8")
    assert first.properties == {"a": "b"}
    assert (second.json(), second.content_type) == (TEXT, "application/vnd.example+json")
    assert (third.text(), third.content_type) == ("text", None)


def test_messages_to_inputs(hub):
    with hub.device_client(hub.create_device().device_id, module_id="m") as client:
        incoming = client.messages(timeout=WAIT)
        hub.send_to_input(client.device_id, "m", "in", VALUE)
        message = next(incoming)
    assert (message.json(), message.content_type) == (TEXT, "application/json")


def test_provisioning(hub):
    asked = []

    def policy(request):
        asked.append(request.payload)
        return azmqtt.Allocation(payload=VALUE, initial_twin={"properties": {"desired": State()}})

    hub.on_allocation(policy)
    try:
        group = hub.create_enrollment_group("group", initial_twin={"tags": VALUE})
        options = {"provisioning_host": hub.provisioning_host, "provisioning_port": hub.provisioning_port}
        options |= {"poll_interval": 0.05, "trust": hub.ca_file, "json_default": of_point}
        registered = register(hub.id_scope, "r1", group_key=group.key, payload=VALUE, **options)
    finally:
        hub.on_allocation(None)
    assert asked == [TEXT]
    assert registered.payload == TEXT
    desired = hub.twin("r1")["properties"]["desired"]
    assert {name: desired[name] for name in TEXT} == TEXT


def test_without_a_function(hub):
    with hub.device_client(hub.create_device().device_id) as client:
        with pytest.raises(TypeError, match=r"body\.point: Point is not JSON"):
            client.send_message(VALUE)
        client.send_message({"at": AT})
        assert hub.wait_for_telemetry(client.device_id)[0].json() == {"at": TEXT["at"]}


@pytest.mark.parametrize("function", [5, "str"])
def test_it_is_a_function(hub, function):
    for make in (
        lambda: hub.device_client("d", json_default=function),
        lambda: azmqtt.MqttClient("h", json_default=function),
        lambda: azmqtt.LocalHub(json_default=function),
    ):
        with pytest.raises(TypeError, match="json_default must be callable, not"):
            make()


@pytest.mark.parametrize("kind", ["device", "broker"])
def test_a_function_that_holds_its_client_keeps_nothing(hub, kind):
    class Application:
        def __init__(self):
            options = {"json_default": self.encode}
            self.client = (
                hub.device_client("kept", **options) if kind == "device" else azmqtt.MqttClient("h", **options)
            )

        def encode(self, value):
            return str(value)

    gone = weakref.ref(Application())
    gc.collect()
    assert gone() is None
