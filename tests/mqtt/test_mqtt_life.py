"""The life of an `azmqtt.MqttClient`: options, closing, interrupts, forks, threads that are not there."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import subprocess
import sys
import threading
from textwrap import dedent

import pytest

import azmqtt
import mqtt5
from azmqtt import MqttClient
from interrupt import assert_interrupted
from logs import lines_until
from mqtt5 import PUBACK, PUBLISH
from scripted_broker import BrokerLink, Manners


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"hostname": 5}, TypeError, "hostname must be str, not int"),
        ({"hostname": "a b"}, ValueError, "hostname"),
        ({"client_id": b"a"}, TypeError, "client_id must be str, not bytes"),
        ({"client_id": "a\0"}, ValueError, "client_id contains U+0000"),
        ({"port": 0}, ValueError, "port must be from 1 to 65535, not 0"),
        ({"protocol": 3}, ValueError, "protocol must be 5 for MQTT 5 or 4 for MQTT 3.1.1, not 3"),
        ({"protocol": "5"}, TypeError, "protocol must be int, not str"),
        ({"websocket": 1}, TypeError, "websocket must be bool, not int"),
        ({"websocket": True, "path": "mqtt"}, ValueError, "path: it must begin with a slash"),
        ({"username": 5}, TypeError, "username must be str, not int"),
        ({"password": 5}, TypeError, "password must be str or bytes, not int"),
        ({"password": "x", "protocol": 4}, ValueError, "username: a password needs one in MQTT 3.1.1"),
        ({"keep_alive": 65_536}, ValueError, "keep_alive must be from 0 to 65535 s"),
        ({"receive_maximum": 0}, ValueError, "receive_maximum must be from 1 to 65535"),
        ({"session_expiry": -1}, ValueError, "session_expiry must be from 0"),
        ({"client_id": None, "session_expiry": 5, "protocol": 4}, ValueError, "a session needs a client_id"),
        ({"max_packet_size": 10}, ValueError, "max_packet_size must be from 128"),
        ({"will": "x"}, TypeError, "will must be Will, not str"),
        ({"will": azmqtt.Will("a", b"x" * 65_536)}, ValueError, "will.payload"),
        ({"will": azmqtt.Will("a", {1, 2})}, TypeError, "will.payload: set is not JSON"),
        ({"will": azmqtt.Will("a", delay=5), "protocol": 4}, ValueError, "will.delay needs MQTT 5"),
        ({"user_properties": {"a": "b"}, "protocol": 4}, ValueError, "user_properties need MQTT 5"),
        ({"authentication": "token"}, TypeError, "authentication must be EntraToken, JsonWebToken"),
        ({"authentication": azmqtt.JsonWebToken(str), "protocol": 4}, ValueError, "authentication needs MQTT 5"),
        ({"lost_session": "x"}, ValueError, "lost_session must be 'resend' or 'fail', not 'x'"),
        ({"ack": True}, ValueError, "ack must be 'manual' or 'auto', not True"),
        ({"tls": False, "trust": "ca.pem"}, ValueError, "trust are for an encrypted connection"),
        ({"trust": b"x"}, ValueError, "trust: "),
        ({"certificate": b"x"}, ValueError, "certificate"),
        ({"proxy": "gopher://x"}, ValueError, "proxy: "),
        ({"keepalive": 5}, TypeError, "unknown option 'keepalive'; did you mean 'keep_alive'?"),
    ],
)
def test_options_that_are_wrong(options, error, text):
    with pytest.raises(error) as raised:
        MqttClient(**{"hostname": "h", "client_id": "c", **options})
    assert text in str(raised.value)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda c: c.publish("a/+", b""), ValueError, "topic: 'a/+' contains the wildcard '+'"),
        (lambda c: c.publish(b"a", b""), TypeError, "topic must be str, not bytes"),
        (lambda c: c.publish("a", {"x": {1}}), TypeError, "payload.x: set is not JSON"),
        (lambda c: c.publish("a", b"", qos=3), ValueError, "qos must be from 0 to 2, not 3"),
        (lambda c: c.publish("a", b"", qos=True), TypeError, "qos must be int, from 0 to 2, not bool"),
        (lambda c: c.publish("a", b"", message_expiry=-1), ValueError, "message_expiry must be from 0"),
        (lambda c: c.publish("a", b"", correlation_data="x"), TypeError, "correlation_data must be bytes, not str"),
        (lambda c: c.publish("a", b"", response_topic="#"), ValueError, "response_topic: '#'"),
        (lambda c: c.publish("a", b"", timeout="5"), TypeError, "timeout must be a number of seconds"),
        (lambda c: c.publish_many("abc"), TypeError, "publish_many takes an iterable of messages"),
        (lambda c: c.publish_many(5), TypeError, "messages must be an iterable of messages, not int"),
        (lambda c: c.publish_many(azmqtt.MqttMessage("a")), TypeError, "this MqttMessage is one: use publish"),
        (lambda c: c.publish_many([("a",)]), TypeError, "a message must be MqttMessage or a pair"),
        (lambda c: c.publish_many([5]), TypeError, "a message must be MqttMessage or a pair of topic and payload"),
        (lambda c: c.subscribe(), TypeError, "subscribe takes at least one topic filter"),
        (lambda c: c.publish_many(("a", "b")), TypeError, "not str; for a single message use publish"),
        (
            lambda c: c.subscribe(["a", "b"]),
            TypeError,
            "not list: subscribe takes filters one by one, subscribe(*filters)",
        ),
        (lambda c: c.unsubscribe(("a", 1)), TypeError, "unsubscribe takes filters one by one"),
        (lambda c: c.subscribe("a", print), TypeError, "handlers are for on_message, not for subscribe"),
        (lambda c: c.subscribe("a#"), ValueError, "topic_filter: in 'a#' '#' must be the whole last level"),
        (lambda c: c.subscribe("a", retain_handling=3), ValueError, "retain_handling must be from 0 to 2"),
        (lambda c: c.subscribe("$share/g/a", no_local=True), ValueError, "no_local"),
        (lambda c: c.messages("a#"), ValueError, "topic_filter: in 'a#'"),
        (lambda c: c.on_message("a", 5), TypeError, "the handler must be callable, not int"),
        (lambda c: c.request("a", response_topic="+"), ValueError, "response_topic: '+'"),
        (lambda c: c.respond("a"), TypeError, "request must be MqttMessage, not str"),
    ],
)
def test_arguments_that_are_wrong(call, error, text):
    with MqttClient("localhost", port=1) as client, pytest.raises(error) as raised:
        call(client)
    assert text in str(raised.value)


def test_event_grid_is_known_by_its_name():
    with MqttClient("ns.westeurope-1.ts.eventgrid.azure.net", "c") as client:
        with pytest.raises(ValueError, match="has 16 levels, and Event Grid allows 15"):
            client.publish("/" * 15, b"")
        with pytest.raises(ValueError, match="has 257 bytes, and Event Grid allows 256"):
            client.subscribe("a" * 257)
        with pytest.raises(ValueError, match="has 257 bytes, and Event Grid allows 256"):
            client.publish_many([("a" * 257, b"")])
        # The response topic of a request, where none is given, is two levels deeper than its own.
        with pytest.raises(ValueError, match=r"response_topic: .* has 16 levels, and Event Grid allows 15"):
            client.request("/" * 13)


def test_a_message():
    message = azmqtt.MqttMessage("a/b", {"x": 1}, user_properties=[("a", "1"), ("a", "2")], retain=True)
    assert (message.topic, message.json(), message.qos, message.retain) == ("a/b", {"x": 1}, 1, True)
    assert message.user_properties == [("a", "1"), ("a", "2")]
    assert (message.content_type, message.payload_format) == ("application/json", 1)
    assert (message.message_expiry, message.response_topic, message.correlation_data) == (None, None, None)
    assert repr(message) == "MqttMessage('a/b', 7 bytes, qos=1, retained)"
    assert bool(azmqtt.MqttMessage("a"))
    assert len(azmqtt.MqttMessage("a")) == 0
    with pytest.raises(ValueError, match="the payload is not UTF-8"):
        azmqtt.MqttMessage("a", b"\xff").text()


def test_the_first_call_fails_fast(connect, scripted):
    broker = scripted()
    with pytest.raises(azmqtt.ConnectionFailed) as raised:
        connect(broker, port=1).publish("a", b"")
    assert raised.value.step == "TCP"
    with pytest.raises(azmqtt.ConnectionFailed) as raised:
        connect(broker, trust=None).publish("a", b"")
    assert raised.value.step == "TLS"


def test_a_client_that_connects_only_when_told(connect, scripted):
    client = connect(scripted(), auto_connect=False)
    with pytest.raises(azmqtt.Error):
        client.publish("a", b"")
    client.connect()
    client.publish("a", b"")


def test_closing_sends_what_was_accepted(connect, scripted):
    hold = threading.Event()

    async def late(link: BrokerLink, found: mqtt5.Packet) -> None:
        await asyncio.to_thread(hold.wait, 30)
        await link.send(mqtt5.answer(PUBACK, found.packet_id))

    manners = Manners(on={PUBLISH: late})
    client = connect(scripted(manners))
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(client.publish("a", b"")), daemon=True)
    thread.start()
    manners.next(PUBLISH)
    hold.set()
    assert client.close() == 0
    thread.join(30)
    assert outcome
    messages = client.messages()
    for call in (lambda: client.publish("a", b""), client.connect, lambda: client.on_message(print), messages.__next__):
        with pytest.raises(azmqtt.ClientClosed):
            call()


def test_closing_says_what_was_not_sent(connect, scripted):
    async def never(link: BrokerLink, found: mqtt5.Packet) -> None:
        pass

    manners = Manners(on={PUBLISH: never})
    client = connect(scripted(manners))
    errors = []

    def publish():
        with pytest.raises(azmqtt.ClientClosed) as raised:
            client.publish("a", b"")
        errors.append(raised.value)

    thread = threading.Thread(target=publish, daemon=True)
    thread.start()
    manners.next(PUBLISH)
    assert client.close(timeout=0.1) == 1
    thread.join(30)
    assert errors


async def test_a_call_that_is_cancelled(connect, scripted):
    async def never(link: BrokerLink, found: mqtt5.Packet) -> None:
        pass

    client = connect(scripted(Manners(on={PUBLISH: never})))
    task = asyncio.ensure_future(client.publish_async("a", b""))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await client.close_async(timeout=0.1) == 1


def test_a_client_that_is_forgotten_says_so(scripted, tmp_path):
    broker = scripted()
    client = MqttClient("localhost", port=broker.port, trust=broker.ca_file)
    client.publish("a", b"")
    with pytest.warns(ResourceWarning, match="was never closed"):
        del client
        gc.collect()


def test_a_client_cannot_be_copied(connect, scripted):
    with pytest.raises(TypeError, match="a MqttClient cannot be copied"):
        copy.copy(connect(scripted()))


def test_states_and_the_log(connect, scripted, caplog):
    with caplog.at_level("INFO", "azmqtt.connection"):
        client = connect(scripted(), "logged")
        states = []
        client.on_state_change(lambda change: states.append(change.state))
        client.connect()
        client.close()
        lines = lines_until(caplog, "logged: closed")
    assert states == ["connecting", "connected", "closed"]
    assert [line for *_, line in lines] == ["logged: connecting", "logged: connected", "logged: closed"]


def script(broker, body: str) -> list[str]:
    """Return the command for a program with a client of this broker."""
    make = f"azmqtt.MqttClient('localhost', port={broker.port}, trust={str(broker.ca_file)!r})"
    return [sys.executable, "-c", f"import asyncio, azmqtt, os, sys, warnings\nmake = lambda: {make}\n{dedent(body)}"]


@pytest.mark.parametrize(
    "wait",
    ["client.publish('a', b'')", "next(client.messages())", "asyncio.run(anext(client.messages()))"],
    ids=["publish", "messages", "await"],
)
def test_ctrl_c(scripted, wait):
    async def never(link: BrokerLink, found: mqtt5.Packet) -> None:
        pass

    body = f"""
        client = make()
        client.connect()
        try:
            # Inside: the signal may come before the next line starts.
            print("waiting", flush=True)
            {wait}
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        client.close(timeout=0)
    """
    assert_interrupted(script(scripted(Manners(on={PUBLISH: never})), body))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork(scripted):
    manners = Manners()
    body = """
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own about fork and threads
        client = make()
        client.publish("parent", b"")
        child = os.fork()
        if child == 0:
            try:
                client.publish("child", b"", timeout=5)
            except RuntimeError as error:
                assert "fork" in str(error), error
            else:
                os._exit(3)
            own = make()
            own.publish("own", b"")
            own.close()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        client.publish("parent again", b"")
        client.close()
        sys.exit(os.waitstatus_to_exitcode(status))
    """
    done = subprocess.run(script(scripted(manners), body), capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr
    assert [message.topic for message in manners.received] == ["parent", "own", "parent again"]


def test_the_package_does_not_load_it():
    program = "import azmqtt, sys; print([name for name in sys.modules if name.startswith('azmqtt._mqtt')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
