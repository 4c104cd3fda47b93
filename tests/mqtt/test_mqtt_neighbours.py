"""Two clients of one client id in one process: the newer takes the place of the older."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable

import pytest

import azmqtt
import mqtt5
from azmqtt import MqttClient
from logs import lines_until
from mqtt5 import CONNECT
from scripted_broker import BrokerLink, Manners

WORDS = "another client of this process is connected as same"
CLOSED = "the client is closed: another client of this process has connected as same"


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


async def connect_async(client: MqttClient) -> None:
    await client.connect_async()


async def publish_async(client: MqttClient) -> None:
    await client.publish_async("t", b"")


async def publish_many_async(client: MqttClient) -> None:
    await client.publish_many_async([("t", b"")])


async def subscribe_async(client: MqttClient) -> None:
    await client.subscribe_async("t")


async def request_async(client: MqttClient) -> None:
    with pytest.raises(azmqtt.RequestTimeout):
        await client.request_async("t", b"", timeout=0.2)


def request(client: MqttClient) -> None:
    with pytest.raises(azmqtt.RequestTimeout):
        client.request("t", b"", timeout=0.2)


def handle(client: MqttClient) -> None:
    client.on_message(lambda _: None)


#: Whatever connects.
CALLS: dict[str, Callable[[MqttClient], object]] = {
    "connect": lambda client: client.connect(),
    "publish": lambda client: client.publish("t", b""),
    "publish_many": lambda client: client.publish_many([("t", b"")]),
    "subscribe": lambda client: client.subscribe("t"),
    "unsubscribe": lambda client: client.unsubscribe("t"),
    "request": request,
    "on_message": handle,
    "connect_async": connect_async,
    "publish_async": publish_async,
    "publish_many_async": publish_many_async,
    "subscribe_async": subscribe_async,
    "request_async": request_async,
}


async def call(name: str, client: MqttClient) -> None:
    result = CALLS[name](client)
    if hasattr(result, "__await__"):
        await result


@pytest.mark.parametrize("name", CALLS)
async def test_the_newer_client_takes_the_place_of_the_older(mosquitto, connect, name):
    first, second = connect(mosquitto, "same"), connect(mosquitto, "same")
    await first.connect_async()
    with pytest.warns(RuntimeWarning, match=WORDS) as caught:
        await call(name, second)
    assert [warning.filename for warning in caught] == [__file__]
    until(lambda: first.state == "closed" and second.connected)
    for use in (first.connect, lambda: first.publish("t", b""), lambda: first.on_message(print)):
        with pytest.raises(azmqtt.ClientClosed, match=CLOSED):
            use()
    with pytest.raises(azmqtt.ClientClosed, match=CLOSED):
        await first.publish_async("t", b"")
    second.publish("t", b"")
    assert (second.stats().connects, second.stats().connections_lost) == (1, 0)


@pytest.mark.parametrize("name", CALLS)
async def test_as_an_error_the_warning_leaves_both_as_they_were(mosquitto, connect, name):
    first, second = connect(mosquitto, "same"), connect(mosquitto, "same")
    await first.connect_async()
    for _ in range(2):
        with pytest.raises(RuntimeWarning, match=WORDS):
            await call(name, second)
    assert second.state == "disconnected"
    first.publish("t", b"")
    first.close()
    await call(name, second)
    until(lambda: second.connected)


def test_in_either_version(mosquitto, connect, protocol):
    first, second = (connect(mosquitto, "same", protocol=protocol) for _ in range(2))
    first.connect()
    with pytest.warns(RuntimeWarning, match=WORDS):
        second.connect()
    until(lambda: first.state == "closed")
    assert second.stats().connections_lost == 0


def test_a_broker_that_says_who_has_the_session(connect, scripted):
    """DISCONNECT with 0x8E comes before the newer one is accepted."""
    older: list[BrokerLink] = []

    async def keeps_the_newest(link: BrokerLink, _: mqtt5.Packet) -> None:
        while older:
            await older.pop().send(mqtt5.disconnect(0x8E))
        older.append(link)
        await link.send(mqtt5.connack(0))

    broker = scripted(Manners(on={CONNECT: keeps_the_newest}))
    first, second = connect(broker, "same"), connect(broker, "same")
    first.connect()
    with pytest.warns(RuntimeWarning, match=WORDS):
        second.connect()
    until(lambda: first.state == "closed")
    with pytest.raises(azmqtt.ClientClosed, match=CLOSED):
        first.publish("t", b"")
    second.publish("t", b"")


def test_what_is_under_way_ends_with_the_reason(mosquitto, connect, caplog):
    caplog.set_level(logging.INFO, "azmqtt.connection")
    first, second = connect(mosquitto, "same"), connect(mosquitto, "same")
    states: list[tuple[str, str | None]] = []
    first.on_state_change(lambda change: states.append((change.state, change.reason)))
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.extend(first.messages()))
    first.connect()
    thread.start()
    with pytest.warns(RuntimeWarning, match=WORDS):
        second.connect()
    thread.join(20)
    assert not thread.is_alive()
    until(lambda: bool(states) and states[-1][0] == "closed")
    reason = "another client of this process has connected as same"
    assert states[-1][1] == reason
    until(lambda: f"same: closed: {reason}" in caplog.text)


def test_other_ids_other_ports_and_no_ids_are_other_places(mosquitto, connect, scripted):
    elsewhere = scripted()
    clients = [connect(mosquitto, "same"), connect(mosquitto, "other"), connect(elsewhere, "same")]
    clients += [connect(mosquitto), connect(mosquitto)]
    for client in clients:
        client.connect()
    assert [client.state for client in clients] == ["connected"] * 5


def test_names_of_hosts_know_no_case(mosquitto, connect):
    first, second = connect(mosquitto, "same"), connect(mosquitto, "same", host="LOCALHOST")
    first.connect()
    with pytest.warns(RuntimeWarning, match=WORDS):
        second.connect()
    until(lambda: first.state == "closed")


def test_a_client_that_is_refused_takes_no_place(connect, scripted):
    async def refuse(link: BrokerLink) -> None:
        await link.expect(CONNECT)
        await link.send(mqtt5.connack(0x87))

    broker = scripted(Manners(), refuse)
    first, second = connect(broker, "same"), connect(broker, "same")
    first.connect()
    with pytest.warns(RuntimeWarning, match=WORDS), pytest.raises(azmqtt.AuthenticationFailed):
        second.connect()
    first.publish("t", b"")
    assert first.stats().connections_lost == 0


def test_exclusive_false_keeps_both(mosquitto, connect, caplog):
    caplog.set_level(logging.INFO, "azmqtt.connection")
    retry = azmqtt.RetryPolicy(base=0.01, max=0.01)
    first, second = connect(mosquitto, "same", retry=retry), connect(mosquitto, "same", exclusive=False, retry=retry)
    first.connect()
    second.connect()
    until(lambda: first.stats().connects > 2 and second.stats().connects > 2)
    lines_until(caplog, "another client of this process has connected as same")
    with pytest.raises(TypeError, match="exclusive must be bool"):
        connect(mosquitto, "same", exclusive="no")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_has_clients_of_its_own(mosquitto):
    program = f"""
        import os, warnings, azmqtt
        warnings.simplefilter("error", RuntimeWarning)
        def make():
            return azmqtt.MqttClient("localhost", "same", port={mosquitto.tls_port}, trust={str(mosquitto.ca_file)!r})
        client = make()
        client.connect()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            make().connect(timeout=20)
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        client.close()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.stdout.strip() == "7", done.stderr
