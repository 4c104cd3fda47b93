"""Arguments of the wrong type: each error names the argument and what it should be."""

from __future__ import annotations

import inspect
import math
import socket

import pytest

import azmqtt
from azmqtt import DeviceClient, LocalHub, provisioning, sas

KEY = "a2V5"


@pytest.fixture
def offline():
    with DeviceClient.from_symmetric_key("hub.example.net", "dev", KEY) as client:
        yield client


def client(**options):
    return DeviceClient.from_symmetric_key("hub.example.net", "dev", KEY, **options)


def provision(id_scope="0ne1", registration_id="r", symmetric_key=KEY, **options):
    return provisioning.register(id_scope, registration_id, symmetric_key=symmetric_key, **options)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: DeviceClient("HostName=h"), TypeError, "make a client with DeviceClient.from_connection_string"),
        (lambda: client(server_verification_cert="x"), TypeError, "did you mean 'trust'?"),
        (lambda: client(connection_retry_interval=5), TypeError, "did you mean 'retry'?"),
        (lambda: client(websockets=True), TypeError, "did you mean 'websocket'?"),
        (lambda: client(sastoken_ttl=5), TypeError, "did you mean 'sas_ttl'?"),
        (lambda: DeviceClient.from_connection_string(None), TypeError, "connection_string must be str, not NoneType"),
        (
            lambda: DeviceClient.from_connection_string(b"K=s3cret"),
            TypeError,
            "connection_string must be str, not bytes",
        ),
        (lambda: DeviceClient.from_symmetric_key(1, "d", KEY), TypeError, "hostname must be str, not int"),
        (lambda: DeviceClient.from_symmetric_key("h", 1, KEY), TypeError, "device_id must be str, not int"),
        (lambda: DeviceClient.from_symmetric_key("h", "d", b"s3cret"), TypeError, "key must be str, not bytes"),
        (
            lambda: DeviceClient.from_symmetric_key("h", "d", KEY, module_id=1),
            TypeError,
            "module_id must be str, not int",
        ),
        (lambda: DeviceClient.from_sas_token(5), TypeError, "token must be str, not int"),
        (lambda: DeviceClient.from_sas_token("x", device_id=5), TypeError, "device_id must be str, not int"),
        (lambda: provision(id_scope=5), TypeError, "id_scope must be str, not int"),
        (lambda: provision(registration_id=b"r"), TypeError, "registration_id must be str, not bytes"),
        (lambda: provision(symmetric_key=b"s3cret"), TypeError, "symmetric_key must be str, not bytes"),
        (lambda: provision(symmetric_key=None, group_key=5), TypeError, "group_key must be str, not int"),
        (lambda: provision(provisioning_host=5), TypeError, "provisioning_host must be str, not int"),
        (lambda: provision(poll_interval="2"), TypeError, "poll_interval must be a number of seconds, not str"),
        (lambda: provision(poll_interval=0), ValueError, "poll_interval must be from 0.01 to 3600.0 s, not 0"),
        (lambda: provisioning.derive_device_key(b"k", "r"), TypeError, "group_key must be str, not bytes"),
        (lambda: provisioning.derive_device_key(KEY, 5), TypeError, "registration_id must be str, not int"),
        (lambda: sas.generate(5, KEY), TypeError, "resource must be str, not int"),
        (lambda: sas.generate("r", None), TypeError, "key must be str, not NoneType"),
        (lambda: sas.generate("r", KEY, policy=5), TypeError, "policy must be str, not int"),
        (lambda: sas.generate("r", KEY, ttl="5"), TypeError, "ttl must be a number of seconds, not str"),
        (lambda: sas.generate("r", KEY, ttl=True), TypeError, "ttl must be a number of seconds, not bool"),
        (lambda: sas.parse(None), TypeError, "token must be str, not NoneType"),
        (lambda: LocalHub(port="x"), TypeError, "port must be int, not str"),
        (lambda: LocalHub(port=True), TypeError, "port must be int, not bool"),
        (lambda: LocalHub(port=65_536), ValueError, "port must be from 0 to 65535, not 65536"),
        (lambda: LocalHub(host=5), TypeError, "host must be str, not int"),
        (lambda: LocalHub(hostname=b"x"), TypeError, "hostname must be str, not bytes"),
        (lambda: LocalHub(state=5), TypeError, "state must be a path, not int"),
        (lambda: LocalHub(record="yes"), TypeError, "record must be bool, not str"),
    ],
)
def test_what_is_made(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("call", ["connect", "get_twin", "close", "messages", "desired_properties", "state_changes"])
@pytest.mark.parametrize("timeout", ["5", True, [], b""])
def test_timeouts(offline, call, timeout):
    with pytest.raises(TypeError, match=f"timeout must be a number of seconds, not {type(timeout).__name__}"):
        getattr(offline, call)(timeout=timeout)
    with pytest.raises(ValueError, match="timeout must be from 0 to 1e9 s"):
        getattr(offline, call)(timeout=10**400)


@pytest.mark.parametrize(
    ("qos", "error", "text"),
    [
        (True, TypeError, "qos must be int, 0 or 1, not bool"),
        (False, TypeError, "qos must be int, 0 or 1, not bool"),
        ("1", TypeError, "qos must be int, 0 or 1, not str"),
        (2, ValueError, "IoT Hub does not offer QoS 2"),
        (3, ValueError, "qos must be 0 or 1, not 3"),
        (-1, ValueError, "qos must be 0 or 1, not -1"),
    ],
)
def test_qualities_of_service(offline, qos, error, text):
    for send in (
        lambda: offline.send_message(b"", qos=qos),
        lambda: offline.send_message(azmqtt.Message(b"", qos=qos)),
    ):
        with pytest.raises(error, match=text):
            send()
    assert offline.state == "disconnected"


@pytest.mark.parametrize("messages", [5, None, 1.5, object()])
async def test_iterables_of_messages(offline, messages):
    with pytest.raises(TypeError, match="messages must be an iterable of messages, not"):
        offline.send_messages(messages)
    with pytest.raises(TypeError, match="messages must be an iterable of messages, not"):
        await offline.send_messages_async(messages)


METHODS = [
    (name, parameter.name)
    for name, method in inspect.getmembers(LocalHub, inspect.isfunction)
    if not name.startswith("_")
    for parameter in inspect.signature(method).parameters.values()
    if str(parameter.annotation).removesuffix(" | None") in {"str", "int", "float", "bool"}
]


@pytest.mark.parametrize(("name", "parameter"), METHODS)
def test_every_method_of_a_hub_names_its_arguments(hub, name, parameter):
    """Whatever methods a hub has: an object without any meaning is refused by the argument's name."""
    method = getattr(hub, name)
    # The others fit, for a device that is not there.
    values = {"str": "x", "int": 1, "float": 1.0, "bool": True}
    arguments = {
        each.name: values.get(str(each.annotation), {})
        for each in inspect.signature(method).parameters.values()
        if each.default is each.empty and each.kind in {each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY}
    }
    with pytest.raises(TypeError, match=f"^{parameter} must be "):
        method(**{**arguments, parameter: object()})


def test_there_are_methods_to_check():
    assert len(METHODS) > 40


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda hub: hub.telemetry("unknown"), LookupError, "the device unknown does not exist"),
        (lambda hub: hub.telemetry("d", after=-1), ValueError, "after must not be negative, not -1"),
        (lambda hub: hub.wait_for_telemetry("d", -1), ValueError, "count must not be negative, not -1"),
        (lambda hub: hub.wait_for_telemetry("d", timeout=math.nan), ValueError, "timeout must be a number of seconds"),
        (lambda hub: hub.wait_for_telemetry("d", timeout=-1), ValueError, "timeout must not be negative, not -1"),
        (lambda hub: hub.wait_for_telemetry(bool, -1), ValueError, "timeout must not be negative, not -1"),
        (lambda hub: hub.wait_for_connection("d", timeout=-1), ValueError, "timeout must not be negative, not -1"),
        (lambda hub: hub.wait_for_feedback(timeout=-0.5), ValueError, "timeout must not be negative, not -0.5"),
        (lambda hub: hub.wait_for_upload(timeout=-1), ValueError, "timeout must not be negative, not -1"),
        (lambda hub: hub.wait_for_packet(timeout=-1), ValueError, "timeout must not be negative, not -1"),
        (lambda hub: hub.inject_fault("drop").wait(timeout=-1), ValueError, "timeout must not be negative, not -1"),
        (
            lambda hub: hub.inject_fault("drop").wait(timeout="1"),
            TypeError,
            "timeout must be a number of seconds, not str",
        ),
        (lambda hub: hub.patch_desired("d", 5), TypeError, "patch must be a mapping, a dataclass or None, not int"),
        (lambda hub: hub.patch_desired("d", {"a": object()}), TypeError, "patch.a: object is not JSON"),
        (lambda hub: hub.patch_desired("d", {"a": math.nan}), ValueError, "patch.a: NaN is not JSON"),
        (lambda hub: hub.invoke_method("d", "x", object()), TypeError, "payload: object is not JSON"),
        (lambda hub: hub.send_c2d("d", {"a": object()}), TypeError, "body.a: object is not JSON"),
        (lambda hub: hub.send_c2d("d", "x", 5), TypeError, "properties must map str to str, not be int"),
        (lambda hub: hub.send_c2d("d", "x", {1: "x"}), TypeError, "properties: a name must be str, not int"),
        (lambda hub: hub.send_c2d("d", "x", {"k": 1}), TypeError, "properties['k'] must be str, not int"),
    ],
)
def test_what_a_hub_is_asked(hub, call, error, text):
    with pytest.raises(error) as caught:
        call(hub)
    assert text in str(caught.value)


