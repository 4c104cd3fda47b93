"""What is refused before anything is sent, and how it is said."""

from __future__ import annotations

import datetime as dt
import json
import math
import pickle
import time
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import azmqtt
from azmqtt import DeviceClient, Message

KEY = "a2V5"


@pytest.fixture
def client():
    with DeviceClient.from_symmetric_key("hub.example.net", "dev", KEY) as client:
        yield client


@pytest.fixture
def online(hub):
    with hub.device_client(hub.create_device().device_id) as client:
        yield client


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"keepalive": 5}, TypeError, "unknown option 'keepalive'; did you mean 'keep_alive'"),
        ({"zzz": 5}, TypeError, "there are port, websocket, proxy"),
        ({"port": 0}, ValueError, "port must be from 1 to 65535, not 0"),
        ({"port": "8883"}, TypeError, "port must be int, not str"),
        ({"port": True}, TypeError, "port must be int, not bool"),
        ({"keep_alive": 1178}, ValueError, "keep_alive must be from 0 to 1177"),
        ({"sas_ttl": 0}, ValueError, "sas_ttl must be from 1"),
        ({"timeout": math.nan}, ValueError, "timeout must be from"),
        ({"timeout": "1"}, TypeError, "timeout must be a number of seconds"),
        ({"retry": 3}, TypeError, "retry must be RetryPolicy, not int"),
        ({"outbox": 3}, TypeError, "outbox must be Outbox, not int"),
        ({"retry": azmqtt.RetryPolicy(base=2, max=1)}, ValueError, "retry.base must be from 0.001 to 1.0 s, not 2"),
        ({"outbox": azmqtt.Outbox(messages=0)}, ValueError, "outbox.messages must be from 1"),
        ({"lost_session": "x"}, ValueError, "lost_session must be 'resend' or 'fail'"),
        ({"max_in_flight": 65_536}, ValueError, "max_in_flight must be from 1 to 65535"),
        ({"model_id": 1}, TypeError, "model_id must be str"),
        ({"auto_connect": 1}, TypeError, "auto_connect must be bool"),
        ({"trust": 1}, TypeError, "trust must be a path, PEM text or bytes"),
        ({"trust": "/no/such/file.pem"}, ValueError, "trust: '/no/such/file.pem' cannot be read"),
        ({"trust": "x\0y"}, ValueError, "trust: 'x\\x00y' cannot be read"),
        ({"model_id": "dtmi:a\0"}, ValueError, "model_id must be at most 1024 printable characters"),
        ({"product_info": "a" * 70_000}, ValueError, "product_info must be at most 1024 printable characters"),
        ({"trust": b"no PEM"}, ValueError, "trust: it contains no certificate"),
    ],
)
def test_options(options, error, text):
    with pytest.raises(error) as caught:
        DeviceClient.from_symmetric_key("hub.example.net", "dev", KEY, **options)
    assert text in str(caught.value)


def test_identity_and_key():
    with pytest.raises(ValueError, match="key: the key is not valid base64") as caught:
        DeviceClient.from_symmetric_key("hub.example.net", "dev", "s3cret!")
    assert "s3cret" not in str(caught.value)
    with pytest.raises(ValueError, match="host name"):
        DeviceClient.from_symmetric_key("https://hub.example.net", "dev", KEY)
    with pytest.raises(ValueError, match="device id"):
        DeviceClient.from_symmetric_key("hub.example.net", "", KEY)


def test_no_secret_is_shown():
    token = azmqtt.sas.generate("hub.example.net/devices/dev", KEY)
    for client in (
        DeviceClient.from_symmetric_key("hub.example.net", "dev", KEY),
        DeviceClient.from_sas_token(token),
        DeviceClient.from_connection_string(f"HostName=hub.example.net;DeviceId=dev;SharedAccessKey={KEY}"),
    ):
        assert repr(client) == "DeviceClient('hub.example.net', 'dev', disconnected)"
        assert KEY not in repr(client._core)
        assert "sig=" not in repr(client._core)


