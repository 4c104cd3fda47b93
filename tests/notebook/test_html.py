"""The tables of notebooks: escaped, bounded, and without a secret."""

from __future__ import annotations

from datetime import datetime, timezone
from html.parser import HTMLParser

import pytest

import azmqtt
from azmqtt.data import MessageList

EVIL = "<script>alert('x')</script>\"&"
NOW = datetime(2026, 1, 2, 3, 4, 5, 678_901, timezone.utc)
KEY = "dG9wIHNlY3JldCBrZXkgb2YgYSB0ZXN0IQ=="


class Page(HTMLParser):
    """The tags and the text of a page; every tag must be closed in order."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.stack, self.shown, self.attributes = set(), [], "", []
        self.feed(html)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.stack.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.shown += data


def page(shown):
    """Read a table; nothing in it may be more than a table."""
    read = Page(shown._repr_html_())
    assert read.tags <= {"table", "caption", "tbody", "tr", "th", "td", "pre"}
    assert {name for name, _ in read.attributes} <= {"style", "scope"}
    return read.shown


@pytest.mark.parametrize(
    "shown",
    [
        azmqtt.Message(EVIL, properties={EVIL: EVIL}, message_id=EVIL, content_type=EVIL),
        azmqtt.Message({EVIL: [EVIL, {"a": EVIL}]}),
        azmqtt.Message(EVIL.encode()),
        azmqtt.Message(object()),
        azmqtt.Twin({EVIL: EVIL}, 3, {"a": {EVIL: EVIL}}, 4),
        azmqtt.DesiredPatch({EVIL: {"b": EVIL}}, 5),
        azmqtt.ReportedPatch(7, EVIL, 204),
        azmqtt.TelemetryMessage(EVIL, EVIL.encode(), {EVIL: EVIL}, {EVIL: EVIL}, NOW, 1, EVIL),
        MessageList([azmqtt.TelemetryMessage(EVIL, EVIL.encode(), {}, {}, NOW, 1, EVIL)]),
    ],
    ids=lambda shown: type(shown).__name__,
)
def test_everything_is_escaped(shown):
    text = page(shown)
    if "object object" not in text:
        assert "<script>alert(" in text


def test_a_cloud_message(hub, client):
    messages = client.messages(timeout=10)
    client.connect()
    properties = {EVIL: EVIL, "$.mid": "m-1", "$.ct": "text/plain"}
    hub.send_c2d(client.device_id, EVIL, properties)
    text = page(next(messages))
    assert EVIL in text
    assert f"property {EVIL}{EVIL}" in text
    assert "message_idm-1" in text


def test_a_client_shows_how_it_is_and_no_secret(hub):
    device = hub.create_device(None, KEY)
    with hub.device_client(device.device_id) as client:
        assert "statedisconnected" in page(client)
        client.send_message(b"x")
        text = page(client)
        assert f"device{device.device_id}" in text
        assert "1 sent, 0 received" in text
        assert "round tripp50 " in text
        for shown in (client, client.stats(), client.get_twin()):
            assert KEY not in shown._repr_html_()
            assert "sig=" not in shown._repr_html_()
    assert "stateclosed" in page(client)


def test_a_last_error_is_shown_and_escaped():
    with azmqtt.DeviceClient.from_symmetric_key("localhost", "d'$", KEY, port=1) as client:
        with pytest.raises(azmqtt.ConnectionFailed):
            client.connect()
        assert "last errorTCP failed: localhost:1" in page(client)


def test_figures_are_shown(client):
    client.send_message(b"x")
    text = page(client.stats())
    assert "messages_sent1" in text
    assert "publish_round_tripp50 " in text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"\x00\x01\xff" * 5, "15 bytes: 00 01 ff"),
        (bytearray(b"abc"), "abc"),
        (memoryview(b"abc"), "abc"),
        ("é\n", "é"),
        (b"x" * 100_000, "… (16,000 characters)"),
        ({"a": "x" * 100_000}, "characters)"),
        (float("nan"), "NaN"),
    ],
)
def test_bodies(body, text):
    shown = page(azmqtt.Message(body))
    assert text in shown
    assert len(shown) < 6000


def test_many_properties_are_cut():
    shown = azmqtt.Message(b"", properties={f"p{n}": "v" for n in range(1000)})
    assert "more" in page(shown)
    assert len(shown._repr_html_()) < 100_000


def test_a_hub_shows_its_devices_and_no_secret():
    with azmqtt.LocalHub() as hub:
        hub.create_device("d-1", KEY)
        with hub.device_client("d-2") as client:
            client.send_message(EVIL)
            text = page(hub)
            assert f"LocalHub localhost:{hub.port}, 2 devices" in text
            assert "d-10" in text
            assert "d-2connected1" in text
        messages = hub.telemetry()
        assert EVIL in page(messages)
        assert page(messages).startswith("1 messagesequence")
        assert KEY not in hub._repr_html_()
    assert "LocalHub stopped" in page(hub)


def test_a_namespace_shows_its_clients_and_messages():
    with azmqtt.LocalNamespace() as namespace:
        namespace.create_client("client-1", attributes={"place": EVIL})
        namespace.create_topic_space("everything", ["#"])
        namespace.create_permission_binding(
            "publish", client_group_name="$all", topic_space_name="everything", permission="Publisher"
        )
        with namespace.mqtt_client("client-1") as client:
            client.publish("a", EVIL, user_properties={EVIL: EVIL})
        message = namespace.wait_for_message("a")
        assert "client-1" in page(namespace)
        assert f"property {EVIL}{EVIL}" in page(message)
        assert EVIL in page(namespace.messages())
    assert "LocalNamespace stopped" in page(namespace)


def test_long_lists_are_cut():
    messages = MessageList(azmqtt.TelemetryMessage("d", b"x" * 500, {}, {}, NOW, number) for number in range(1000))
    text = page(messages)
    assert "1,000 messages" in text
    assert "…900 more" in text
    assert "9992026-01-02 03:04:05.678d" in text
    assert "x" * 201 not in text