def test_telemetry_of_devices_that_have_sent_none_or_were_removed(hub):
    hub.create_device("silent")
    assert hub.telemetry("silent") == []
    with hub.device_client("gone") as client:
        client.send_message(b"x")
        (message,) = hub.telemetry("gone")
    hub.remove_device("gone")
    assert hub.telemetry("gone") == [message]
    assert hub.telemetry("gone", after=message.sequence) == []


@pytest.mark.parametrize(
    "call",
    [
        lambda hub: hub.device_client("d"),
        lambda hub: hub.device_client("new"),
        lambda hub: hub.create_device(),
        lambda hub: hub.wait_for_connection("d"),
        lambda hub: hub.wait_for_telemetry("d"),
        lambda hub: hub.patch_desired("d", {}),
        lambda hub: hub.send_c2d("d", b""),
        lambda hub: hub.invoke_method("d", "x"),
        lambda hub: hub.disconnect("d"),
        lambda hub: hub.__enter__(),
    ],
)
def test_a_hub_that_was_closed_says_so(stopped, call):
    with pytest.raises(RuntimeError, match="the hub is stopped"):
        call(stopped)


@pytest.fixture(scope="module")
def stopped():
    hub = LocalHub()
    hub.create_device("d")
    hub.close()
    return hub


def test_what_a_closed_hub_has_can_be_read(stopped):
    assert (stopped.telemetry("d"), stopped.connected("d")) == ([], False)
    stopped.close()


