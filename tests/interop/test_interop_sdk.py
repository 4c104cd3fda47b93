"""Microsoft's device clients, unmodified, against the local hub: Python's (blocking and asyncio) and Node's.

Each test runs with each of them; ``docs/interoperability.md`` has the table.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import azmqtt
from azmqtt import faults
from robot import DEADLINE, Robot, RobotError

INTEROP = Path(__file__).parent

pytestmark = pytest.mark.timeout(420)

# Python's client knows no other ports than 8883 and 443. Where the whole of 127.0.0.0/8 is this machine, each hub has
# an address of its own for them, so that tests do not get into each other's way.
LINUX = sys.platform == "linux"


@dataclass
class Client:
    """A client under test: its robot, and the hub that it has to itself."""

    name: str
    robot: Robot
    hub: azmqtt.LocalHub
    websocket_problem: str | None = None

    @property
    def is_node(self) -> bool:
        return self.name == "node"

    def make(self, connection_string: str, **arguments: Any) -> None:
        """Make the robot's client."""
        if self.is_node:
            arguments["websocket_port"] = self.hub.websocket_port
        self.robot.forget_events()
        self.robot.call("make", connection_string=connection_string, ca_file=self.hub.ca_file, **arguments)

    def make_with_certificate(self, device_id: str, module_id: str | None = None, **arguments: Any) -> None:
        """Make the robot's client, with a certificate."""
        if self.is_node:
            found = self.hub.device(device_id) if module_id is None else self.hub.module(device_id, module_id)
            self.make(found.connection_string, **arguments)
            return
        who = {"device_id": device_id} if module_id is None else {"device_id": device_id, "module_id": module_id}
        self.robot.forget_events()
        self.robot.call("make", host=self.hub.hostname, ca_file=self.hub.ca_file, **who, **arguments)


@pytest.fixture(scope="module", params=["python", "python-aio", "node"])
def any_client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """One process and one hub for all tests of a client."""
    address = "127.88.83.11" if LINUX else "127.0.0.1"
    if request.param == "node":
        command = request.getfixturevalue("node_sdk")(INTEROP / "robot_azure_iot_device.js")
    else:
        script = "robot_azure_iot_device_aio.py" if request.param == "python-aio" else "robot_azure_iot_device.py"
        command = ([request.getfixturevalue("sdk_python"), INTEROP / script], None)
    # Node's client can be told a port for WebSockets.
    problem = None if request.param == "node" else port_problem(address, 443)
    websocket_port = 0 if problem or request.param == "node" else 443
    if taken := port_problem(address, 8883):
        pytest.fail(f"the client knows no other port than 8883: {taken}")
    with azmqtt.LocalHub(host=address, hostname=address, port=8883, websocket_port=websocket_port) as hub:  # noqa: SIM117
        with Robot(*command) as robot:
            yield Client(request.param, robot, hub, problem)


def port_problem(address: str, port: int) -> str | None:
    """Say why a port cannot be listened on."""
    try:
        socket.create_server((address, port)).close()
    except OSError as error:
        return f"port {port} of {address}: {error}"
    return None


@pytest.fixture
def client(any_client: Client) -> Iterator[Client]:
    """The client, ended after the test."""
    yield any_client
    any_client.robot.call("shutdown")


