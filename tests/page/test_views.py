"""Each view of the page in a browser, against a hub with devices that are connected."""

from __future__ import annotations

import json
from collections.abc import Callable

import azmqtt
from browser import Browser, Page

View = Callable[[str], Page]


def test_a_link_opens_the_page_once(browser: Browser, hub: azmqtt.LocalHub) -> None:
    url = hub.page_url()
    page = browser.open(url)
    page.wait_text("sensor-0001")
    # The code is out of the address, and the token is in no address and no cookie.
    assert page.run("location.href") == url.split("#")[0]
    assert page.run("document.cookie") == ""
    token = json.loads(page.run("sessionStorage.getItem('azmqtt-session')"))["token"]
    assert token not in page.run("JSON.stringify(performance.getEntriesByType('resource').map((each) => each.name))")
    # The token outlasts a reload in this tab, and no other tab has it.
    page.send("Page.reload")
    page.wait_text("sensor-0001")
    other = browser.open(url)
    other.wait_text("This page needs a link")
    assert other.run("sessionStorage.length") == 0


def test_devices_are_found_by_id_and_by_query(view: View, hub: azmqtt.LocalHub) -> None:
    page = view("devices")
    page.wait_text("sensor-0001")
    # A list of which only the rows in sight are there.
    assert page.run("document.querySelectorAll('.virtual .list-row').length") < 50
    page.fill("Search", "0042")
    page.wait("document.querySelectorAll('.virtual .list-row').length === 1")
    page.wait_text("sensor-0042", ".virtual")
    page.fill("Search", "")
    page.fill("Query", "connectionState = 'Connected'")
    page.run("document.querySelector('.query').requestSubmit()")
    page.wait("document.querySelectorAll('.virtual .list-row').length === 1")
    page.wait_text("thermostat", ".virtual")
    page.fill("Query", "this is none")
    page.run("document.querySelector('.query').requestSubmit()")
    page.wait("document.querySelector('.notice.bad').innerText !== ''")


def test_a_device_is_created_and_deleted(view: View, hub: azmqtt.LocalHub) -> None:
    page = view("devices")
    page.click("button", "New device")
    page.fill("Device id", "made-here")
    page.run("document.querySelector('.create').requestSubmit()")
    page.wait_text("made-here is created")
    assert "made-here" in {device.device_id for device in hub.devices()}
    view("devices/made-here/identity")
    page.click("button", "Delete device")
    page.click("button", "Press again to delete")
    page.wait("location.hash === '#/devices'")
    assert "made-here" not in {device.device_id for device in hub.devices()}


def test_a_twin_is_compared_and_changed(view: View, hub: azmqtt.LocalHub) -> None:
    page = view("devices/thermostat/twin")
    page.wait_text("interval", "table")
    rows = page.run("[...document.querySelectorAll('tbody tr')].map((row) => row.innerText.split('\\t').join('|'))")
    assert rows == ["battery||78|only reported", "interval|5|10|differs", 'mode|"eco"||not reported']
    write = "(text) => { const area = document.querySelector('textarea'); area.value = text;"
    write += "area.dispatchEvent(new Event('input')) }"
    page.run(f"({write})('{{')")
    page.wait_text("Not JSON", ".problems")
    page.run(f'({write})(\'{{"a.b": [null], "big": 4503599627370496}}\')')
    page.wait("document.querySelectorAll('.problems li').length === 3")
    assert page.run("document.querySelector('form button[type=submit]').disabled")
    page.run(f"({write})('{{\"interval\": 10}}')")
    page.click("form button", "Update")
    page.wait_text("same", "tbody")
    assert hub.twin("thermostat")["properties"]["desired"]["interval"] == 10


def test_a_method_is_called(view: View) -> None:
    page = view("devices/thermostat/methods")
    page.fill("Method", "reboot")
    page.fill("Payload", '{"after": 5}')
    page.click("form button", "Call")
    page.wait_text('"rebooted": true', ".history")
    assert page.text(".history .tag") == "200"
    page.fill("Method", "unknown")
    page.click("form button", "Call")
    page.wait("document.querySelectorAll('.call').length === 2")
    assert page.text(".history .tag") == "404"


def test_keys_are_hidden_until_they_are_asked_for(view: View, hub: azmqtt.LocalHub) -> None:
    page = view("devices/thermostat/identity")
    page.wait_text("Primary key")
    secret = hub.device("thermostat").connection_string
    assert secret not in page.run("document.body.innerHTML")
    page.click("button[aria-label='Show or hide Primary connection string']")
    assert secret in page.text()


def test_a_module_is_created(view: View, hub: azmqtt.LocalHub) -> None:
    page = view("devices/thermostat/modules")
    page.fill("Module id", "camera")
    page.click("form button", "Create")
    page.wait_text("camera is created")
    page.click(".list-row a", "camera")
    page.wait("location.hash === '#/devices/thermostat/modules/camera'")
    page.wait_text("camera", "h1")


def test_faults_are_switched_on_and_off(view: View, hub: azmqtt.LocalHub) -> None:
    page = view("faults")
    page.fill("For device", "sensor-0001")
    page.click("#switch-0")
    page.wait_text("device_id sensor-0001", ".plain-list")
    assert [fault.rule["fault"] for fault in hub.faults()] == ["throttle"]
    page.wait("document.querySelector('#switch-0').checked")
    page.click("#switch-0")
    page.wait_text("over", ".plain-list")
    assert all(fault.over for fault in hub.faults())
    assert not page.run("document.querySelector('#switch-0').checked")


def test_what_a_device_sends_is_text(view: View, hub: azmqtt.LocalHub, device: azmqtt.DeviceClient) -> None:
    evil = "<img src=x onerror=\"document.title='taken'\"><b>bold</b>"
    device.patch_reported_properties({"evil": evil})
    page = view("devices/thermostat/twin")
    page.wait_text("onerror", "tbody")
    assert page.run("document.querySelectorAll('main img, main b').length") == 0
    assert page.run("document.title") != "taken"
    device.patch_reported_properties({"evil": None})


def test_the_keyboard_reaches_everything(view: View) -> None:
    page = view("devices")
    page.send("Page.reload")
    page.wait_text("sensor-0001")
    reached = []
    for _ in range(12):
        page.press("Tab")
        reached.append(page.run("document.activeElement.innerText || document.activeElement.type"))
    assert reached[:8] == ["Skip to content", "azmqtt", "Devices", "Packets", "Events", "Refusals", "Faults", "Refresh"]
    assert "New device" in reached
    assert "search" in reached


def test_nothing_is_wider_than_a_small_screen(view: View) -> None:
    page = view("devices")
    page.resize(400, 800)
    tabs = ("telemetry", "twin", "methods", "messages", "modules", "packets", "identity")
    places = ["devices", "packets", "events", "refusals", "faults", *(f"devices/thermostat/{tab}" for tab in tabs)]
    try:
        for address in places:
            view(address)
            assert page.run("document.documentElement.scrollWidth") <= 400, address
    finally:
        page.resize(1400, 1000)