def test_sas_token_says_who_it_is_for():
    token = azmqtt.sas.generate("hub.example.net/devices/a%40b/modules/m", KEY)
    client = DeviceClient.from_sas_token(token)
    assert (client.hostname, client.device_id, client.module_id) == ("hub.example.net", "a@b", "m")
    with pytest.raises(ValueError, match="does not cover"):
        DeviceClient.from_sas_token(token, device_id="other")
    policy = azmqtt.sas.generate("hub.example.net", KEY, policy="device")
    with pytest.raises(ValueError, match="device_id must be given"):
        DeviceClient.from_sas_token(policy)
    assert DeviceClient.from_sas_token(policy, device_id="x").device_id == "x"


def test_sas_tokens():
    before = int(time.time())
    token = azmqtt.sas.generate("hub.example.net/devices/d", KEY, ttl=60, policy="p")
    parsed = azmqtt.sas.parse(token)
    assert (parsed.resource, parsed.policy) == ("hub.example.net/devices/d", "p")
    assert before + 60 <= parsed.expiry <= time.time() + 60
    with pytest.raises(ValueError, match="ttl"):
        azmqtt.sas.generate("r", KEY, ttl=0)
    with pytest.raises(ValueError, match="no sig field"):
        azmqtt.sas.parse("SharedAccessSignature sr=x&se=1")


class Odd:
    pass


def nested(depth):
    value = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("patch", "error", "text"),
    [
        ({"s": {"t": dt.timedelta(1)}}, TypeError, "patch.s.t: timedelta is not JSON"),
        ({"s": [1, {"x": Odd()}]}, TypeError, "patch.s[1].x: Odd is not JSON"),
        ({"s": b"x"}, TypeError, "patch.s: bytes is not JSON"),
        ({(1,): 2}, TypeError, "patch: a key is tuple, not str"),
        ({"a": math.nan}, ValueError, "patch.a: NaN is not JSON"),
        ({"a": (0, -math.inf)}, ValueError, "patch.a[1]: infinity is not JSON"),
        ({"a": 2**64}, ValueError, "reported.a is an integer outside"),
        ({"a": [-(10**30)]}, ValueError, "reported.a[0] is an integer outside"),
        ({"a": 10**5000}, ValueError, "a"),
        ({"a": "\ud800"}, ValueError, "patch.a: the text contains half of a surrogate pair"),
        ({"\ud800": 1}, ValueError, "surrogate"),
        ({"a": 2**52}, ValueError, "reported.a"),
        ({"a.b": 1}, ValueError, "has '.' in its key"),
        ({"a": [{"b#": 1}]}, ValueError, "reported.a[0][\"b#\"] has '#' in its key"),
        ({"a\u2003b": 1}, ValueError, "has the white space U+2003 in its key"),
        ({"a": [None]}, ValueError, "reported.a[0] is null"),
        ({"a": [{"b": {"c": None}}]}, ValueError, "reported.a[0].b.c is null"),
        ({"a": {"$b": 1}}, ValueError, "has '$' in its key"),
        ({"a": "x" * 4097}, ValueError, "reported.a"),
        ({"a": ["x" * 4096] * 9}, ValueError, "reported"),
        (nested(12), ValueError, "reported.a.a.a"),
        ([1], ValueError, "must be a JSON object"),
    ],
)
def test_patches(client, patch, error, text):
    with pytest.raises(error) as caught:
        client.patch_reported_properties(patch)
    assert text in str(caught.value)
    assert client.state == "disconnected"


def test_a_patch_that_holds_itself(client):
    patch = {}
    patch["again"] = [patch]
    with pytest.raises(ValueError, match="nested more than 128 levels deep, or contains itself"):
        client.patch_reported_properties(patch)


