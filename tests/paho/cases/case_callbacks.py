"""Whatever the application hangs on its client stays there, and gets what it got before."""

from __future__ import annotations

import gc
import threading
import weakref
from queue import Queue
from typing import Any

import paho.mqtt.client as mqtt
import pytest

import azmqtt
from azmqtt.paho import TwinPatcher, configure
from support import ANSWERS, API_VERSIONS, TWO, Seen, device_of, make, running, wait_until

SLOTS = ("on_connect", "on_disconnect", "on_subscribe", "on_message", "on_publish")


@pytest.mark.parametrize("api", API_VERSIONS)
@pytest.mark.parametrize("show", [True, False])
@pytest.mark.parametrize("when", ["before", "after", "both"])
def test_every_callback_is_called_as_ever(hub: azmqtt.LocalHub, api: int, when: str, *, show: bool):
    client = device_of(hub, api=api)
    seen = {name: Seen() for name in SLOTS}
    if when != "after":
        for name in SLOTS:
            setattr(client, name, seen[name] if when == "before" else Seen())
    twin = TwinPatcher(client, show_answers=show)
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
    # The subscription to the answers is nothing that it asked for, nor is the publish.
    assert {name: len(seen[name].calls) for name in ("on_connect", "on_subscribe", "on_message", "on_publish")} == {
        "on_connect": 1,
        "on_subscribe": 1,
        "on_message": int(show),
        "on_publish": 1,
    }
    assert seen["on_message"].topics() == (["$iothub/twin/res/204/"] if show else [])
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
    twin = TwinPatcher(client, show_answers=True)
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
    twin = TwinPatcher(client, show_answers=True)
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
    twin = TwinPatcher(client, show_answers=True)

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
    twin = TwinPatcher(client, show_answers=True)
    with running(client, hub.port):
        assert twin.patch({"a": 1}, timeout=10).status == 204


def test_the_applications_own_callback_has_run_when_the_call_returns(hub: azmqtt.LocalHub):
    client, seen = device_of(hub), Seen()
    slow = threading.Event()
    client.on_message = lambda *args: (slow.wait(0.2), seen(*args))
    twin = TwinPatcher(client, show_answers=True)
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
    twin = TwinPatcher(client, show_answers=True)
    ours = client._handle_on_message

    def on_top(message: Any) -> None:
        topics.append(message.topic.split("?")[0])
        ours(message)

    client._handle_on_message = on_top
    with running(client, hub.port):
        twin.patch({"a": 1}, timeout=10)
        twin.close()
        again = TwinPatcher(client, show_answers=True)
        again.patch({"a": 2}, timeout=10)
        again.close()
        assert client._handle_on_message is on_top
        assert topics == ["$iothub/twin/res/204/"] * 2


def test_dropping_it_detaches_once_nothing_is_open(hub: azmqtt.LocalHub):
    client = device_of(hub)
    with running(client, hub.port):
        twin = TwinPatcher(client)
        pending = twin.patch_future({"a": 1}, timeout=60)
        link = weakref.ref(twin._link)
        del twin
        gc.collect()
        assert pending.result(20).status == 204
        wait_until(lambda: "_handle_on_message" not in vars(client))
        del pending
        gc.collect()
        assert link() is None
        assert TwinPatcher(client).patch_future({"a": 2}, timeout=60).result(20).version == 3


def test_a_handler_lives_as_long_as_the_client(hub: azmqtt.LocalHub):
    client, changes, answers = device_of(hub), Queue(), Queue()

    def attach(client: mqtt.Client) -> None:
        twin = TwinPatcher(client)
        twin.on_desired(changes.put)
        TwinPatcher(client).observe(lambda *answer: answers.put(answer))
        twin.get(timeout=20)

    with running(client, hub.port):
        attach(client)
        gc.collect()
        hub.patch_desired(client.device_id, {"x": 1})
        assert changes.get(timeout=20).patch["x"] == 1
        client.publish("$iothub/twin/GET/?$rid=mine")
        assert answers.get(timeout=20)[:2] == ("mine", 200)
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None


def test_a_request_ends_when_patcher_and_client_are_dropped():
    client = make(client_id="x")
    pending = TwinPatcher(client).patch_future({"a": 1}, timeout=60)
    assert not pending.done()
    del client
    gc.collect()
    assert isinstance(pending.exception(20), azmqtt.ClientClosed)


@pytest.mark.parametrize("show", [True, False])
def test_an_application_that_looks_every_request_up(hub: azmqtt.LocalHub, *, show: bool):
    client, errors, own = device_of(hub), [], {"1": "get", "mine": "patch"}
    published, answered = {}, Queue()

    def on_message(_client: Any, _userdata: Any, message: Any) -> None:
        try:
            answered.put(own.pop(message.topic.split("$rid=")[1].split("&")[0]))
        except KeyError as error:
            errors.append(error)

    client.on_message = on_message
    client.on_publish = lambda _client, _userdata, mid, *_: published.setdefault(mid, True)
    twin = TwinPatcher(client, show_answers=show)
    with running(client, hub.port):
        assert twin.patch({"a": 1}, timeout=10).version == 2
        assert twin.patch({"a": 2}, request_id="mine", timeout=10).version == 3
        assert twin.get(timeout=10).reported == {"a": 2}
        asked = client.publish("$iothub/twin/GET/?$rid=1").mid
        answers = [answered.get(timeout=20) for _ in range(2 if show else 1)]
        assert answers == (["patch", "get"] if show else ["get"])
        assert len(errors) == (2 if show else 0)
        assert list(published) == [asked]


def test_late_answers_are_not_shown_either(hub: azmqtt.LocalHub):
    client, seen = device_of(hub), Seen()
    client.on_message = seen
    twin = TwinPatcher(client)
    with running(client, hub.port):
        twin.get(timeout=20)
        for _ in range(20):
            twin.patch_future({"a": 1}).cancel()
        client.publish("$iothub/twin/GET/?$rid=1")
        wait_until(lambda: seen.calls)
        assert seen.topics() == ["$iothub/twin/res/200/"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("slot", ["on_message", "on_publish", "on_subscribe"])
def test_a_callback_that_ended_the_thread_is_named(hub: azmqtt.LocalHub, slot: str):
    client = device_of(hub)
    twin = TwinPatcher(client, show_answers=True)
    with running(client, hub.port):
        twin.get(timeout=20)
        thread = client._thread

        def fail(*_: Any) -> None:
            raise KeyError("the application's")

        setattr(client, slot, fail)
        open_request = twin.patch_future({"a": 1}, timeout=2) if slot != "on_message" else None
        if slot == "on_subscribe":
            client.subscribe("$iothub/methods/POST/#")
        else:
            client.publish("$iothub/twin/GET/?$rid=1")
        thread.join(20)
        assert not thread.is_alive()
        with pytest.raises(RuntimeError, match=r"^KeyError, raised by a callback .*ended the thread.*loop_start"):
            twin.patch({"a": 2}, timeout=20)
        with pytest.raises(RuntimeError, match=r"^KeyError"):
            twin.get_future(timeout=20)
        if open_request is not None and isinstance(open_request.exception(20), azmqtt.RequestTimeout):
            assert "KeyError" in str(open_request.exception())
        # The application's own repair.
        setattr(client, slot, None)
        client.loop_stop()  # paho 1.6 keeps the thread that has ended
        client.loop_start()
        assert twin.patch({"a": 3}, timeout=20).status == 204


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
