"""What a client does when the hub does wrong: its promises, one fault after the other."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import azmqtt
from azmqtt import faults


@pytest.fixture
def device(hub):
    """Return a client that reconnects quickly, and its device's id."""
    device_id = hub.create_device().device_id
    options = {"timeout": 20, "retry": azmqtt.RetryPolicy(base=0.01, max=0.1)}
    with hub.device_client(device_id, **options) as client:
        client.connect()
        yield client, device_id
    hub.clear_faults()


def bodies(hub, device_id):
    return [message.body.decode() for message in hub.telemetry(device_id)]


@pytest.mark.parametrize(
    "fault",
    [
        faults.Drop("telemetry"),
        faults.Drop("puback"),
        faults.Cut("puback"),
        faults.Corrupt("puback"),
        faults.Duplicate("puback"),
        faults.Delay("puback", 0.2),
        faults.Delay("telemetry", 0.2),
        faults.ExpireToken("telemetry"),
        faults.TakeOver("telemetry"),
        faults.Drop(),
        faults.ShutDown(),
        faults.ExpireToken(),
        faults.TakeOver(),
        faults.Corrupt(),
    ],
    ids=str,
)
def test_no_message_is_lost(hub, device, fault):
    client, device_id = device
    injected = hub.inject_fault(fault, device_id=device_id)
    for number in range(5):
        client.send_message(str(number))
    assert sorted(set(bodies(hub, device_id))) == ["0", "1", "2", "3", "4"]
    injected.wait()
    assert injected.fired == 1


def test_faults_over_websockets(hub):
    device_id = hub.create_device().device_id
    with hub.device_client(device_id, websocket=True, retry=azmqtt.RetryPolicy(base=0.01)) as client:
        client.connect()
        for fault in [faults.Drop("puback"), faults.Cut("puback"), faults.ShutDown()]:
            injected = hub.inject_fault(fault, device_id=device_id)
            client.send_message("x", timeout=20)
            injected.wait()
        assert client.get_twin(timeout=20).desired == {}
        assert hub.connection_count(device_id) == 4


def test_waiting_ends_with_the_hub():
    with azmqtt.LocalHub() as hub:
        fault = hub.inject_fault(faults.Lose("puback"))
    with pytest.raises(RuntimeError, match="the hub is stopped"):
        fault.wait(timeout=None)
    with pytest.raises(RuntimeError, match="the hub is stopped"):
        hub.inject_fault(faults.Lose("puback"))


def test_a_lost_acknowledgement_is_made_up_for_on_the_next_connection(hub, device):
    client, device_id = device
    hub.inject_fault(faults.Lose("puback"), device_id=device_id)
    hub.inject_fault(faults.Drop(), device_id=device_id, after=0.2)
    client.send_message("twice")
    assert set(bodies(hub, device_id)) == {"twice"}


@pytest.mark.parametrize(
    "fault",
    [
        faults.Drop("twin_get"),
        faults.Drop("twin_answer"),
        faults.Cut("twin_answer"),
        faults.Corrupt("twin_answer"),
        faults.Duplicate("twin_answer"),
        faults.Delay("twin_answer", 0.2),
    ],
    ids=str,
)
def test_a_twin_request_is_made_again(hub, device, fault):
    client, device_id = device
    injected = hub.inject_fault(fault, device_id=device_id)
    assert client.get_twin().desired == {}
    injected.wait()
    assert client.patch_reported_properties({"a": 1}).status == 204


def test_a_lost_answer_ends_in_a_timeout(hub, device):
    client, device_id = device
    with hub.inject_fault(faults.Lose("twin_answer"), device_id=device_id), pytest.raises(azmqtt.RequestTimeout):
        client.get_twin(timeout=0.3)
    assert client.get_twin().desired == {}


def test_refusals_are_typed(hub, device):
    client, device_id = device
    hub.inject_fault(faults.Answer(429, retry_after=7), device_id=device_id)
    with pytest.raises(azmqtt.Throttled) as throttled:
        client.get_twin()
    assert (throttled.value.retry_after, throttled.value.error_code) == (7, 429001)
    hub.inject_fault(faults.Answer(503, on="twin_patch"), device_id=device_id)
    with pytest.raises(azmqtt.RequestFailed) as failed:
        client.patch_reported_properties({"a": 1})
    assert failed.value.status == 503


def test_somebody_else_writes_first(hub, device):
    client, device_id = device
    version = client.get_twin().reported_version
    hub.inject_fault(faults.ChangeTwin(reported={"other": 1}), device_id=device_id, count=2)
    with pytest.raises(azmqtt.PreconditionFailed):
        client.patch_reported_properties({"mine": 1}, if_version=version)
    assert client.patch_reported_properties({"mine": 2}).version == version + 3


