"""Waiting for telemetry, and assertions about what devices did."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum
from unittest.mock import ANY
from uuid import UUID

import pytest

import azmqtt
from azmqtt import Message
from azmqtt._local.diff import differences


def test_wait_for_a_message_that_matches(hub, client):
    device_id = client.device_id
    client.send_message({"n": 1})
    client.send_message({"n": 2}, properties={"alert": "yes"})

    def is_second(message):
        return message.device_id == device_id and message.json()["n"] == 2

    for found in (
        hub.wait_for_telemetry(is_second),
        hub.wait_for_telemetry(is_second, 5),
        hub.wait_for_telemetry(is_second, timeout=5),
        hub.wait_for_telemetry(device_id, predicate=lambda message: message.properties.get("alert")),
    ):
        assert found.json() == {"n": 2}
    with pytest.raises(TimeoutError):
        hub.wait_for_telemetry(is_second, 0, after=found.sequence)


def test_wait_for_a_message_that_is_still_to_come(hub, client):
    client.send_message("first")
    timer = threading.Timer(0.1, client.send_message, ["second"])
    timer.start()
    found = hub.wait_for_telemetry(client.device_id, predicate=lambda message: message.text == "second")
    timer.join()
    assert found.text == "second"


def test_what_came_is_shown_when_nothing_matches(hub, client):
    with pytest.raises(TimeoutError, match=r"no message matched within 0 s; none came$"):
        hub.wait_for_telemetry(client.device_id, predicate=bool, timeout=0)
    for number in range(4):
        client.send_message(f"message {number}", properties={"n": str(number)})
    client.send_message(b"\xff")
    with pytest.raises(TimeoutError) as raised:
        hub.wait_for_telemetry(client.device_id, predicate=lambda _: False, timeout=0.06)
    first, *lines = str(raised.value).splitlines()
    assert first == "no message matched within 0.06 s; 5 came, the last of them:"
    shown = [line.split(" ", 4)[4] for line in lines]
    assert shown == ["message 2 {'n': '2'}", "message 3 {'n': '3'}", r"b'\xff'"]


def test_arguments_that_do_not_go_together(hub):
    for call, message in [
        (lambda: hub.wait_for_telemetry(bool, 1, timeout=1), "count and predicate"),
        (lambda: hub.wait_for_telemetry(count=1, predicate=bool), "count and predicate"),
        (lambda: hub.wait_for_telemetry(bool, predicate=bool), "predicate is given twice"),
        (lambda: hub.wait_for_telemetry(predicate="x"), "predicate must be callable, not str"),
        (lambda: hub.wait_for_telemetry(after=1), "after needs a predicate"),
        (lambda: hub.wait_for_telemetry(3), "device_id must be str, not int"),
        (lambda: hub.wait_for_telemetry("d", "1"), "count must be int, not str"),
        (lambda: hub.wait_for_telemetry("d", bool), "count must be int, not a function: .* predicate="),
        (lambda: hub.wait_for_telemetry(bool, "1"), "timeout must be a number of seconds, not str"),
    ]:
        with pytest.raises(TypeError, match=message):
            call()


def test_telemetry_as_expected(hub, client):
    device_id = client.device_id
    assert hub.assert_telemetry(device_id, []) == []
    client.send_message({"temperature": 21.4999, "unit": "C", "at": "now"}, properties={"a": "b", "c": "d"})
    client.send_message("text")
    client.send_message(b"\x00")
    client.send_message(None)
    messages = hub.assert_telemetry(
        device_id,
        [
            Message({"temperature": pytest.approx(21.5, abs=0.01), "unit": "C", "at": ANY}, properties={"a": "b"}),
            "text",
            b"\x00",
            None,
        ],
    )
    assert [message.body for message in messages[1:3]] == [b"text", b"\x00"]
    hub.assert_telemetry(device_id, [lambda message: message.body == b"null"], after=messages[2].sequence)


def test_telemetry_is_waited_for(hub, client):
    timer = threading.Timer(0.1, client.send_message, [{"n": 1}])
    timer.start()
    hub.assert_telemetry(client.device_id, [{"n": 1}])
    timer.join()


def test_telemetry_that_differs(hub, client):
    device_id = client.device_id
    client.send_message({"temperature": 21.5, "tags": ["a", "b"]}, properties={"a": "b"}, message_id="m1")
    client.send_message(b"\xff")
    client.send_message({"n": 3})
    client.send_message("extra")

    def is_nice(message):
        return False

    with pytest.raises(AssertionError) as raised:
        hub.assert_telemetry(
            device_id,
            [
                Message({"temperature": 22, "tags": ["a"]}, properties={"a": "c", "d": "e"}, message_id="m2"),
                {"n": 2},
                is_nice,
            ],
        )
    assert str(raised.value).splitlines() == [
        f"telemetry of {device_id}:",
        "  messages[0].body.temperature: expected 22, got 21.5",
        '  messages[0].body.tags[1]: unexpected "b"',
        '  messages[0].properties.a: expected "c", got "b"',
        '  messages[0].properties.d: expected "e", got nothing',
        '  messages[0].system_properties.message-id: expected "m2", got "m1"',
        "  messages[1].body: expected {\"n\": 2}, got b'\\xff', which is not JSON",
        '  messages[2]: is_nice says no to {"n": 3}',
        "  messages[3]: unexpected b'extra'",
    ]
    with pytest.raises(AssertionError, match=r"messages\[4\]: expected \"more\", got nothing within 0.01 s"):
        hub.assert_telemetry(device_id, [ANY, lambda _: True, ANY, "extra", "more"], timeout=0.01)


def test_the_twin_as_expected(hub, client):
    client.patch_reported_properties({"firmware": "1.0", "wifi": {"ssid": "x", "rssi": -60}, "gone": 1})
    client.patch_reported_properties({"gone": None})
    hub.patch_desired(client.device_id, {"interval": 5})
    hub.assert_twin_reported(client.device_id, {"wifi": {"rssi": -60}, "gone": None})
    exact = {"firmware": "1.0", "wifi": {"ssid": "x", "rssi": -60}}
    hub.assert_twin_reported(client.device_id, exact, exact=True)
    hub.assert_twin_desired(client.device_id, {"interval": 5}, exact=True)


def test_the_twin_is_waited_for(hub, client):
    client.patch_reported_properties({"firmware": "1.0"})
    timer = threading.Timer(0.1, client.patch_reported_properties, [{"firmware": "1.1"}])
    timer.start()
    hub.assert_twin_reported(client.device_id, {"firmware": "1.1"})
    timer.join()


def test_the_twin_that_differs(hub, client):
    client.patch_reported_properties({"firmware": "1.0", "flag": 1, "here": {"x": 1}})
    expected = {"firmware": "1.1", "flag": True, "here": None, "wifi": {"rssi": -60}}
    with pytest.raises(AssertionError) as raised:
        hub.assert_twin_reported(client.device_id, expected, timeout=0)
    assert str(raised.value).splitlines() == [
        f"twin of {client.device_id}, reported version 2, after 0 s:",
        '  properties.reported.firmware: expected "1.1", got "1.0"',
        "  properties.reported.flag: expected true, got 1",
        '  properties.reported.here: expected nothing, got {"x": 1}',
        '  properties.reported.wifi: expected {"rssi": -60}, got nothing',
    ]
    with pytest.raises(AssertionError, match=r"properties\.reported\.flag: unexpected 1"):
        hub.assert_twin_reported(client.device_id, {"firmware": "1.0", "here": {"x": 1}}, exact=True, timeout=0)
    with pytest.raises(LookupError):
        hub.assert_twin_reported("nobody", {})


@pytest.mark.parametrize(
    ("expected", "actual", "lines"),
    [
        (1, 1.0, []),
        (True, 1, ["value: expected true, got 1"]),
        (0, False, ["value: expected 0, got false"]),
        (None, 0, ["value: expected null, got 0"]),
        ({"a b": [1, {"c": 2}]}, {"a b": [1, {"c": 3}]}, ['["a b"][1].c: expected 2, got 3']),
        ([1, 2], [1], ["[1]: expected 2, got nothing"]),
        ({"a": 1}, [1], ['value: expected {"a": 1}, got [1]']),
        ("x" * 300, "", [f'value: expected "{"x" * 199}…, got ""']),
        (ANY, True, []),
        ({"a": ANY}, {}, ["a: expected <ANY>, got nothing"]),
    ],
)
def test_differences(expected, actual, lines):
    assert differences(expected, actual) == lines


class _State(Enum):
    ON = "on"


@dataclass
class _Reading:
    at: datetime
    value: Decimal
    state: _State = _State.ON


def test_expected_values_stand_for_their_json(hub, client):
    reading = _Reading(datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), Decimal("21.50"))
    body = {"reading": reading, "day": date(2026, 1, 2), "id": UUID(int=1)}
    client.send_message(body)
    hub.assert_telemetry(client.device_id, [body])
    client.patch_reported_properties({"reading": reading})
    hub.assert_twin_reported(client.device_id, {"reading": reading})
    with pytest.raises(AssertionError) as raised:
        hub.assert_telemetry(client.device_id, [{**body, "reading": replace(reading, value=Decimal(22))}])
    assert str(raised.value).splitlines()[1:] == ["  messages[0].body.reading.value: expected 22, got 21.5"]


def test_assertions_on_a_hub_that_is_gone():
    with azmqtt.LocalHub() as hub:
        hub.create_device("d")
    with pytest.raises(RuntimeError, match="stopped"):
        hub.assert_telemetry("d", ["never"])


def test_a_long_list_of_differences_is_cut(hub, client):
    client.send_messages({"n": number} for number in range(100))
    with pytest.raises(AssertionError) as raised:
        hub.assert_telemetry(client.device_id, [])
    head, *lines, rest = str(raised.value).splitlines()
    assert (head, len(lines), rest) == (f"telemetry of {client.device_id}:", 30, "  … and 70 more")


def test_long_bodies_are_shown_where_they_differ(hub, client):
    client.send_message("x" * 50_000 + "a" + "y" * 50_000)
    client.send_message(bytes(600) + b"\x01")
    with pytest.raises(AssertionError) as raised:
        hub.assert_telemetry(client.device_id, ["x" * 50_000 + "b", bytes(600)])
    _, text, data = str(raised.value).splitlines()
    assert text.startswith(f'  messages[0].body: from character 49980 on expected "{"x" * 20}b", got "{"x" * 20}ayyy')
    assert len(text) < 400
    assert data == f"  messages[1].body: from byte 580 on expected {bytes(20)!r}, got {bytes(20) + bytes([1])!r}"


def test_what_is_expected_has_its_shape(hub, client):
    for call, message in [
        (lambda: hub.assert_telemetry(client.device_id, "hello"), "expected must be a list, .* not str"),
        (lambda: hub.assert_telemetry(client.device_id, {"n": 1}), "expected must be a list, .* not dict"),
        (lambda: hub.assert_telemetry(client.device_id, None), "expected must be a list, .* not NoneType"),
        (lambda: hub.assert_twin_reported(client.device_id, [1]), "expected must be a mapping, not list"),
    ]:
        with pytest.raises(TypeError, match=message):
            call()