def test_telemetry_with_every_property(client: Client) -> None:
    """All the client can set arrives; bodies of zero to many bytes, text and not."""
    device = client.hub.create_device()
    client.make(device.connection_string, options={"product_info": "robot 1/ä"})
    client.robot.call("connect")
    client.robot.call(
        "send",
        text=json.dumps({"temperature": 21.5}),
        system={
            "message_id": "m-1:.+%_#*?!(),=@;$'",
            "correlation_id": "c 1/&=é",
            "user_id": "u-1",
            "content_type": "application/json",
            "content_encoding": "utf-8",
            "expiry_time_utc": "2030-01-02T03:04:05.678Z",
        },
        properties={"alert": "a b&c=d/é", "plus + and #": "10:30", "empty": ""},
        security=True,
    )
    client.robot.call("send", base64="AP/+gA==")
    client.robot.call("send", text="x" * 200_000)
    first, binary, large = client.hub.wait_for_telemetry(device.device_id, 3)
    assert first.json() == {"temperature": 21.5}
    assert first.properties == {"alert": "a b&c=d/é", "plus + and #": "10:30", "empty": ""}
    stamped = ("iothub-connection-", "iothub-enqueuedtime", "iothub-message-source")
    system = {name: value for name, value in first.system_properties.items() if not name.startswith(stamped)}
    assert system == {
        "message-id": "m-1:.+%_#*?!(),=@;$'",
        "correlation-id": "c 1/&=é",
        "user-id": "u-1",
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "absolute-expiry-time": "2030-01-02T03:04:05.678Z",
        "iothub-interface-id": "urn:azureiot:Security:SecurityAgent:1",
    }
    assert binary.body == b"\x00\xff\xfe\x80"
    assert len(large.body) == 200_000


def test_cloud_messages(client: Client) -> None:
    """Several, in order, with properties; each is completed."""
    device = client.hub.create_device()
    client.make(device.connection_string)
    client.robot.call("connect")
    client.hub.send_c2d(
        device.device_id,
        "one",
        {"kind": "order & more", "é": "ü", "empty": "", "$.ce": "utf-8"},
        message_id="c-1",
        correlation_id="for/1",
        content_type="text/plain",
        ack="full",
    )
    for number in range(20):
        client.hub.send_c2d(device.device_id, str(number))
    message = client.robot.event("message")
    assert message["text"] == "one"
    assert message["properties"].items() >= {"kind": "order & more", "é": "ü", "empty": ""}.items()
    assert (message["message_id"], message["correlation_id"]) == ("c-1", "for/1")
    assert (message["content_type"], message["content_encoding"]) == ("text/plain", "utf-8")
    texts = [client.robot.event("message")["text"] for _ in range(20)]
    # Python's blocking client runs its handlers beside each other, and asyncio's does not wait for one's end.
    assert (texts if client.is_node else sorted(texts, key=int)) == [str(number) for number in range(20)]
    until(lambda: client.hub.pending_c2d(device.device_id) == 0)
    (record,) = client.hub.wait_for_feedback(device.device_id)
    assert (record.original_message_id, record.status_code) == ("c-1", "Success")


def test_cloud_messages_wait_for_a_device_that_is_away(client: Client) -> None:
    """The client keeps its session (CleanSession 0): what was sent meanwhile comes when it is back."""
    device = client.hub.create_device()
    client.make(device.connection_string)
    client.robot.call("connect")
    client.hub.send_c2d(device.device_id, "first")
    client.robot.event("message", lambda message: message["text"] == "first")
    client.robot.call("disconnect")
    client.hub.wait_for_connection(device.device_id, connected=False)
    for number in range(3):
        client.hub.send_c2d(device.device_id, str(number))
    assert client.hub.pending_c2d(device.device_id) == 3
    client.robot.call("connect")
    assert sorted(client.robot.event("message")["text"] for _ in range(3)) == ["0", "1", "2"]


def test_methods(client: Client) -> None:
    """Payloads of every kind, and a method that the device does not have."""
    device = client.hub.create_device()
    client.make(device.connection_string)
    client.robot.call("connect")
    answer = client.hub.invoke_method(device.device_id, "reboot", {"delay": 5}, connect_timeout=30)
    assert (answer.status, answer.payload) == (202, {"accepted": True})
    assert client.robot.event("method") == ["reboot", {"delay": 5}]
    for payload in (None, 5, "text é", [1, None], {"deep": {"er": []}}, False):
        echoed = client.hub.invoke_method(device.device_id, "echo", payload)
        assert (echoed.status, echoed.payload) == (200, payload)
    if client.is_node:
        # It leaves it to the caller's patience.
        with pytest.raises(azmqtt.RequestFailed) as failed:
            client.hub.invoke_method(device.device_id, "unknown", {}, response_timeout=5)
        assert failed.value.error_code == 504101
    else:
        assert client.hub.invoke_method(device.device_id, "unknown", {}).status == 404