@pytest.mark.parametrize(
    ("message", "error", "text"),
    [
        (b"x" * 262_145, azmqtt.MessageTooLarge, "262145 bytes"),
        (bytearray(262_145), azmqtt.MessageTooLarge, "262145 bytes"),
        ({"a": "x" * 2_000_000, "b": 1}, azmqtt.MessageTooLarge, "bytes"),
        (Message(b"x" * 262_140, properties={"ab": "cde"}), azmqtt.MessageTooLarge, "262145 bytes"),
        (Message(b"", properties={"k": "x" * 70_000}), azmqtt.MessageTooLarge, "topic"),
        (Message(b"", properties={"k": 1}), TypeError, 'properties["k"] must be str, not int'),
        (Message(b"", properties={1: "k"}), TypeError, "properties: a name must be str, not int"),
        (Message(b"", properties=[("k", "v")]), TypeError, "properties must map str to str, not be list"),
        (Message(b"", properties={"$.x": "v"}), ValueError, "must not start with '$.'"),
        (Message(b"", message_id="no spaces"), ValueError, "message_id"),
        (Message(b"", message_id=5), TypeError, "message_id must be str, not int"),
        (Message(b"", qos=2), ValueError, "qos must be 0 or 1"),
        (Message(b"", expiry="tomorrow"), ValueError, "expiry"),
        (Message(b"", expiry=5), TypeError, "expiry must be str or datetime, not int"),
        (Message(b"", creation_time=dt.datetime(2026, 1, 1)), ValueError, "creation_time: the datetime has no"),
        (Odd(), TypeError, "body: Odd is not JSON"),
        ({"t": [Odd()]}, TypeError, "body.t[0]: Odd is not JSON"),
        ("\ud800", ValueError, "body: the text contains half"),
    ],
)
def test_messages(client, message, error, text):
    with pytest.raises(error) as caught:
        client.send_message(message)
    assert text in str(caught.value)
    assert client.state == "disconnected"


def test_a_message_carries_its_own_properties(client):
    with pytest.raises(TypeError, match="carries its properties itself"):
        client.send_message(Message(b""), message_id="1")


@pytest.mark.parametrize("timeout", [-1, math.nan, math.inf, 1e300])
def test_timeouts(client, timeout):
    with pytest.raises(ValueError, match="timeout must be from 0"):
        client.get_twin(timeout=timeout)
    with pytest.raises(ValueError, match="timeout must be from 0"):
        client.messages(timeout=timeout)


def test_how_bodies_arrive(hub, online):
    now = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    online.send_message(memoryview(b"abc")[::-1])
    online.send_message("é", properties={"a": "b c"})
    online.send_message({"b": 1, "a": [None, True, 1.5, "\n", 2**63, (1,)]}, content_type="application/x")
    online.send_message(Message({}, expiry=now, properties=MappingProxyType({"k": ""}), content_encoding="utf-16"))
    online.send_message(b"z", qos=0)
    hub.wait_for_telemetry(online.device_id, count=5)
    first, second, third, fourth, fifth = hub.telemetry(online.device_id)
    assert first.body == b"cba"
    assert "content-type" not in first.system_properties
    assert not first.properties
    assert second.body == "é".encode()
    assert dict(second.properties) == {"a": "b c"}
    assert third.body == b'{"b":1,"a":[null,true,1.5,"\\n",9223372036854775808,[1]]}'
    assert fourth.body == b"{}"
    assert fifth.body == b"z"
    systems = [message.system_properties for message in (second, third, fourth)]
    names = ["content-type", "content-encoding", "absolute-expiry-time"]
    assert [[system[name] for name in names if name in system] for system in systems] == [
        ["text/plain", "utf-8"],
        ["application/x", "utf-8"],
        ["application/json", "utf-16", "2026-01-02T02:04:05.000000Z"],
    ]


