"""paho-mqtt 1.6.1 and 2, unmodified and with nothing of ours, against the local hub: the dialect by hand.

``docs/interoperability.md`` has the table.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import azmqtt
from robot import Robot

INTEROP = Path(__file__).parent
API_VERSION = "?api-version=2021-04-12"
TWIN = "$iothub/twin/res/#"
DESIRED = "$iothub/twin/PATCH/properties/desired/#"
METHODS = "$iothub/methods/POST/#"

pytestmark = pytest.mark.timeout(420)


@dataclass
class Client:
    """A robot, and a hub to itself."""

    robot: Robot
    hub: azmqtt.LocalHub

    def make(self, device_id: str, *, module_id: str | None = None, **arguments: Any) -> None:
        """Make the robot's client, by the rules unless told otherwise."""
        who = device_id if module_id is None else f"{device_id}/{module_id}"
        resource = f"localhost/devices/{device_id}" + ("" if module_id is None else f"/modules/{module_id}")
        found = self.hub.device(device_id) if module_id is None else self.hub.module(device_id, module_id)
        fields = {"client_id": who, "username": f"localhost/{who}/{API_VERSION}", **arguments}
        if "certificate" not in fields:
            key = found.connection_string.rpartition("SharedAccessKey=")[2]
            fields.setdefault("password", azmqtt.sas.generate(resource, key))
        self.robot.forget_events()
        self.robot.call("make", ca_file=self.hub.ca_file, **fields)
        self.port = self.hub.websocket_port if arguments.get("transport") == "websockets" else self.hub.port

    def connect(self) -> Any:
        """Connect and return the CONNACK."""
        return self.robot.call("connect", host="localhost", port=self.port)

    def open(self, device_id: str, **arguments: Any) -> bool:
        """Make a client that is accepted; return whether its session was there."""
        self.make(device_id, **arguments)
        answer = self.connect()
        assert answer["return_code"] == 0
        return bool(answer["session_present"])

    def subscribe(self, *filters: tuple[str, int]) -> Any:
        """Subscribe; return what was granted."""
        return self.robot.call("subscribe", filters=filters)["granted"]

    def publish(self, topic: str, text: str = "", **arguments: Any) -> None:
        """Publish what the hub takes."""
        assert self.robot.call("publish", topic=topic, text=text, **arguments) == {}

    def message(self) -> tuple[str, str]:
        """Return the topic and the text of the next message."""
        value = self.robot.event("message")
        return value["topic"], value["text"]


@pytest.fixture(scope="module")
def any_client(paho: Path) -> Iterator[Client]:
    """One process and one hub for the tests of a version."""
    environment = {**os.environ, "PYTHONPATH": str(paho)}
    with azmqtt.LocalHub() as hub, Robot([sys.executable, INTEROP / "robot_paho.py"], environment) as robot:
        yield Client(robot, hub)


@pytest.fixture
def client(any_client: Client) -> Iterator[Client]:
    """The client, ended after the test."""
    yield any_client
    any_client.robot.call("shutdown")


