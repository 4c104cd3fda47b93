"""Two clients of one device in one process: the newer takes the place of the older."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
import warnings
import weakref

import pytest

import azmqtt
from logs import lines_until

WORDS = "another client of this process is connected as"
CLOSED = "the client is closed: another client of this process has connected as"


def until(condition, timeout=10):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


@pytest.fixture
def make(hub):
    """Make clients of one device, closed after the test."""
    device_id = hub.create_device().device_id
    clients = []

    def make(**options):
        clients.append(hub.device_client(device_id, **options))
        return clients[-1]

    yield make
    for client in clients:
        client.close(timeout=1)


async def connect_async(client):
    await client.connect_async()


async def send_async(client):
    await client.send_message_async("x")


async def send_many_async(client):
    await client.send_messages_async(["x"])


async def twin_async(client):
    await client.get_twin_async()


async def patch_async(client):
    await client.patch_reported_properties_async({"a": 1})


#: Whatever connects.
CALLS = {
    "connect": lambda client: client.connect(),
    "send": lambda client: client.send_message("x"),
    "send_many": lambda client: client.send_messages(["x"]),
    "twin": lambda client: client.get_twin(),
    "patch": lambda client: client.patch_reported_properties({"a": 1}),
    "messages": lambda client: client.messages(),
    "on_desired": lambda client: client.on_desired_properties(lambda _: None),
    "on_method": lambda client: client.on_method(None, lambda _: None),
    "connect_async": connect_async,
    "send_async": send_async,
    "send_many_async": send_many_async,
    "twin_async": twin_async,
    "patch_async": patch_async,
}


async def call(name, client):
    result = CALLS[name](client)
    if hasattr(result, "__await__"):
        await result


@pytest.mark.parametrize("name", CALLS)
async def test_the_newer_client_takes_the_place_of_the_older(hub, make, name):
    first, second = make(), make()
    await first.connect_async()
    with pytest.warns(RuntimeWarning, match=f"{WORDS} {first.device_id}") as caught:
        await call(name, second)
    assert [warning.filename for warning in caught] == [__file__]
    until(lambda: first.state == "closed" and second.state == "connected")
    for use in (first.connect, first.get_twin, lambda: first.send_message("x"), lambda: first.on_message(print)):
        with pytest.raises(azmqtt.ClientClosed, match=f"{CLOSED} {first.device_id}"):
            use()
    with pytest.raises(azmqtt.ClientClosed, match=CLOSED):
        await first.send_message_async("x")
    second.send_message("y")
    assert (second.stats().connects, second.stats().connections_lost) == (1, 0)
    assert hub.connection_count(first.device_id) == 2


@pytest.mark.parametrize("name", CALLS)
async def test_as_an_error_the_warning_leaves_both_as_they_were(make, name):
    first, second = make(), make()
    await first.connect_async()
    for _ in range(2):
        with pytest.raises(RuntimeWarning, match=WORDS):
            await call(name, second)
    assert second.state == "disconnected"
    first.send_message("x")
    first.close()
    await call(name, second)
    until(lambda: second.state == "connected")


def test_modules_and_other_ports(hub):
    device_id = hub.create_device().device_id
    with (
        hub.device_client(device_id) as device,
        hub.device_client(device_id, module_id="m") as module,
        hub.device_client(device_id, module_id="n") as other,
        hub.device_client(device_id, module_id="m", websocket=True) as again,
    ):
        for client in (device, module, other):
            client.connect()
        with pytest.warns(RuntimeWarning, match=f"{WORDS} {device_id}/m, "):
            again.connect()
        until(lambda: module.state == "closed")
        assert (device.state, other.state) == ("connected", "connected")


def test_the_same_ids_on_another_hub_are_another_device(hub, make):
    first = make()
    first.connect()
    with azmqtt.LocalHub() as elsewhere, elsewhere.device_client(first.device_id) as other:
        other.connect()
        first.send_message("x")
        assert first.stats().connections_lost == 0


def test_a_gateway_is_another_place(hub, make):
    first, second = make(), make(gateway_hostname="127.0.0.1")
    first.connect()
    # The hub drops the first all the same: here it is its own gateway.
    second.connect()
    assert first.state != "closed"


def test_names_of_hosts_know_no_case(hub, make):
    first = make()
    first.connect()
    device = hub.device(first.device_id)
    upper = device.connection_string.replace("HostName=localhost", "HostName=LOCALHOST")
    second = azmqtt.DeviceClient.from_connection_string(upper, port=hub.port, trust=hub.ca_file)
    with second, pytest.warns(RuntimeWarning, match=WORDS):
        second.connect()
        until(lambda: first.state == "closed")


def test_a_client_that_cannot_connect_takes_no_place(hub, make):
    first = make()
    first.connect()
    wrong = azmqtt.DeviceClient.from_symmetric_key(
        "localhost", first.device_id, "d3Jvbmc=", port=hub.port, trust=hub.ca_file
    )
    with wrong, pytest.warns(RuntimeWarning, match=WORDS):
        with pytest.raises(azmqtt.AuthenticationFailed):
            wrong.connect()
        first.send_message("x")
        assert first.stats().connections_lost == 0


def test_from_the_environment_and_from_provisioning(hub, make, monkeypatch):
    first = make()
    first.connect()
    monkeypatch.setenv("IOTHUB_DEVICE_CONNECTION_STRING", hub.device(first.device_id).connection_string)
    with azmqtt.DeviceClient.from_environment(port=hub.port, trust=hub.ca_file) as second:
        with pytest.warns(RuntimeWarning, match=WORDS):
            second.connect()
        until(lambda: first.state == "closed")
    enrollment = hub.create_enrollment("provisioned-twice")
    made = [
        azmqtt.DeviceClient.provision(
            hub.id_scope, "provisioned-twice", symmetric_key=enrollment.key, **hub.provisioning_options
        )
        for _ in range(2)
    ]
    with made[0], made[1]:
        made[0].connect()
        with pytest.warns(RuntimeWarning, match=WORDS):
            made[1].connect()
        until(lambda: made[0].state == "closed")


def test_exclusive_false_keeps_both(hub, make, caplog):
    caplog.set_level(logging.INFO, "azmqtt.connection")
    retry = azmqtt.RetryPolicy(base=0.01, max=0.01)
    first, second = make(retry=retry), make(exclusive=False, retry=retry)
    first.connect()
    second.connect()
    until(lambda: first.stats().connects > 2 and second.stats().connects > 2)
    lines_until(caplog, "another client of this process has connected as")
    assert "second program" not in caplog.text
    with pytest.raises(TypeError, match="exclusive must be bool"):
        make(exclusive="no")


def test_a_client_that_rests_is_not_closed(hub, make):
    first, second = make(), make()
    first.connect()
    first.disconnect()
    second.connect()
    assert first.state == "disconnected"
    with pytest.warns(RuntimeWarning, match=WORDS):
        first.send_message("x")
    until(lambda: second.state == "closed")
    first.disconnect()
    third = make()
    third.connect()
    # Each time counts.
    with pytest.warns(RuntimeWarning, match=WORDS):
        first.connect()
    until(lambda: third.state == "closed")


def test_reconnecting_takes_no_place_back(hub, make):
    first, second = make(retry=azmqtt.RetryPolicy(base=0.01, max=0.01)), make()
    first.connect()
    for _ in range(5):
        connects = first.stats().connects
        hub.disconnect(first.device_id)
        until(lambda before=connects: first.stats().connects > before)
    with pytest.warns(RuntimeWarning, match=WORDS):
        second.connect()
    until(lambda: first.state == "closed")
    hub.disconnect(first.device_id)
    until(lambda: second.stats().connects == 2)
    assert second.state == "connected"


def test_the_older_ones_handlers_and_iterators_end(hub, make, caplog):
    caplog.set_level(logging.INFO, "azmqtt.connection")
    first, second = make(), make()
    states = []
    first.on_state_change(lambda change: states.append((change.state, change.reason)))
    first.on_method("who", lambda _: "old")
    got = []
    thread = threading.Thread(target=lambda: got.extend(first.messages()))
    first.connect()
    thread.start()
    with pytest.warns(RuntimeWarning, match=WORDS):
        second.on_method("who", lambda _: "new")
    second.connect()
    assert hub.invoke_method(first.device_id, "who").payload == "new"
    thread.join(10)
    assert not thread.is_alive()
    until(lambda: states and states[-1][0] == "closed")
    reason = f"another client of this process has connected as {first.device_id}"
    assert states[-1][1] == reason
    until(lambda: f"{first.device_id}: closed: {reason}" in caplog.text)
    assert "second program" not in caplog.text


def test_no_client_is_kept_alive(hub):
    device_id = hub.create_device().device_id
    client = hub.device_client(device_id)
    client.connect()
    gone = weakref.ref(client)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del client
        gc.collect()
    assert gone() is None
    hub.wait_for_connection(device_id, connected=False)
    with hub.device_client(device_id) as other:
        # Nobody is there to take the place of.
        other.connect()


def test_a_closed_client_with_handlers_is_not_kept(hub, make):
    second = make()
    first = hub.device_client(second.device_id)
    first.on_message(print)
    first.connect()
    gone = weakref.ref(first)
    del first
    with pytest.warns(RuntimeWarning, match=WORDS):
        second.connect()
    until(lambda: gc.collect() is not None and gone() is None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_has_clients_of_its_own():
    program = """
        import os, warnings, azmqtt
        warnings.simplefilter("error", RuntimeWarning)
        hub = azmqtt.LocalHub()
        client = hub.device_client("d", exclusive=True)
        client.connect()
        string, port, trust = hub.device("d").connection_string, hub.port, hub.ca_pem
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            azmqtt.DeviceClient.from_connection_string(string, port=port, trust=trust).connect(timeout=20)
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        client.close()
        hub.close()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.stdout.strip() == "7", done.stderr
