"""Numbers that no option has room for: a `ValueError` that names the argument, in every call of the public API."""

from __future__ import annotations

import asyncio
import inspect

import pytest

import azmqtt
from azmqtt import faults, sas
from azmqtt.paho import client as mqtt

#: More than 64 bits, more than a float has, and more digits than Python writes.
HUGE = [10**30, 10**400, 10**5000, -(10**30), -(10**5000)]
IDS = ["1e30", "1e400", "1e5000", "-1e30", "-1e5000"]

KEY = "a2V5"
#: What the calls need besides.
NEEDED = {
    "after": 0,
    "blob_name": "b",
    "body": b"x",
    "common_name": "c",
    "count": 1,
    "device_id": "d",
    "duration": 1,
    "error_code": 429001,
    "expected": {},
    "fault": faults.Silence(),
    "file": b"x",
    "group": "g",
    "host": "localhost",
    "topic": "t",
    "input_name": "in",
    "key": KEY,
    "messages": [b"x"],
    "module_id": "m",
    "name": "x",
    "patch": {"a": 1},
    "query": "select * from devices",
    "registration_id": "r",
    "resource": "r",
}
#: These look at something else first, or take any number, as in paho.
LEFT_OUT = {
    ("wait_for_telemetry", "after"),
    ("ack", "mid"),
    ("ack", "qos"),
    ("connect", "bind_port"),
    ("connect_async", "bind_port"),
    ("connect", "clean_start"),
    ("connect_async", "clean_start"),
    ("loop", "max_packets"),
    ("loop_forever", "max_packets"),
    ("loop_forever", "timeout"),
    ("loop_read", "max_packets"),
    ("loop_write", "max_packets"),
    ("max_queued_messages_set", "queue_size"),
    ("message_retry_set", "retry"),
}


def numeric(cls):
    """Every public method of a class with each of its numeric parameters."""
    for name, function in inspect.getmembers(cls, callable):
        if name.startswith("_") or inspect.isclass(function):
            continue
        for parameter in inspect.signature(function).parameters.values():
            if str(parameter.annotation).split(" | ")[0] in {"int", "float"} and (name, parameter.name) not in LEFT_OUT:
                yield name, parameter.name


def call(target, name, parameter, value):
    function = getattr(target, name)
    arguments, by_name = [], {}
    for other in inspect.signature(function).parameters.values():
        if other.name == parameter:
            given = value
        elif other.default is other.empty and other.kind not in {other.VAR_KEYWORD, other.VAR_POSITIONAL}:
            given = NEEDED[other.name]
        else:
            continue
        if other.kind is other.POSITIONAL_ONLY:
            arguments.append(given)
        else:
            by_name[other.name] = given
    result = function(*arguments, **by_name)
    if inspect.isawaitable(result):
        asyncio.run(_awaited(result))


async def _awaited(result):
    return await result


@pytest.fixture(scope="module")
def targets():
    with azmqtt.LocalHub(record_packets=True) as hub:
        hub.create_device("d")
        hub.create_module("d", "m")
        module = hub.device_client("d", module_id="m")
        client = hub.device_client("d")
        yield {
            "client": client,
            "module": module,
            "hub": hub,
            "paho": mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "x"),
        }
        client.close()
        module.close()


CALLS = [
    *(("client", *found) for found in numeric(azmqtt.DeviceClient) if not found[0].startswith(("invoke", "provision"))),
    *(("module", *found) for found in numeric(azmqtt.DeviceClient) if found[0].startswith("invoke")),
    *(("hub", *found) for found in numeric(azmqtt.LocalHub)),
    *(("paho", *found) for found in numeric(mqtt.Client)),
]


@pytest.mark.parametrize("value", HUGE, ids=IDS)
@pytest.mark.parametrize(("target", "name", "parameter"), [found for found in CALLS if found[0] != "hub"])
def test_a_call(targets, target, name, parameter, value):
    with pytest.raises(ValueError, match=rf"\b{parameter}\b"):
        call(targets[target], name, parameter, value)


# Its waits may be for ever, by a float that is as large as the smallest.
@pytest.mark.parametrize("value", HUGE[1:3], ids=IDS[1:3])
@pytest.mark.parametrize(("target", "name", "parameter"), [found for found in CALLS if found[0] == "hub"])
def test_a_call_of_the_hub(targets, target, name, parameter, value):
    with pytest.raises(ValueError, match=rf"\b{parameter}\b"):
        call(targets[target], name, parameter, value)


@pytest.mark.parametrize("value", HUGE, ids=IDS)
@pytest.mark.parametrize("name", ["port", "https_port", "keep_alive", "sas_ttl", "max_in_flight", "timeout"])
def test_an_option(name, value):
    with pytest.raises(ValueError, match=name):
        azmqtt.DeviceClient.from_symmetric_key("h", "d", KEY, **{name: value})


@pytest.mark.parametrize("value", HUGE, ids=IDS)
@pytest.mark.parametrize("name", ["base", "max"])
def test_a_retry_policy(name, value):
    with pytest.raises(ValueError, match=name):
        azmqtt.DeviceClient.from_symmetric_key("h", "d", KEY, retry=azmqtt.RetryPolicy(**{name: value}))


@pytest.mark.parametrize("value", HUGE, ids=IDS)
@pytest.mark.parametrize("name", ["messages", "bytes"])
def test_an_outbox(name, value):
    with pytest.raises(ValueError, match=name):
        azmqtt.DeviceClient.from_symmetric_key("h", "d", KEY, outbox=azmqtt.Outbox(**{name: value}))


@pytest.mark.parametrize("value", HUGE, ids=IDS)
@pytest.mark.parametrize("name", ["provisioning_port", "poll_interval", "timeout", "port"])
def test_provisioning(name, value):
    with pytest.raises(ValueError, match=name):
        azmqtt.DeviceClient.provision("0ne", "r", symmetric_key=KEY, **{name: value})


@pytest.mark.parametrize("value", HUGE, ids=IDS)
@pytest.mark.parametrize(
    "name",
    [
        *("port", "websocket_port", "provisioning_port", "service_port", "units", "c2d_max_delivery_count"),
        *(
            "c2d_lock",
            "c2d_ttl",
            "c2d_feedback_interval",
            "throttle_burst",
            "throttle_patience",
            "disabled_return_code",
        ),
    ],
)
def test_a_hub(name, value):
    with pytest.raises(ValueError, match=name):
        azmqtt.LocalHub(**{name: value})


@pytest.mark.parametrize("value", HUGE, ids=IDS)
def test_the_others(targets, value):
    with pytest.raises(ValueError, match="ttl"):
        sas.generate("r", KEY, ttl=value)
    with pytest.raises(ValueError, match="qos"):
        targets["client"].send_message(azmqtt.Message(b"x", qos=value))
    with pytest.raises(ValueError, match="qos"):
        targets["client"].send_message(b"x", qos=value)
    with pytest.raises(ValueError, match="maximum"):
        azmqtt.set_handler_threads(value)
    for fault in (faults.Silence(seconds=value), faults.Answer(status=value), faults.Refuse(code=value)):
        with pytest.raises(ValueError, match=r"seconds|status|code|fault"):
            targets["hub"].inject_fault(fault)