@pytest.mark.parametrize("transport", ["tcp", "websockets"])
def test_session(client: Client, transport: str) -> None:
    """Telemetry, the twin, a method and cloud messages, each packet by hand."""
    hub, device = client.hub, client.hub.create_device().device_id
    assert not client.open(device, transport=transport)
    c2d = f"devices/{device}/messages/devicebound/#"
    assert client.subscribe((TWIN, 0), (DESIRED, 1), (METHODS, 2), (c2d, 1)) == [0, 1, 1, 1]

    events = f"devices/{device}/messages/events/"
    client.publish(events, "0", qos=0)
    client.publish(events + "%24.mid=m%3A1&%24.ct=application%2Fjson&$.ce=utf-8&k=a%20b%2Bc&null&empty=", "{}")
    client.publish(events, "x" * 200_000, retain=True)
    bare, full, large = hub.wait_for_telemetry(device, 3)
    assert (bare.text, full.properties) == ("0", {"k": "a b+c", "null": "", "empty": ""})
    assert full.system_properties.items() >= {"message-id": "m:1", "content-type": "application/json"}.items()
    assert (len(large.body), large.properties) == (200_000, {"mqtt-retain": "True"})

    client.publish("$iothub/twin/GET/?$rid=a-1")
    topic, text = client.message()
    assert topic == "$iothub/twin/res/200/?$rid=a-1"
    assert json.loads(text) == {"desired": {"$version": 1}, "reported": {"$version": 1}}
    reported = "$iothub/twin/PATCH/properties/reported/?$rid="
    client.publish(reported + "2", '{"a": 1, "b": {"c": null}}')
    assert client.message() == ("$iothub/twin/res/204/?$rid=2&$version=2", "")
    client.publish(reported + "3&$version=2", '{"a": null}')
    assert client.message() == ("$iothub/twin/res/204/?$rid=3&$version=3", "")
    for request, patch, status in (
        ("4&$version=2", '{"a": 1}', 412),
        ("5", "no JSON", 400),
        ("6", '{"$version": 1}', 400),
        ("7", json.dumps({"a": "x" * 5000}), 400),
        ("8", "[]", 400),
    ):
        client.publish(reported + request, patch)
        topic, text = client.message()
        assert topic == f"$iothub/twin/res/{status}/?$rid={request[0]}"
        assert json.loads(text).keys() == {"errorCode", "trackingId", "message", "timestampUtc"}
        assert json.loads(text)["errorCode"] // 1000 == status
    assert hub.twin(device)["properties"]["reported"]["$version"] == 3
    assert hub.twin(device)["properties"]["reported"]["b"] == {}
    hub.patch_desired(device, {"interval": 5, "gone": None})
    topic, text = client.message()
    assert topic == "$iothub/twin/PATCH/properties/desired/?$version=2"
    assert json.loads(text) == {"interval": 5, "gone": None, "$version": 2}

    answers = [hub_call(hub, device, client, number) for number in range(1, 18)]
    assert answers == [f"{number:x}" for number in range(1, 18)]

    hub.send_c2d(device, "hello", {"k": "a/b", "null": None, "empty": ""}, message_id="c:1", ack="full")
    topic, text = client.message()
    assert topic == (
        f"devices/{device}/messages/devicebound/%24.mid=c%3A1&%24.to=%2Fdevices%2F{device}%2Fmessages%2FdeviceBound"
        "&iothub-ack=full&k=a%2Fb&empty=&null"
    )
    assert text == "hello"
    (record,) = hub.wait_for_feedback(device)
    assert (record.original_message_id, record.status_code) == ("c:1", "Success")


def hub_call(hub: azmqtt.LocalHub, device: str, client: Client, number: int) -> str:
    """Have a method called and answered; return the request's id."""
    results: list[azmqtt.MethodResult] = []
    call = threading.Thread(target=lambda: results.append(hub.invoke_method(device, "a*b", {"n": number})))
    call.start()
    topic, text = client.message()
    assert json.loads(text) == {"n": number}
    name, _, rid = topic.removeprefix("$iothub/methods/POST/").partition("/?$rid=")
    assert name == "a*b"
    # An answer to nothing is ignored.
    client.publish("$iothub/methods/res/200/?$rid=ffff", "{}", qos=0)
    client.publish(f"$iothub/methods/res/{-number}/?$rid={rid}", f"[{number}]", qos=0)
    call.join(30)
    assert results == [azmqtt.MethodResult(-number, [number])]
    return rid


def test_clean_session_both_ways(client: Client) -> None:
    """A kept session has its subscriptions and its messages, at once; a clean one neither."""
    hub, device = client.hub, client.hub.create_device().device_id
    c2d = f"devices/{device}/messages/devicebound/#"
    assert not client.open(device, clean_session=False)
    client.subscribe((c2d, 1), (DESIRED, 1))
    client.robot.call("disconnect")
    hub.wait_for_connection(device, connected=False)
    for text in ("one", "two"):
        hub.send_c2d(device, text)
    hub.patch_desired(device, {"missed": True})
    # No SUBSCRIBE: the messages come right behind the CONNACK, changes of the twin are not kept.
    assert client.open(device, clean_session=False)
    assert [client.message()[1], client.message()[1]] == ["one", "two"]
    hub.patch_desired(device, {"seen": True})
    assert json.loads(client.message()[1]) == {"seen": True, "$version": 3}
    client.robot.call("disconnect")
    hub.wait_for_connection(device, connected=False)
    hub.send_c2d(device, "lost")
    assert not client.open(device, clean_session=True)
    assert hub.pending_c2d(device) == 0
    client.subscribe((c2d, 1))
    hub.send_c2d(device, "three")
    assert client.message()[1] == "three"
    client.robot.call("unsubscribe", filters=[c2d])
    hub.send_c2d(device, "waits")
    client.publish(f"devices/{device}/messages/events/", "x")
    assert hub.pending_c2d(device) == 1


def test_wills(client: Client) -> None:
    """A device's and a module's, with properties and RETAIN; DISCONNECT forgets it."""
    hub, device = client.hub, client.hub.create_device().device_id
    hub.create_module(device, "m-1")
    for module, retain in ((None, True), ("m-1", False)):
        topic = f"devices/{device}{'/modules/m-1' if module else ''}/messages/events/why=lost"
        will = {"topic": topic, "payload": "gone", "qos": 1, "retain": retain}
        client.open(device, module_id=module, will=will)
        client.robot.call("disconnect")
        hub.wait_for_connection(device, module_id=module, connected=False)
        assert hub.telemetry_count(device, module_id=module) == 0
        client.open(device, module_id=module, will=will)
        client.robot.call("drop")
        (message,) = hub.wait_for_telemetry(device, module_id=module)
        expected = {"why": "lost", "iothub-MessageType": "Will"}
        assert (message.text, message.properties) == ("gone", expected | ({"mqtt-retain": "True"} if retain else {}))


