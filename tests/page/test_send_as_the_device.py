"""Messages that the page sends in the name of a device."""

from __future__ import annotations

from collections.abc import Callable

import azmqtt
from browser import Page

View = Callable[[str], Page]


def open_form(view: View, device: str) -> Page:
    page = view(f"devices/{device}/telemetry")
    page.click("button", "Send as the device")
    return page


def test_the_hub_receives_the_messages(view: View, hub: azmqtt.LocalHub) -> None:
    page = open_form(view, "sensor-0002")
    page.fill("Body", '{"temperature": 19.5, "place": "Zürich"}')
    page.fill("Properties", "Room=Küche\nlevel=a=b")
    page.fill("Messages", "3")
    page.fill("Interval", "0")
    page.click("form button", "Send")
    received = hub.wait_for_telemetry("sensor-0002", count=3)
    assert [message.json() for message in received] == [{"temperature": 19.5, "place": "Zürich"}] * 3
    # Names of properties keep their case.
    assert received[0].properties == {"Room": "Küche", "level": "a=b"}
    assert received[0].system_properties["content-type"] == "application/json"
    page.wait_text("3 messages were sent.", ".notice.good")
    page.wait_text("Zürich", ".table")


def test_nothing_of_the_key_stays_in_the_page(view: View, hub: azmqtt.LocalHub) -> None:
    page = open_form(view, "sensor-0003")
    page.click("form button", "Send")
    page.wait_text("1 message was sent.", ".notice.good")
    secret = hub.device("sensor-0003").connection_string.split("SharedAccessKey=")[1]
    kept = page.run("document.body.innerHTML + JSON.stringify({...sessionStorage, ...localStorage})")
    assert secret not in kept
    assert "SharedAccessSignature" not in kept


def test_stop_and_leaving_the_view_end_the_run(view: View, hub: azmqtt.LocalHub) -> None:
    page = open_form(view, "sensor-0004")
    page.fill("Messages", "1000")
    page.fill("Interval", "3600")
    page.click("form button", "Send")
    page.wait_text("1 of 1,000", "form")
    page.click("form button", "Stop")
    page.wait_text("Stopped: 1 message was sent.", ".notice.good")
    # A run that nobody stops ends with its view.
    page.fill("Messages", "100000")
    page.fill("Interval", "0")
    page.click("form button", "Send")
    page.wait("/[1-9] of 100,000/.test(document.querySelector('form').innerText)")
    view("devices")
    page.wait_text("sensor-0001")
    # One request may be under way when the view is left: the message of another device comes behind it.
    open_form(view, "sensor-0005")
    page.click("form button", "Send")
    page.wait_text("1 message was sent.", ".notice.good")
    sent = len(hub.telemetry("sensor-0004"))
    page.click("form button", "Send")
    hub.wait_for_telemetry("sensor-0005", count=2)
    assert len(hub.telemetry("sensor-0004")) == sent < 100_000


def test_why_a_device_cannot_be_sent_as(view: View, hub: azmqtt.LocalHub) -> None:
    hub.create_device("certified", x509_thumbprint="a" * 40)
    page = open_form(view, "certified")
    page.click("form button", "Send")
    page.wait_text("authenticates with an X.509 certificate", ".notice.bad")
    hub.create_device("off")
    hub.set_enabled("off", False)
    page = open_form(view, "off")
    page.click("form button", "Send")
    page.wait_text("the device is disabled", ".notice.bad")
    page = open_form(view, "sensor-0006")
    page.fill("Properties", "nonsense")
    page.click("form button", "Send")
    page.wait_text("'nonsense' is not name=value", ".notice.bad")
    # A refused device token does not end the page's own session.
    assert "Live" in page.text(".bar")
