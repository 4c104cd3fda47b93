"""Connections that come and go, and hubs that misbehave."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

import azmqtt
from azmqtt.paho import TwinPatcher, configure
from scripted_hub import PUBLISH, SUBACK, SUBSCRIBE, TWIN_ANSWER, Link, Packet, ScriptedHub, packet, publish
from support import Seen, device_of, make, running, wait_until


def rid(message: Packet) -> str:
    """The ``$rid`` of a request."""
    return message.topic.split("$rid=")[1].split("&")[0]


def client_for(hub: ScriptedHub, **arguments: object) -> mqtt.Client:
    """A client that connects to this hub."""
    client = make(client_id="d", **arguments)
    client.tls_set_context(ssl.create_default_context(cafile=str(hub.ca_file)))
    client.reconnect_delay_set(0.05, 0.05)
    return client


@pytest.mark.parametrize("clean_session", [True, False])
def test_it_subscribes_again_after_each_reconnect(hub: azmqtt.LocalHub, *, clean_session: bool):
    client = device_of(hub, clean_session=clean_session)
    twin = TwinPatcher(client)
    with running(client, hub.port):
        for n in range(3):
            assert twin.patch({"n": n}, timeout=10).version == n + 2
            assert hub.disconnect(client.device_id)
            hub.wait_for_connection(client.device_id, connected=False)
        assert twin.get(timeout=10).reported == {"n": 2}
    assert hub.connection_count(client.device_id) == 4


def test_no_request_before_the_suback(tmp_path: Path):
    granted = threading.Event()

    async def script(link: Link) -> None:
        await link.accept()
        subscribe = await link.receive()
        assert subscribe.kind == SUBSCRIBE
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(link.receive(), 0.3)
        await link.send(packet(SUBACK, subscribe.packet_id + b"\0"))
        granted.set()
        request = await link.receive()
        assert request.kind == PUBLISH
        await link.answer_twin(request, 204, version=9)
        await link.hang()

    with ScriptedHub(tmp_path, script) as hub:
        client = client_for(hub)
        twin = TwinPatcher(client)
        with running(client, hub.port):
            assert twin.patch({"a": 1}, timeout=10).version == 9
            assert granted.is_set()
            twin.close()


def test_a_subscription_that_is_refused(tmp_path: Path):
    async def script(link: Link) -> None:
        await link.accept()
        while True:
            subscribe = await link.receive()
            await link.send(packet(SUBACK, subscribe.packet_id + b"\x80"))

    with ScriptedHub(tmp_path, script) as hub:
        client = client_for(hub)
        twin = TwinPatcher(client)
        with running(client, hub.port):
            for _ in range(2):
                with pytest.raises(azmqtt.IotHubError, match="refused the subscription"):
                    twin.patch({"a": 1}, timeout=10)


def test_a_suback_that_never_comes(tmp_path: Path):
    async def script(link: Link) -> None:
        await link.accept()
        await link.hang()

    with ScriptedHub(tmp_path, script) as hub:
        client = client_for(hub)
        twin = TwinPatcher(client)
        with running(client, hub.port), pytest.raises(azmqtt.RequestTimeout, match="not acknowledged the subscription"):
            twin.patch({"a": 1}, timeout=0.5)


def test_every_answer_that_is_none(tmp_path: Path):
    bodies = {
        429: b'{"errorCode":429001,"message":"slow down"}',
        412: b'{"errorCode":412001,"message":"version"}',
        500: b"not json at all",
    }

    async def script(link: Link) -> None:
        await link.accept()
        for status, body in bodies.items():
            await link.answer_twin(await link.next_publish(), status, body)
        # For somebody else, for nobody, malformed; then the answer, twice.
        request = await link.next_publish()
        for topic in ("204/?$rid=wrong&$version=1", "204/?$rid=&$version=1", "x/?$rid=1", "204", "204/?$version=5"):
            await link.send(publish(f"{TWIN_ANSWER}/{topic}"))
        await link.send(publish(f"{TWIN_ANSWER}/204/?$rid={rid(request)}"))
        for _ in range(2):
            await link.answer_twin(await link.next_publish(), 204, version=3)
        for _ in range(2):
            await link.answer_twin(request, 204, version=3)
        await link.answer_twin(await link.next_publish(), 200, b"{]")
        await link.hang()

    with ScriptedHub(tmp_path, script) as hub:
        client = client_for(hub)
        twin, observed = TwinPatcher(client), Seen()
        twin.observe(lambda *args: observed(None, None, *args))
        with running(client, hub.port):
            with pytest.raises(azmqtt.Throttled, match="429: slow down") as throttled:
                twin.patch({"a": 1}, timeout=10)
            assert throttled.value.error_code == 429001
            with pytest.raises(azmqtt.PreconditionFailed, match="version"):
                twin.patch({"a": 1}, if_version=7, timeout=10)
            with pytest.raises(azmqtt.RequestFailed) as failed:
                twin.patch({"a": 1}, timeout=10)
            assert failed.value.status == 500
            with pytest.raises(azmqtt.IotHubError, match="204 without"):
                twin.patch({"a": 1}, timeout=10)
            for _ in range(2):
                assert twin.patch({"a": 1}, timeout=10).version == 3
            with pytest.raises(azmqtt.IotHubError, match="not JSON"):
                twin.get(timeout=10)
    # A second copy of an answer is nothing that the application asked for.
    assert observed.calls == [("wrong", 204, 1, b"")]


@pytest.mark.parametrize("loop", [True, False])
def test_an_answer_that_never_comes(tmp_path: Path, *, loop: bool):
    async def script(link: Link) -> None:
        await link.accept()
        while True:
            await link.next_publish()

    with ScriptedHub(tmp_path, script) as silent:
        client = client_for(silent)
        client.connect("localhost", silent.port)
        if loop:
            client.loop_start()
        twin, began = TwinPatcher(client), time.monotonic()
        with pytest.raises(azmqtt.RequestTimeout, match=r"no answer to patch_reported_properties within 0\.4 s$"):
            twin.patch({"a": 1}, timeout=0.4)
        with pytest.raises(azmqtt.RequestTimeout, match=r"get_twin"):
            asyncio.run(twin.get_async(timeout=0.4))
        with pytest.raises(azmqtt.RequestTimeout):
            twin.patch_future({"a": 1}, timeout=0.4).result(10)
        assert 1.2 <= time.monotonic() - began < 5
        client.disconnect()
        client.loop_stop()


def test_with_no_connection_at_all(hub: azmqtt.LocalHub):
    client = device_of(hub)
    twin = TwinPatcher(client)
    with pytest.raises(azmqtt.RequestTimeout, match="the paho client is not connected"):
        twin.patch({"a": 1}, timeout=0.3)
    waiting = twin.patch_future({"a": 2}, timeout=20)
    with running(client, hub.port):
        assert waiting.result(20).version == 2


def test_a_hub_that_refuses_the_client_is_named_as_the_reason(hub: azmqtt.LocalHub):
    device, other = hub.create_device(), hub.create_device()
    client = make(client_id=device.device_id)
    # A loop that is stopped in the middle of a reconnect leaves the socket open: the next one is far away.
    client.reconnect_delay_set(60, 60)
    refused = threading.Event()
    client.on_disconnect = lambda *_: refused.set()
    twin = TwinPatcher(client)
    configure(client, other.connection_string.replace(other.device_id, device.device_id), trust=hub.ca_file)
    client.connect("localhost", hub.port)
    client.loop_start()
    assert refused.wait(20)
    with pytest.raises(azmqtt.RequestTimeout, match=r"not connected: the hub refused it, not authorized"):
        twin.patch({"a": 1}, timeout=1)
    client.disconnect()
    client.loop_stop()
    configure(client, device.connection_string)
    with running(client, hub.port):
        assert twin.patch({"a": 1}, timeout=20).status == 204
    with pytest.raises(azmqtt.RequestTimeout, match=r"\(the paho client is not connected\)"):
        twin.patch({"a": 2}, timeout=0.3)


def test_after_the_application_unsubscribes_it_takes_the_next_connection(hub: azmqtt.LocalHub):
    client = device_of(hub)
    twin = TwinPatcher(client)
    unsubscribed = threading.Event()
    client.on_unsubscribe = lambda *_: unsubscribed.set()
    with running(client, hub.port):
        assert twin.patch({"a": 1}, timeout=10).status == 204
        client.unsubscribe("$iothub/twin/res/#")
        assert unsubscribed.wait(10)
        with pytest.raises(azmqtt.RequestTimeout):
            twin.patch({"a": 2}, timeout=0.5)
        hub.disconnect(client.device_id)
        assert twin.patch({"a": 3}, timeout=20).status == 204


def test_with_nobody_at_the_loop_the_error_says_so(hub: azmqtt.LocalHub):
    client = device_of(hub)
    client.connect("localhost", hub.port)
    client.loop_start()
    wait_until(client.is_connected)
    client.loop_stop()
    twin = TwinPatcher(client)
    with pytest.raises(azmqtt.RequestTimeout, match="the client's network loop does not run"):
        twin.patch_future({"a": 1}, timeout=0.3).result(10)
    client.disconnect()


@pytest.mark.parametrize("policy", ["resend", "fail"])
def test_a_connection_that_is_lost_in_between(tmp_path: Path, policy: str):
    requests: list[str] = []

    async def first(link: Link) -> None:
        await link.accept()
        requests.extend([(await link.next_publish()).topic for _ in range(2)])
        # Cut, with no answer.

    async def second(link: Link) -> None:
        await link.accept()
        while True:
            request = await link.next_publish()
            requests.append(request.topic)
            await link.answer_twin(request, 204, version=5)

    with ScriptedHub(tmp_path, first, second) as hub:
        client = client_for(hub)
        twin = TwinPatcher(client, on_disconnect=policy)
        with running(client, hub.port):
            began = time.monotonic()
            plain = twin.patch_future({"a": 1}, timeout=20)
            conditional = twin.patch_future({"a": 2}, if_version=4, timeout=20)
            with pytest.raises(azmqtt.ConnectionLost, match="paho client lost its connection"):
                conditional.result(10)
            if policy == "resend":
                assert plain.result(10).version == 5
                assert [requests[0]] == requests[2:]
            else:
                with pytest.raises(azmqtt.ConnectionLost):
                    plain.result(10)
                assert twin.patch({"a": 3}, timeout=10).version == 5
            assert time.monotonic() - began < 10


def test_a_hub_that_stays_away_costs_no_more_than_the_timeout(tmp_path: Path):
    async def first(link: Link) -> None:
        await link.accept()
        await link.next_publish()

    with ScriptedHub(tmp_path, first) as hub:
        client = client_for(hub)
        twin = TwinPatcher(client)
        client.connect("localhost", hub.port)
        client.loop_start()
        wait_until(client.is_connected)
        pending = twin.patch_future({"a": 1}, timeout=1.5)
    began = time.monotonic()
    with pytest.raises(azmqtt.RequestTimeout, match="not connected"):
        pending.result(10)
    assert time.monotonic() - began < 3
    client.disconnect()
    client.loop_stop()


def test_the_applications_own_requests_are_observed(hub: azmqtt.LocalHub):
    client = device_of(hub)
    twin, seen = TwinPatcher(client), []
    answered = threading.Semaphore(0)

    @twin.observe
    def broken(*_: object) -> None:
        raise RuntimeError("of the application's")

    @twin.observe
    def observed(request_id: str, status: int, version: int | None, body: bytes) -> None:
        seen.append((request_id, status, version, body))
        answered.release()

    with running(client, hub.port):
        # The application subscribes to nothing, and looks at nothing.
        wait_until(lambda: twin._link._granted)
        client.publish("$iothub/twin/PATCH/properties/reported/?$rid=1", b'{"a": 1}')
        assert answered.acquire(timeout=10)
        assert twin.patch({"b": 2}, request_id=1, timeout=10).version == 3
        client.publish("$iothub/twin/GET/?$rid=clock-1700000000")
        assert answered.acquire(timeout=10)
        client.publish("$iothub/twin/PATCH/properties/reported/?$rid=3", b"no json")
        assert answered.acquire(timeout=10)
    assert seen[0] == ("1", 204, 2, b"")
    assert (seen[1][:3], json.loads(seen[1][3])["reported"]["b"]) == (("clock-1700000000", 200, None), 2)
    assert seen[2][:3] == ("3", 400, None)
    assert len(seen) == 3


def test_changes_come_once_and_in_order(hub: azmqtt.LocalHub):
    client = device_of(hub)
    twin, changes = TwinPatcher(client), []
    hub.patch_desired(client.device_id, {"n": 0})
    assert twin.on_desired(changes.append)
    with running(client, hub.port):
        assert twin.get(timeout=10).desired == {"n": 0}
        wait_until(lambda: "$iothub/twin/PATCH/properties/desired/#" in twin._link._granted)
        twin.get(timeout=10)
        for n in range(1, 20):
            hub.patch_desired(client.device_id, {"n": n})
        wait_until(lambda: len(changes) == 19)
        before = hub.connection_count(client.device_id)
        hub.disconnect(client.device_id)
        # Nobody is told of these.
        hub.patch_desired(client.device_id, {"n": None})
        hub.patch_desired(client.device_id, {"m": 1})
        wait_until(lambda: hub.connection_count(client.device_id) > before)
        wait_until(lambda: changes[-1].version == 23)
        hub.patch_desired(client.device_id, {"m": 2})
        wait_until(lambda: changes[-1].version == 24)
    assert [change.patch for change in changes[:19]] == [{"n": n} for n in range(1, 20)]
    assert [change.version for change in changes] == sorted({change.version for change in changes})
    merged: dict[str, object] = {}
    for change in changes:
        merged = {name: value for name, value in {**merged, **change.patch}.items() if value is not None}
    assert merged == {"m": 2}


def test_a_handler_that_raises_is_called_again(hub: azmqtt.LocalHub, caplog: pytest.LogCaptureFixture):
    client = device_of(hub)
    twin, versions = TwinPatcher(client), []

    @twin.on_desired
    def handler(change: azmqtt.DesiredPatch) -> None:
        versions.append(change.version)
        raise ValueError(change.version)

    with running(client, hub.port):
        wait_until(lambda: "$iothub/twin/PATCH/properties/desired/#" in twin._link._granted)
        twin.get(timeout=10)
        for n in range(2):
            hub.patch_desired(client.device_id, {"n": n})
        wait_until(lambda: versions == [2, 3])
    assert len([record for record in caplog.records if record.name == "azmqtt.paho"]) == 2


def test_request_ids_of_the_application(hub: azmqtt.LocalHub):
    client = device_of(hub)
    twin = TwinPatcher(client)
    waiting = twin.patch_future({"a": 1}, request_id="7", timeout=20)
    with pytest.raises(ValueError, match="request_id: it is in use by an open request"):
        twin.patch_future({"a": 2}, request_id=7)
    with pytest.raises(ValueError, match="request_id: it may contain only"):
        twin.get(request_id="a&$version=1")
    with pytest.raises(TypeError, match="request_id must be str or int, not float"):
        twin.get(request_id=1.5)
    assert waiting.cancel()
    with pytest.raises(CancelledError):
        waiting.result()
    with running(client, hub.port):
        assert twin.patch({"a": 2}, request_id=7, timeout=10) == (2, "7", 204)
        # Two fresh ones are never the same, and plain numbers.
        ids = {int(twin.patch({"a": n}, timeout=10).request_id) for n in range(3)}
        assert len(ids) == 3
    # What was cancelled before it was published was never sent.
    assert hub.twin(client.device_id)["properties"]["reported"]["a"] == 2


def test_bad_arguments_are_named_and_nothing_is_sent(hub: azmqtt.LocalHub):
    twin = TwinPatcher(device_of(hub))
    cases = [
        (ValueError, "sensor", lambda: twin.patch({"sensor.x": 1})),
        (ValueError, "text", lambda: twin.patch({"text": "x" * 5000})),
        (ValueError, "is null", lambda: twin.patch({"list": [{"a": None}]})),
        (ValueError, "'#' in its key", lambda: twin.patch({"a#b": 1})),
        (ValueError, "is an integer outside", lambda: twin.patch({"n": 2**70})),
        (TypeError, r"patch\.a\.b\[1\]: object", lambda: twin.patch_future({"a": {"b": [1, object()]}})),
        (ValueError, "timeout must be more than 0", lambda: twin.patch({}, timeout=0)),
        (TypeError, "timeout must be a number", lambda: twin.get_future(timeout="1")),
        (TypeError, "if_version must be int", lambda: twin.patch({}, if_version="1")),
        (ValueError, "if_version must not be negative", lambda: twin.patch({}, if_version=-1)),
        (TypeError, "callback must be callable", lambda: twin.observe(None)),
        (ValueError, "on_disconnect must be", lambda: TwinPatcher(twin._client, on_disconnect="later")),
    ]
    for error, text, call in cases:
        with pytest.raises(error, match=text):
            call()

    async def handler(_: object) -> None: ...

    with pytest.raises(TypeError, match="plain function"):
        twin.on_desired(handler)
    assert twin._link._requests.next_deadline() is None


async def test_a_task_that_is_cancelled_forgets_its_request(hub: azmqtt.LocalHub):
    twin = TwinPatcher(device_of(hub))
    task = asyncio.create_task(twin.patch_async({"a": 1}, timeout=30))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert twin._link._requests.next_deadline() is None


def test_closing_fails_what_is_open(hub: azmqtt.LocalHub):
    twin = TwinPatcher(device_of(hub))
    pending = twin.patch_future({"a": 1}, timeout=30)
    with twin:
        pass
    with pytest.raises(azmqtt.ClientClosed):
        pending.result(10)