def test_every_system_property_arrives(hub, online):
    fields = {
        "message_id": ("message-id", "m-1"),
        "correlation_id": ("correlation-id", "c 1"),
        "user_id": ("user-id", "u&1"),
        "content_type": ("content-type", "application/json;charset=utf-8"),
        "content_encoding": ("content-encoding", "utf-8"),
        "expiry": ("absolute-expiry-time", "2026-01-31T13:00:00Z"),
        "component": ("dt-subject", "thermostat1"),
        "output_name": ("iothub-outputname", "out"),
        "schema": ("iothub-message-schema", "s:1"),
        "interface_id": ("iothub-interface-id", "urn:azureiot:Security:SecurityAgent:1"),
    }
    assert {*fields, "creation_time", "body", "properties", "qos"} == {*Message.__slots__}
    created = "2026-01-31T12:00:00Z"
    online.send_message(Message({}, creation_time=created, **{field: value for field, (_, value) in fields.items()}))
    (message,) = hub.wait_for_telemetry(online.device_id)
    assert message.system_properties.items() >= dict(fields.values()).items()
    # Services find this one among the application's.
    assert message.properties == {"iothub-creation-time-utc": created}


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXT
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    SCALARS | FLOATS,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXT, children, max_size=4),
    max_leaves=20,
)


@pytest.fixture(scope="module")
def sent(hub):
    """Give back what arrived of a body."""
    with hub.device_client("property") as client:

        def send(body):
            client.send_message(body)
            return hub.telemetry("property")[-1].body

        yield send


@given(JSON.filter(lambda value: not isinstance(value, str)))
def test_json_bodies_mean_what_python_means(sent, body):
    assert json.loads(sent(body)) == body


@pytest.mark.parametrize(
    "error",
    [
        azmqtt.ConnectionFailed("text", step="TLS"),
        azmqtt.RequestFailed("text", status=400, error_code=400_004, message="m", tracking_id="t"),
        azmqtt.Throttled("text", retry_after=5.0),
        azmqtt.RequestTimeout("text"),
        azmqtt.MessageTooLarge("text"),
    ],
)
def test_errors_can_be_pickled(error):
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(copy) is type(error)
    assert (str(copy), vars(copy)) == ("text", vars(error))


#: What no hub is the cause of.
OF_BROKERS = {
    "DeliveryUnknown", "Error", "MessageExpired", "NotSupported", "PublishRefused", "SessionLost", "SubscribeRefused",
}  # fmt: skip


def test_families_of_errors():
    assert issubclass(azmqtt.RequestTimeout, TimeoutError)
    assert issubclass(azmqtt.ConnectionFailed, ConnectionError)
    assert issubclass(azmqtt.ConnectionLost, ConnectionError)
    assert issubclass(azmqtt.MessageTooLarge, ValueError)
    assert issubclass(azmqtt.Throttled, azmqtt.RequestFailed)
    for name in azmqtt.__all__:
        public = getattr(azmqtt, name)
        if isinstance(public, type) and issubclass(public, Exception) and not issubclass(public, Warning):
            assert issubclass(public, azmqtt.Error)
            assert issubclass(public, azmqtt.IotHubError) == (name not in OF_BROKERS)


def test_messages_can_be_compared_copied_and_shown():
    message = Message({"a": 1}, message_id="m", properties={"k": "v"})
    assert message == Message({"a": 1}, message_id="m", properties={"k": "v"})
    assert message != message.replace(qos=0)
    assert message != 1
    assert repr(message) == "Message({'a': 1}, message_id='m', properties={'k': 'v'})"
    with pytest.raises(TypeError, match="nonsense"):
        message.replace(nonsense=1)
    assert azmqtt.DesiredPatch({"a": 1}, 2) == azmqtt.DesiredPatch({"a": 1}, 2) != azmqtt.DesiredPatch({"a": 1}, 3)
    assert repr(azmqtt.DesiredPatch({"a": 1}, 2)) == "DesiredPatch({'a': 1}, version=2)"


@pytest.mark.parametrize(
    ("version", "error"), [(-1, ValueError), (2**64, ValueError), ("1", TypeError), (True, TypeError), (1.0, TypeError)]
)
def test_if_version_is_named(client, version, error):
    with pytest.raises(error, match="if_version must be"):
        client.patch_reported_properties({"a": 1}, if_version=version)