def test_twin(client: Client) -> None:
    """Read, patched both ways, with nulls."""
    device = client.hub.create_device()
    client.hub.patch_desired(device.device_id, {"interval": 1, "gone": True})
    client.make(device.connection_string)
    client.robot.call("connect")
    twin = client.robot.call("get_twin")
    assert twin == {"desired": {"interval": 1, "gone": True, "$version": 2}, "reported": {"$version": 1}}
    client.robot.call("patch_twin", patch={"firmware": "1.1", "parts": {"pump": None, "list": [1, {}]}, "old": 1})
    client.robot.call("patch_twin", patch={"old": None})
    reported = client.robot.call("get_twin")["reported"]
    assert reported == {"firmware": "1.1", "parts": {"list": [1, {}]}, "$version": 3}
    client.hub.patch_desired(device.device_id, {"interval": 5, "gone": None})
    patch = client.robot.event("desired", lambda patch: patch["$version"] == 3)
    assert patch == {"interval": 5, "gone": None, "$version": 3}


def test_refused_twin_patch(client: Client) -> None:
    """A patch that breaks a limit is the client's error for status 400, and the next one is taken."""
    device = client.hub.create_device()
    client.make(device.connection_string)
    client.robot.call("connect")
    with pytest.raises(RobotError) as refused:
        client.robot.call("patch_twin", patch={"long": "x" * 5000})
    assert refused.value.kind == ("Error" if client.is_node else "ClientError"), refused.value
    client.robot.call("patch_twin", patch={"short": "x"})
    assert client.hub.twin(device.device_id)["properties"]["reported"]["short"] == "x"


def test_websockets(client: Client) -> None:
    """Everything once, on the other port."""
    if client.websocket_problem:
        client.make(client.hub.create_device().connection_string)
        pytest.skip(client.websocket_problem)
    device = client.hub.create_device()
    client.make(device.connection_string, options={"websockets": True})
    client.robot.call("connect")
    client.robot.call("send", text="x" * 200_000, properties={"a": "b"})
    assert len(client.hub.wait_for_telemetry(device.device_id)[0].body) == 200_000
    client.robot.call("patch_twin", patch={"firmware": "1.1"})
    assert client.robot.call("get_twin")["reported"] == {"firmware": "1.1", "$version": 2}
    client.hub.patch_desired(device.device_id, {"interval": 5})
    client.robot.event("desired", lambda patch: patch["$version"] == 2)
    client.hub.send_c2d(device.device_id, "hello")
    assert client.robot.event("message")["text"] == "hello"
    assert client.hub.invoke_method(device.device_id, "echo", [1], connect_timeout=30).payload == [1]