def test_the_desired_properties_are_told_once_whatever_happens(hub, device):
    client, device_id = device
    changes = client.desired_properties()
    client.get_twin()
    for number, fault in enumerate(
        [faults.Lose("desired_patch"), faults.Duplicate("desired_patch"), faults.Cut("desired_patch")], 1
    ):
        injected = hub.inject_fault(fault, device_id=device_id)
        hub.patch_desired(device_id, {"number": number})
        injected.wait()
        hub.disconnect(device_id)
        # Subscribed again: the hub keeps no notification for later.
        client.get_twin()
    hub.patch_desired(device_id, {"number": 4})
    seen = []
    while not seen or seen[-1] != 4:
        change = next(iter(changes))
        seen.append(dict(change.patch).get("number"))
    assert seen == sorted(set(seen)), "each at most once, in order"


def test_a_refused_connection_is_an_error_or_a_retry(hub):
    device_id = hub.create_device().device_id
    hub.inject_fault(faults.Refuse(5), device_id=device_id, count=2)
    with hub.device_client(device_id) as client, pytest.raises(azmqtt.AuthenticationFailed):
        client.connect()
    hub.clear_faults()
    with hub.device_client(device_id, retry=azmqtt.RetryPolicy(base=0.01, max=0.1)) as client:
        client.connect()
        refused = hub.inject_fault(faults.Refuse(3), device_id=device_id, count=3)
        hub.disconnect(device_id)
        client.send_message("after all", timeout=20)
        assert refused.fired == 3


def test_nobody_answers(hub):
    device_id = hub.create_device().device_id
    for fault in [faults.Silence("accept"), faults.Silence("connect"), faults.Lose("connack")]:
        with (
            hub.inject_fault(fault, count=100),
            hub.device_client(device_id) as client,
            pytest.raises(azmqtt.IotHubError),
        ):
            client.connect(timeout=0.4)


def test_a_hub_that_falls_silent_for_a_while(hub):
    """Longer than the client's keep-alive: its ping is answered late, but in time."""
    device_id = hub.create_device().device_id
    with hub.device_client(device_id, keep_alive=1) as client:
        client.connect()
        hub.inject_fault(faults.Silence(seconds=2), device_id=device_id)
        client.send_message("in the end", timeout=20)
        assert bodies(hub, device_id) == ["in the end"]
        assert hub.connection_count(device_id) == 1


def test_cloud_messages_arrive(hub, device):
    client, device_id = device
    messages = client.messages()
    for fault in [faults.Drop("cloud_message"), faults.Cut("cloud_message"), faults.Lose("acknowledgement")]:
        injected = hub.inject_fault(fault, device_id=device_id)
        hub.send_c2d(device_id, str(fault))
        # One whose acknowledgement was under way when the connection was lost comes again before it.
        while next(iter(messages)).body.decode() != str(fault):
            pass
        if fault.on != "acknowledgement":
            injected.wait()
            continue
        # It comes again on the next connection: nobody has heard that it came.
        injected.wait()
        hub.disconnect(device_id)


def test_a_call_of_a_method_that_gets_lost(hub, device):
    client, device_id = device
    client.on_method("reboot")(lambda _request: {"done": True})
    client.get_twin()
    hub.inject_fault(faults.Drop("method_response"), device_id=device_id)
    with pytest.raises(azmqtt.RequestFailed) as failed:
        hub.invoke_method(device_id, "reboot", connect_timeout=10)
    assert failed.value.error_code in {404104, 400027}
    # The device is back, and listens.
    client.get_twin()
    assert hub.invoke_method(device_id, "reboot", connect_timeout=10).payload == {"done": True}


def test_a_seeded_soak(hub, device):
    client, device_id = device
    on_device = {"device_id": device_id}
    schedule = faults.FaultSchedule(
        seed=20,
        duration=2,
        faults=[
            (faults.Drop(), {"every": 0.3, **on_device}),
            (faults.Cut("puback"), {"probability": 0.01, **on_device}),
            (faults.Corrupt("sent"), {"probability": 0.01, **on_device}),
            ("drop:on=telemetry", {"probability": 0.01, **on_device}),
            (faults.Delay("puback", 0.02), {"probability": 0.05, **on_device}),
            (faults.Refuse(3), {"every": 0.7, **on_device}),
        ],
    )
    before = hub.fired_faults()[-1].sequence if hub.fired_faults() else 0
    plan = hub.start_fault_schedule(schedule)
    assert plan == schedule.plan()
    sent, end = 0, time.monotonic() + 2
    while time.monotonic() < end:
        sent += client.send_messages(str(sent + number) for number in range(50))
    hub.clear_faults()
    assert client.send_message("the end", timeout=20) is None
    assert set(bodies(hub, device_id)) == {*(str(number) for number in range(sent)), "the end"}
    fired = hub.fired_faults(after=before)
    assert len(fired) > 5
    assert {each.device_id for each in fired} == {device_id}


