"""What comes by the page's stream: telemetry, packets, refusals, the fate of messages."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import azmqtt
from browser import DEADLINE, Browser, Page, spki_hash

MESSAGES = "table[aria-label=Messages] tbody"

View = Callable[[str], Page]


def test_messages_appear_as_they_are_sent(view: View, device: azmqtt.DeviceClient) -> None:
    page = view("devices/thermostat/telemetry")
    page.wait("document.querySelector('.live').dataset.state === 'live'")
    for number in range(3):
        device.send_message({"temperature": 20 + number, "where": {"floor": 1}}, properties={"site": "attic"})
    page.wait_text('{"temperature":22,"where":{"floor":1}}', MESSAGES)
    page.wait_text("site=attic", MESSAGES)
    # The chart has the numbers of the JSON.
    page.wait("document.querySelector('.chart canvas') !== null")
    page.wait_text("where.floor", ".u-legend")
    page.click(f"{MESSAGES} tr")
    page.wait_text("iothub-connection-device-id", ".detail")


def test_markup_in_messages_is_text(view: View, device: azmqtt.DeviceClient) -> None:
    page = view("devices/thermostat/telemetry")
    device.send_message("<img src=x onerror=\"document.title='taken'\">")
    page.wait_text("onerror", MESSAGES)
    assert page.run("document.querySelectorAll('main img').length") == 0
    assert page.run("document.title") != "taken"


def test_packets_are_joined_to_their_answers(view: View, device: azmqtt.DeviceClient) -> None:
    device.get_twin()
    device.send_message("joined")
    page = view("devices/thermostat/packets")
    page.wait_text("get twin", "tbody")
    # A request is joined by its $rid, a message with QoS 1 by its packet identifier; both know each other.
    rows = "[...document.querySelectorAll('tbody tr')].map((row) => row.innerText)"
    page.wait(f"{rows}.some((row) => /telemetry\\s+joined\\s+answered by #\\d+/.test(row))")
    pairs = page.run(
        f"(() => {{ const rows = {rows}; const asked = rows.find((row) => /get twin/.test(row));"
        "const answer = /answered by #(\\d+)/.exec(asked)?.[1];"
        "return [asked, rows.find((row) => row.startsWith(answer + '\\t'))] })()"
    )
    assert "twin answer" in pairs[1]
    assert f"answers #{pairs[0].split()[0]}" in pairs[1]
    page.fill("Show", "Requests and answers")
    page.wait("![...document.querySelectorAll('tbody tr:not([hidden])')].some((row) => /PUBACK/.test(row.innerText))")


def test_a_refusal_says_why(view: View, hub: azmqtt.LocalHub) -> None:
    wrong = f"HostName=localhost;DeviceId=sensor-0007;SharedAccessKey={'A' * 43}="
    options = {"trust": hub.ca_file, "port": hub.port}
    with azmqtt.DeviceClient.from_connection_string(wrong, **options) as client, contextlib.suppress(azmqtt.Error):
        client.connect()
    page = view("refusals")
    page.wait_text("connection.refused", "tbody")
    page.wait_text("sensor-0007", "tbody")


def test_the_fate_of_a_message(view: View, hub: azmqtt.LocalHub, device: azmqtt.DeviceClient) -> None:
    page = view("devices/thermostat/messages")
    page.fill("Acknowledgement", "full")
    page.fill("Properties", "level=high")
    page.click("form button", "Send")
    page.wait_text("completed", "tbody")
    # Nobody takes it.
    page = view("devices/sensor-0003/messages")
    page.click("form button", "Send")
    page.wait_text("waits in the queue", "tbody")
    page.click("form button", "Purge the queue")
    page.wait_text("purged", "tbody")


def test_a_connection_shows_in_the_list(view: View, hub: azmqtt.LocalHub) -> None:
    page = view("devices")
    page.fill("Query", "")
    page.fill("Search", "sensor-0011")
    page.wait_text("Disconnected", ".virtual")
    with hub.device_client("sensor-0011") as client:
        client.connect()
        page.wait("document.querySelector('.virtual .dot.on') !== null")
    page.wait("document.querySelector('.virtual .dot.on') === null")


def test_more_messages_than_the_page_shows_are_counted() -> None:
    with azmqtt.LocalHub(record_packets=True) as hub, Browser(spki_hash(hub.service_port)) as browser:
        page = browser.open(hub.page_url())
        page.wait("document.querySelector('.live').dataset.state === 'live'")
        deadline = time.monotonic() + DEADLINE
        with hub.device_client("fast") as device:
            # As many as it takes until more come than the page asks for.
            while "not shown" not in page.text(".rate") and time.monotonic() < deadline:
                device.send_messages([{"n": number} for number in range(20_000)])
            # Then come the newest ones again.
            device.send_message("the last one")
        page.wait("/[1-9][0-9,]* not shown/.test(document.querySelector('.rate').innerText)")
        page.run("location.hash = '#/devices/fast/telemetry'")
        page.wait_text("the last one", MESSAGES)
        page.run("location.hash = '#/packets'")
        page.wait_text("not shown: too many per second", "h1 + .count")
        assert page.errors == []


def test_what_the_hub_does_not_record_is_not_asked_for() -> None:
    with azmqtt.LocalHub(record=False) as hub, Browser(spki_hash(hub.service_port)) as browser:
        page = browser.open(hub.page_url())
        page.wait("document.querySelector('.live').dataset.state === 'live'")
        hub.create_device("quiet")
        page.wait_text("quiet", ".virtual")
        page.run("location.hash = '#/devices/quiet/telemetry'")
        page.wait_text("This hub does not record messages.")
        page.run("location.hash = '#/packets'")
        page.wait_text("This hub does not record packets.")
        assert page.errors == []
