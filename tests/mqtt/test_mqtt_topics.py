"""Topics, filters, user properties and wills: what is checked before anything is sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azmqtt._mqtt.properties import pairs
from azmqtt._mqtt.topics import ANY_BROKER, EVENT_GRID, check_filter, check_topic, limits_of
from azmqtt._mqtt.types import Published, Will, published, will_fields


@pytest.mark.parametrize("topic", ["a", "/", "a//b", "$SYS/x", "Ü/€", "a" * 65_535])
def test_topics_that_may_be(topic):
    assert check_topic("topic", topic) == topic


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("", "topic must not be empty"),
        ("a/+", "topic: 'a/+' contains the wildcard '+'"),
        ("a#", "topic: 'a#' contains the wildcard '#'"),
        ("a\0", "topic: 'a\\x00' contains U+0000"),
        ("\ud800", "topic: the text contains half of a surrogate pair"),
        ("a" * 65_536, "topic has 65,536 bytes, and MQTT allows 65,535"),
        ("€" * 21_846, "topic has 65,538 bytes"),
    ],
)
def test_topics_that_may_not_be(topic, text):
    with pytest.raises(ValueError, match=r"^topic") as raised:
        check_topic("topic", topic)
    assert text in str(raised.value)


@pytest.mark.parametrize("topic", [b"a", None, 5])
def test_a_topic_is_text(topic):
    with pytest.raises(TypeError, match=r"^topic must be str, not"):
        check_topic("topic", topic)


@pytest.mark.parametrize(
    "topic_filter", ["#", "+", "+/+", "a/#", "/", "$share/g/#", "$share/g//", "$shared/x", "a/+/b"]
)
def test_filters_that_may_be(topic_filter):
    assert check_filter("filter", topic_filter) == topic_filter


@pytest.mark.parametrize(
    ("topic_filter", "text"),
    [
        ("", "must not be empty"),
        ("a/b#", "'#' must be the whole last level"),
        ("#/a", "'#' must be the whole last level"),
        ("a+/b", "'+' must be a whole level"),
        ("$share", "must have the form"),
        ("$share/g", "must have the form"),
        ("$share/g/", "must have the form"),
        ("$share//a", "must have the form"),
        ("$share/+/a", "the name of the group must not contain '+'"),
        ("$share/g/a#", "'#' must be the whole last level"),
    ],
)
def test_filters_that_may_not_be(topic_filter, text):
    with pytest.raises(ValueError, match=r"^filter") as raised:
        check_filter("filter", topic_filter)
    assert text in str(raised.value)


def test_event_grid_takes_less():
    assert limits_of("ns.westeurope-1.ts.eventgrid.azure.net") is EVENT_GRID
    assert limits_of("NS.westeurope-1.TS.eventgrid.azure.net.") is EVENT_GRID
    assert limits_of("eventgrid.azure.net.example.com") is ANY_BROKER
    check_topic("topic", "/".join("a" * 15), EVENT_GRID)
    with pytest.raises(ValueError, match="has 16 levels, and Event Grid allows 15"):
        check_topic("topic", "/".join("a" * 16), EVENT_GRID)
    with pytest.raises(ValueError, match="topic has 257 bytes, and Event Grid allows 256"):
        check_topic("topic", "a" * 257, EVENT_GRID)


@given(st.text(max_size=40))
def test_a_topic_is_a_filter_too(text):
    try:
        check_topic("topic", text)
    except ValueError:
        return
    if not text.startswith("$share"):
        assert check_filter("filter", text) == text


def test_user_properties_keep_order_and_repeats():
    given = [("b", "1"), ("a", "2"), ("b", "3")]
    assert pairs("user_properties", given) == given
    assert pairs("user_properties", iter(given)) == given
    assert pairs("user_properties", {"x": "1", "y": ""}) == [("x", "1"), ("y", "")]
    assert pairs("user_properties", None) == []


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (5, TypeError, "user_properties must be pairs of a name and a value, or a mapping, not int"),
        ("ab", TypeError, "user_properties must be pairs"),
        (["ab"], TypeError, r"user_properties\[0\] must be a pair of a name and a value, not str"),
        ([("a", "1"), ("b",)], TypeError, r"user_properties\[1\] must be a pair"),
        ([("a", 1)], TypeError, r"user_properties\[0\], its value, must be str, not int"),
        ({1: "a"}, TypeError, r"user_properties\[0\], its name, must be str, not int"),
        ([("a\0", "1")], ValueError, r"user_properties\[0\], its name, contains U\+0000"),
        ([("a", "\udfff")], ValueError, "half of a surrogate pair"),
        ([("a", "x" * 65_536)], ValueError, r"its value, has 65,536 bytes"),
    ],
)
def test_user_properties_that_cannot_be_written(given, error, text):
    with pytest.raises(error, match=text):
        pairs("user_properties", given)


def test_a_will():
    properties = ([("a", "1")], None, None, None, None, None)
    assert will_fields(Will("a/b", b"gone", user_properties={"a": "1"}), ANY_BROKER) == (
        "a/b", b"gone", 0, False, 0, properties,
    )  # fmt: skip
    assert will_fields(Will("a/b"), ANY_BROKER) == ("a/b", b"", 0, False, 0, None)
    assert will_fields(None, ANY_BROKER) is None


@pytest.mark.parametrize(
    ("will", "error", "text"),
    [
        ("a/b", TypeError, "will must be Will, not str"),
        (Will("a/#"), ValueError, "will.topic: 'a/#' contains the wildcard"),
        (Will("a", qos=3), ValueError, "will.qos must be from 0 to 2, not 3"),
        (Will("a", retain=1), TypeError, "will.retain must be bool, not int"),
        (Will("a", delay=-1), ValueError, "will.delay must be from 0 to 4294967295 s"),
        (Will("a", payload_format=2), ValueError, "will.payload_format must be from 0 to 1"),
        (Will("a", response_topic="+"), ValueError, "will.response_topic"),
        (Will("a", correlation_data="x"), TypeError, "will.correlation_data must be bytes, not str"),
    ],
)
def test_wills_that_may_not_be(will, error, text):
    with pytest.raises(error, match=text):
        will_fields(will, ANY_BROKER)


def test_whether_anybody_has_subscribed_is_known_only_if_nobody_has():
    assert published(0) == Published(0, None)
    assert published(0x10) == Published(0x10, matched=False)