def test_what_ends_the_connection(client: Client) -> None:
    """The hub says nothing, it closes."""
    hub, device = client.hub, client.hub.create_device().device_id
    events = f"devices/{device}/messages/events/"
    for call in (
        {"topic": events, "qos": 2},
        {"topic": events + "time=10:30"},
        {"topic": "devices/other/messages/events/"},
        {"topic": "$iothub/unknown"},
        {"topic": events, "text": "x" * 262_145},
        {"topic": events + "k=v", "text": "x" * 262_143},
    ):
        client.open(device)
        assert client.robot.call("publish", **call) == {"closed": True}, call
    for topic in ("#", "devices/other/messages/devicebound/#", "$iothub/credentials/res/#"):
        client.open(device)
        assert client.robot.call("subscribe", filters=[(TWIN, 0), (topic, 0)]) == {"closed": True}, topic
    client.open(device)
    hub.set_enabled(device, False)
    assert client.robot.call("wait_until_closed") == {"closed": True}
    # None of them counted.
    assert hub.telemetry_count(device) == 0


def test_connects(client: Client) -> None:
    """Who is let in, and what the others are told."""
    hub, device = client.hub, client.hub.create_device("Dev-1").device_id
    hub.create_module(device, "m-1")
    other = hub.create_device().device_id
    older, none = f"localhost/{device}/api-version=2016-11-14", f"localhost/{device}"
    rich = f"{none}/?model-id=dtmi%3Aa%3Bb%3B1&auth-chain=x%3By&DeviceClientType=paho%20%2F1&api-version=2020-09-30"
    for arguments in ({"username": older}, {"username": none}, {"username": rich}, {"module_id": "m-1"}):
        client.open(device, **arguments)
    for arguments in (
        {"client_id": ""},
        {"client_id": "dev-1"},
        {"client_id": "dev-1", "username": f"localhost/dev-1/{API_VERSION}"},
        {"client_id": other},
        {"client_id": f"{device}/m-1"},
        {"client_id": f"{device}/unknown", "username": f"localhost/{device}/unknown/{API_VERSION}"},
        {"username": f"other.azure-devices.net/{device}/{API_VERSION}"},
        {"password": "no token"},
        {"password": None},
        {"username": f"localhost/{other}/{API_VERSION}", "client_id": other},
    ):
        client.make(device, **arguments)
        assert client.connect()["return_code"] == 5, arguments
    assert hub.twin(device)["modelId"] == "dtmi:a;b;1"
    hub.set_enabled(device, False)
    client.make(device)
    assert client.connect()["return_code"] == 3
    with azmqtt.LocalHub(disabled_return_code=5) as other_hub:
        stricter = Client(client.robot, other_hub)
        other_hub.set_enabled(other_hub.create_device(device).device_id, False)
        stricter.make(device)
        assert stricter.connect()["return_code"] == 5


def test_without_an_api_version(client: Client) -> None:
    """Telemetry goes, patches are refused, methods are not there."""
    hub, device = client.hub, client.hub.create_device().device_id
    client.open(device, username=f"localhost/{device}")
    client.subscribe((TWIN, 0), (METHODS, 0))
    client.publish(f"devices/{device}/messages/events/", "x")
    hub.wait_for_telemetry(device)
    client.publish("$iothub/twin/PATCH/properties/reported/?$rid=1", "{}")
    assert client.message()[0] == "$iothub/twin/res/400/?$rid=1"
    with pytest.raises(azmqtt.RequestFailed) as failed:
        hub.invoke_method(device, "reboot")
    assert failed.value.error_code == 404103


def test_certificates(client: Client, tmp_path: Path) -> None:
    """By authority and by thumbprint, with no password."""
    hub = client.hub
    by_authority = hub.create_certificate("with-ca")
    by_thumbprint = hub.create_certificate("with-thumbprint", self_signed=True)
    hub.create_device("with-ca", ca=True)
    hub.create_device("with-thumbprint", x509_thumbprint=by_thumbprint.thumbprint)
    for device, made, code in (
        ("with-ca", by_authority, 0),
        ("with-thumbprint", by_thumbprint, 0),
        ("with-ca", by_thumbprint, 5),
        ("with-thumbprint", by_authority, 5),
    ):
        certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
        certificate.write_text(made.certificate)
        key.write_text(made.private_key)
        client.make(device, certificate=str(certificate), private_key=str(key))
        assert client.connect()["return_code"] == code
