"""Whatever the application hangs on its client stays there, and gets what it got before."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from support import ANSWERS, API_VERSIONS, TWO, Seen, device_of, make, running, wait_until

import azmqtt
from azmqtt.paho import TwinPatcher, configure

SLOTS = ("on_connect", "on_disconnect", "on_subscribe", "on_message", "on_publish")


@pytest.mark.parametrize("api", API_VERSIONS)
@pytest.mark.parametrize("when", ["before", "after", "both"])
def test_every_callback_is_called_as_ever(hub: azmqtt.LocalHub, api: int, when: str):
    client = device_of(hub, api=api)
    seen = {name: Seen() for name in SLOTS}
    if when != "after":
        for name in SLOTS:
            setattr(client, name, seen[name] if when == "before" else Seen())
    twin = TwinPatcher(client)
    if when != "before":
        for name in SLOTS:
            setattr(client, name, seen[name])
    with running(client, hub.port):
        wait_until(lambda: seen["on_connect"].calls)
        client.subscribe("$iothub/methods/POST/#")
        wait_until(lambda: seen["on_subscribe"].calls)
        client.publish(f"devices/{client.device_id}/messages/events/", b"1", qos=1).wait_for_publish(10)
        assert twin.patch({"a": 1}, timeout=10).status == 204
        for name in SLOTS:
            assert getattr(client, name) is seen[name]
    wait_until(lambda: seen["on_disconnect"].calls)
    # The subscription to the answers is nothing that it asked for.
    assert {name: len(seen[name].calls) for name in ("on_connect", "on_subscribe", "on_message")} == {
        "on_connect": 1,
        "on_subscribe": 1,
        "on_message": 1,
    }
    assert seen["on_message"].topics() == ["$iothub/twin/res/204/"]
    assert len(seen["on_connect"].calls[0]) == (3 if api == 2 else 2)
    assert len(seen["on_subscribe"].calls[0]) == (3 if api == 2 else 2)


@pytest.mark.parametrize("when", ["before", "after"])
def test_filters_of_the_application_share_nothing_with_ours(hub: azmqtt.LocalHub, when: str):
    client, wide, narrow, rest = device_of(hub), Seen(), Seen(), Seen()
    client.on_message = rest

    def add() -> None:
        client.message_callback_add(ANSWERS, wide)
        client.message_callback_add("$iothub/twin/res/204/+", narrow)

    if when == "before":
        add()
    twin = TwinPatcher(client)
    if when == "after":
        add()
    with running(client, hub.port):
        twin.patch({"a": 1}, timeout=10)
        assert (len(wide.calls), len(narrow.calls), len(rest.calls)) == (1, 1, 0)
        other = Seen()
        client.message_callback_add(ANSWERS, other)
        twin.get(timeout=10)
        assert (len(wide.calls), len(other.calls), len(rest.calls)) == (1, 1, 0)
        client.message_callback_remove(ANSWERS)
        twin.get(timeout=10)
        assert (len(other.calls), len(rest.calls)) == (1, 1)
        twin.close()
        client.message_callback_add(ANSWERS, other)
        client.publish("$iothub/twin/GET/?$rid=1")
        wait_until(lambda: len(other.calls) == 2)


@pytest.mark.parametrize("api", API_VERSIONS)
def test_a_subclass_with_callbacks_as_methods(hub: azmqtt.LocalHub, api: int):
    calls: list[str] = []

    class Own(mqtt.Client):
        def on_connect(self, *_: Any) -> None:
            calls.append("connect")
            self.subscribe(ANSWERS)

        def on_message(self, _client: Any, _userdata: Any, message: Any) -> None:
            calls.append(message.topic.split("?")[0])

        def on_subscribe(self, *_: Any) -> None:
            calls.append("subscribe")

    client = device_of(hub, Own, api=api)
    twin = TwinPatcher(client)
    with running(client, hub.port):
        assert twin.patch({"a": 1}, timeout=10).version == 2
        wait_until(lambda: "subscribe" in calls)
        twin.get(timeout=10)
    assert [call for call in calls if call != "subscribe"] == [
        "connect",
        "$iothub/twin/res/204/",
        "$iothub/twin/res/200/",
    ]
    assert calls.count("subscribe") == 1


@pytest.mark.skipif(not TWO, reason="these decorators have another shape in 1.6")
def test_decorators(hub: azmqtt.LocalHub):
    client, calls = device_of(hub, api=2), []
    twin = TwinPatcher(client)

    @client.connect_callback()
    def on_connect(client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        calls.append(reason.value)

    @client.topic_callback(ANSWERS)
    def on_answer(client: Any, userdata: Any, message: Any) -> None:
        calls.append(message.topic.split("?")[0])

    with running(client, hub.port):
        twin.patch({"a": 1}, timeout=10)
    assert calls == [0, "$iothub/twin/res/204/"]


def test_an_answer_comes_through_although_the_application_raises(hub: azmqtt.LocalHub):
    client = device_of(hub)
    client.suppress_exceptions = True
    client.on_message = lambda *_: 1 / 0
    twin = TwinPatcher(client)
    with running(client, hub.port):
        assert twin.patch({"a": 1}, timeout=10).status == 204


def test_the_applications_own_callback_has_run_when_the_call_returns(hub: azmqtt.LocalHub):
    client, seen = device_of(hub), Seen()
    slow = threading.Event()
    client.on_message = lambda *args: (slow.wait(0.2), seen(*args))
    twin = TwinPatcher(client)
    with running(client, hub.port):
        twin.patch({"a": 1}, timeout=10)
        assert len(seen.calls) == 1


def test_closing_leaves_the_client_as_it_was(hub: azmqtt.LocalHub):
    client = device_of(hub)
    before = dict(vars(client))
    one, two = TwinPatcher(client), TwinPatcher(client)
    with running(client, hub.port):
        assert {one.patch({"a": 1}, timeout=10).version, two.patch({"a": 2}, timeout=10).version} == {2, 3}
        one.close()
        with pytest.raises(azmqtt.ClientClosed):
            one.patch({"a": 1})
        assert two.get(timeout=10).reported == {"a": 2}
        two.close()
        two.close()
        assert {name for name in vars(client) if callable(vars(client)[name])} == {
            name for name in before if callable(before[name])
        }
        seen = Seen()
        client.on_message = seen
        client.publish("$iothub/twin/GET/?$rid=1")
        wait_until(lambda: seen.calls)


def test_somebody_else_on_top(hub: azmqtt.LocalHub):
    client, topics = device_of(hub), []
    twin = TwinPatcher(client)
    ours = client._handle_on_message

    def on_top(message: Any) -> None:
        topics.append(message.topic.split("?")[0])
        ours(message)

    client._handle_on_message = on_top
    with running(client, hub.port):
        twin.patch({"a": 1}, timeout=10)
        twin.close()
        again = TwinPatcher(client)
        again.patch({"a": 2}, timeout=10)
        again.close()
        assert client._handle_on_message is on_top
        assert topics == ["$iothub/twin/res/204/"] * 2


def test_dropping_it_detaches(hub: azmqtt.LocalHub):
    client = device_of(hub)
    with running(client, hub.port):
        twin = TwinPatcher(client)
        twin.patch({"a": 1}, timeout=10)
        pending = twin.patch_future({"a": 2}, request_id="x", timeout=60)
        link = weakref.ref(twin._link)
        del twin
        gc.collect()
        assert link() is None
        assert "_handle_on_message" not in vars(client)
        assert pending.done()
        # Answered in time, or told why not.
        assert pending.exception() is None or isinstance(pending.exception(), azmqtt.ClientClosed)


def test_a_client_that_is_dropped_goes_at_once():
    client = make(client_id="x")
    twin = TwinPatcher(client)
    gone = weakref.ref(client)
    twin.close()
    del twin
    gc.disable()
    try:
        del client
        assert gone() is None
    finally:
        gc.enable()


def test_what_is_no_paho_client_is_refused():
    for wrong in (object(), None, "client"):
        with pytest.raises(TypeError, match="client must be a paho"):
            TwinPatcher(wrong)


def test_the_drop_in_is_refused_with_what_to_do_instead():
    import azmqtt.paho.client as drop_in

    class Own(drop_in.Client):
        pass

    for client in (drop_in.Client(), Own()):
        with pytest.raises(TypeError, match=r"not the drop-in azmqtt\.paho\.Client.*DeviceClient"):
            TwinPatcher(client)
        with pytest.raises(TypeError, match=r"not the drop-in azmqtt\.paho\.Client.*DeviceClient"):
            configure(client, "HostName=h;DeviceId=d;SharedAccessKey=a2V5")


@pytest.mark.parametrize("protocol", [mqtt.MQTTv5, mqtt.MQTTv31])
def test_a_client_for_another_version_of_mqtt_is_refused(protocol: int):
    client = make(client_id="d", protocol=protocol)
    with pytest.raises(ValueError, match=r"client: .*protocol=MQTTv311"):
        TwinPatcher(client)
    with pytest.raises(ValueError, match=r"client: .*protocol=MQTTv311"):
        configure(client, "HostName=h;DeviceId=d;SharedAccessKey=a2V5")