def test_the_same_seed_gives_the_same_faults(hub):
    """By packet: two devices that send the same suffer the same, in one run and in the next."""
    patterns = []
    for _ in range(2):
        with azmqtt.LocalHub() as fresh, fresh.device_client("dev") as client:
            client.connect()
            fresh.inject_fault(faults.Duplicate("puback"), probability=0.3, seed=9)
            fired = []
            for _ in range(30):
                client.send_message("x")
                fired.append(len(fresh.fired_faults()))
            patterns.append(fired)
    assert patterns[0] == patterns[1]
    assert 3 < patterns[0][-1] < 18


def test_what_is_injected_can_be_seen_and_taken_away(hub, device):
    client, device_id = device
    hub.clear_faults()
    fault = hub.inject_fault("lose:on=puback,count=2", device_id=device_id, skip=1)
    assert fault.rule == {"fault": "lose", "on": "puback", "device_id": device_id, "count": 2, "skip": 1}
    assert repr(fault) == f"<InjectedFault {fault.fault_id}: lose on puback, fired 0 times>"
    assert [each.fault_id for each in hub.faults()][-1] == fault.fault_id
    with pytest.raises(TimeoutError, match=r"lose on puback, fired 0 times>: waited 0.1 s for 1"):
        fault.wait(timeout=0.1)
    assert fault.remove()
    assert not fault.remove()
    client.send_message("undisturbed")
    with hub.inject_fault(faults.Duplicate("puback"), device_id=device_id, count=100) as within:
        client.send_message("disturbed")
    assert within.fired == 1
    client.send_message("undisturbed")
    assert within.fired == 1
    seen = hub.fired_faults()[-1]
    assert (seen.fault_id, seen.device_id, seen.fault) == (within.fault_id, device_id, "duplicate on puback")
    assert abs(seen.time - time.time()) < 60


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda hub: hub.inject_fault(5), TypeError, "fault must be a fault of azmqtt.faults or str, not int"),
        (lambda hub: hub.inject_fault("explode"), ValueError, 'unknown fault "explode": expected one of drop'),
        (lambda hub: hub.inject_fault("lose"), ValueError, "lose needs an event"),
        (lambda hub: hub.inject_fault("lose:on"), ValueError, "'on' is not name=value"),
        (lambda hub: hub.inject_fault("{"), ValueError, "is not JSON"),
        (lambda hub: hub.inject_fault(faults.Delay("puback", -1)), ValueError, "seconds must be a number from 0"),
        (lambda hub: hub.inject_fault(faults.Refuse(9)), ValueError, "code must be a whole number"),
        (lambda hub: hub.inject_fault(faults.Drop(), count=0), ValueError, "count must be at least 1"),
        (lambda hub: hub.inject_fault(faults.Drop(), count="x"), TypeError, "count must be int, not str"),
        (
            lambda hub: hub.inject_fault(faults.Drop(), device_id="nobody"),
            LookupError,
            "the device nobody does not exist",
        ),
        (lambda hub: hub.inject_fault(faults.ChangeTwin()), ValueError, "change_twin needs desired or reported"),
        (
            lambda hub: hub.start_fault_schedule(faults.FaultSchedule(1, 1, [(faults.Drop(), {})])),
            ValueError,
            "drop needs every",
        ),
    ],
)
def test_arguments(hub, call, error, text):
    with pytest.raises(error, match=text):
        call(hub)


@given(st.text(max_size=40))
def test_any_text_is_a_rule_or_refused(text):
    try:
        document = faults.parse(text)
    except ValueError:
        return
    assert isinstance(document, dict)
    assert json.dumps(document)


def test_a_fault_that_comes_too_early_for_its_connection_says_so(hub):
    device_id = hub.create_device().device_id
    with (
        hub.inject_fault(faults.Drop(), device_id=device_id) as fault,
        pytest.raises(TimeoutError, match=r"affects connections that are open at that time, and there was none$"),
    ):
        fault.wait(timeout=0)


def test_arguments_that_are_no_faults_are_named(hub):
    for call, message in [
        (lambda: hub.start_fault_schedule([]), "schedule must be an azmqtt.faults.FaultSchedule, not list"),
        (lambda: faults.FaultSchedule(1, 1, [faults.Drop()]).plan(), "faults must be pairs of a fault and how often"),
        (lambda: hub.inject_fault(faults.Drop(), probability="often"), "probability must be a number, not str"),
    ]:
        with pytest.raises(TypeError, match=message):
            call()