def test_certificates(client: Client, tmp_path: Path) -> None:
    """By thumbprint and by authority, devices and modules; a certificate of somebody else is refused."""
    hub, name = client.hub, client.name
    ca, thumbprint, other = f"{name}-ca", f"{name}-thumbprint", f"{name}-other"
    made = {
        (ca, None): hub.create_certificate(ca),
        (thumbprint, None): hub.create_certificate(thumbprint, self_signed=True),
        (other, "ca"): hub.create_certificate(other, module_id="ca"),
        (other, "thumbprint"): hub.create_certificate(other, module_id="thumbprint", self_signed=True),
        (other, None): hub.create_certificate(ca),
    }
    hub.create_device(ca, ca=True)
    hub.create_device(thumbprint, x509_thumbprint=made[thumbprint, None].thumbprint)
    hub.create_device(other, x509_thumbprint=made[thumbprint, None].thumbprint)
    hub.create_module(other, "ca", ca=True)
    hub.create_module(other, "thumbprint", x509_thumbprint=made[other, "thumbprint"].thumbprint)
    for (device_id, module_id), pair in made.items():
        if client.is_node and module_id is not None:
            continue  # its module client takes tokens alone
        certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
        certificate.write_text(pair.certificate)
        key.write_text(pair.private_key)
        files = {"certificate": str(certificate), "private_key": str(key)}
        client.make_with_certificate(device_id, module_id, **files, retry=False, listen=[])
        if (device_id, module_id) == (other, None):
            with pytest.raises(RobotError) as refused:
                client.robot.call("connect")
            assert refused.value.kind == ("UnauthorizedError" if client.is_node else "CredentialError")
            continue
        client.robot.call("connect")
        client.robot.call("send", text="with a certificate")
        (message,) = hub.wait_for_telemetry(device_id, module_id=module_id)
        assert '"type":"x509"' in message.system_properties["iothub-connection-auth-method"]
        client.robot.call("shutdown")


def test_token_renewal(client: Client) -> None:
    """The client renews its token while it sends; of what it has acknowledged nothing is lost."""
    device = client.hub.create_device()
    # Python renews two minutes before the end, Node when it is told to.
    client.make(
        device.connection_string,
        options={} if client.is_node else {"sastoken_ttl": 122},
        token_renewal={"tokenValidTimeInSeconds": 10, "tokenRenewalMarginInSeconds": 8},
    )
    client.robot.call("connect")
    client.robot.call("get_twin")
    sent: list[int] = []
    while client.hub.connection_count(device.device_id) < 3:
        sent += client.robot.call("send_numbers", first=len(sent), count=20)
    client.hub.send_c2d(device.device_id, "still here")
    client.robot.event("message", lambda message: message["text"] == "still here")
    assert arrived(client.hub, device.device_id) >= set(sent)
    assert len(sent) >= 20


def test_drops_while_it_sends(client: Client) -> None:
    """The network breaks, a token ends: what was acknowledged arrived, and the session goes on."""
    device = client.hub.create_device()
    client.make(device.connection_string, options={} if client.is_node else {"connection_retry_interval": 1})
    client.robot.call("connect")
    client.hub.patch_desired(device.device_id, {"interval": 1})
    client.robot.event("desired", lambda patch: patch["$version"] == 2)
    acknowledged = client.robot.call("send_numbers", first=0, count=50)
    for position, drop in enumerate((client.hub.disconnect, client.hub.expire_token), start=1):
        drop(device.device_id)
        # paho 1.6, below Python's client, ends its thread when it writes on a TLS connection that is gone (from
        # Python 3.10 on that is not a ConnectionError). So it is let notice first.
        if not client.is_node:
            client.robot.event("connected", lambda connected: not connected)
        acknowledged += client.robot.call("send_numbers", first=50 * position, count=50)
        assert client.hub.connection_count(device.device_id) == 1 + position
    assert sorted(acknowledged) == list(range(150))
    assert arrived(client.hub, device.device_id) >= set(acknowledged)
    # Whatever it listened to, it still does.
    client.hub.send_c2d(device.device_id, "after the drop")
    client.robot.event("message", lambda message: message["text"] == "after the drop")
    assert client.hub.invoke_method(device.device_id, "echo", 1, connect_timeout=30).payload == 1
    client.hub.patch_desired(device.device_id, {"interval": 2})
    client.robot.event("desired", lambda patch: patch["$version"] == 3)