def test_a_slow_handshake_is_named_by_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with DeviceClient.from_symmetric_key("localhost", "d", KEY, port=port) as client:
            with pytest.raises(azmqtt.RequestTimeout) as caught:
                client.connect(timeout=1.5)
            assert f"the TLS handshake with localhost:{port} is still awaited" in str(caught.value)
            client.close(timeout=0)


def test_a_connection_that_is_pushed_out_says_what_is_likely(hub):
    quick = azmqtt.RetryPolicy(base=0.05, max=0.1)
    with hub.device_client("twice", retry=quick) as one:
        changes = one.state_changes(timeout=10)
        one.connect()
        # As when another process connects as the same device.
        hub.disconnect("twice")
        lost = next(change for change in changes if change.state == "reconnecting")
        assert "another client has connected as twice" in lost.reason
        assert "a notebook that still runs" in lost.reason


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda c: c.invoke_method(5, "m"), TypeError, "device_id must be str, not int"),
        (lambda c: c.invoke_method("d", b"m"), TypeError, "name must be str, not bytes"),
        (lambda c: c.invoke_method("d", "m", module_id=5), TypeError, "module_id must be str, not int"),
        (lambda c: c.invoke_method("d", "m", timeout="5"), TypeError, "timeout must be a number of seconds, not str"),
        (lambda c: c.on_input_message(5), TypeError, "input_name must be str, not int"),
        (lambda c: c.on_input_message("", print), ValueError, "input_name must not be empty"),
    ],
)
def test_what_a_module_does(call, error, text):
    module = DeviceClient.from_symmetric_key("hub.example.net", "dev", KEY, module_id="m")
    with module, pytest.raises(error) as caught:
        call(module)
    assert text in str(caught.value)


def test_the_allocation_policy():
    with LocalHub() as hub, pytest.raises(TypeError, match="policy must be callable, not int"):
        hub.on_allocation(5)