def test_a_lost_acknowledgement(client: Client) -> None:
    """The hub has the message and the client does not know: it sends it again, and all of its other ones once."""
    device = client.hub.create_device()
    client.make(device.connection_string, options={} if client.is_node else {"connection_retry_interval": 1})
    client.robot.call("connect")
    # Its threads acknowledge in any order.
    assert sorted(client.robot.call("send_numbers", first=0, count=5)) == list(range(5))
    lost = client.hub.inject_fault(faults.Drop("puback"), device_id=device.device_id)
    client.robot.call("send", text="5")
    assert lost.fired == 1
    sent = [int(message.body) for message in client.hub.telemetry(device.device_id)]
    assert (sorted(set(sent)), sent.count(5)) == (list(range(6)), 2)


def until(met: Callable[[], bool]) -> None:
    """Wait for what has no event."""
    deadline = time.monotonic() + DEADLINE
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def arrived(hub: azmqtt.LocalHub, device_id: str) -> set[int]:
    return {int(message.body) for message in hub.telemetry(device_id)}


def test_refusals(client: Client) -> None:
    """A key that is wrong, a device that is not there, one that is disabled."""
    hub = client.hub
    good = hub.create_device().connection_string
    other = hub.create_device().connection_string.rpartition("SharedAccessKey=")[2]
    wrong_key = good.rpartition("SharedAccessKey=")[0] + "SharedAccessKey=" + other
    removed = hub.create_device()
    hub.remove_device(removed.device_id)
    disabled = hub.create_device()
    hub.set_enabled(disabled.device_id, False)
    kinds = {}
    for name, connection_string in {
        "wrong key": wrong_key,
        "removed": removed.connection_string,
        "disabled": disabled.connection_string,
    }.items():
        options = {} if client.is_node else {"connection_retry": False}
        client.make(connection_string, options=options, retry=False, listen=[])
        with pytest.raises(RobotError) as refused:
            client.robot.call("connect")
        kinds[name] = refused.value.kind
    refused_kind = "UnauthorizedError" if client.is_node else "CredentialError"
    assert kinds == {
        "wrong key": refused_kind,
        "removed": refused_kind,
        "disabled": "ServiceUnavailableError" if client.is_node else "ConnectionFailedError",
    }


def test_module(client: Client) -> None:
    """Outputs, an input, the twin and methods of a module."""
    device = client.hub.create_device()
    module = client.hub.create_module(device.device_id, "module-1")
    client.make(module.connection_string)
    client.robot.call("connect")
    client.robot.call("send", text="plain")
    client.robot.call("send", text="routed", output="output 1", properties={"alert": "a b&c=d/é"})
    plain, routed = client.hub.wait_for_telemetry(device.device_id, 2, module_id="module-1")
    assert (plain.output_name, routed.output_name) == (None, "output 1")
    assert routed.properties == {"alert": "a b&c=d/é"}
    client.hub.send_to_input(device.device_id, "module-1", "input-1", "to the input", {"kind": "order"})
    message = client.robot.event("message")
    assert (message["text"], message["input"], message["properties"]["kind"]) == ("to the input", "input-1", "order")
    client.robot.call("patch_twin", patch={"firmware": "1.1"})
    assert client.robot.call("get_twin")["reported"] == {"firmware": "1.1", "$version": 2}
    client.hub.patch_desired(device.device_id, {"interval": 5}, module_id="module-1")
    client.robot.event("desired", lambda patch: patch["$version"] == 2)
    called = client.hub.invoke_method(device.device_id, "reboot", {}, module_id="module-1", connect_timeout=30)
    assert called.status == 202


def test_a_port_for_node(node_sdk: Callable[[Path], Any]) -> None:
    """Node's client takes one as a part of the gateway's name, as long as it signs with a key."""
    with azmqtt.LocalHub() as hub, Robot(*node_sdk(INTEROP / "robot_azure_iot_device.js")) as robot:
        connection_string = f"{hub.create_device('d').connection_string};GatewayHostName=localhost:{hub.port}"
        robot.call("make", connection_string=connection_string, ca_file=hub.ca_file)
        robot.call("connect")
        robot.call("send", text="x")
        assert hub.wait_for_telemetry("d")[0].text == "x"
