"""A browser, a hub with devices that are connected, and the page of that hub."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import azmqtt
from browser import Browser, Page, spki_hash


@pytest.fixture(scope="module")
def hub() -> Iterator[azmqtt.LocalHub]:
    with azmqtt.LocalHub(record_packets=True) as hub:
        for number in range(50):
            hub.create_device(f"sensor-{number:04}")
        yield hub


@pytest.fixture(scope="module")
def device(hub: azmqtt.LocalHub) -> Iterator[azmqtt.DeviceClient]:
    """The device ``thermostat``: it answers methods, and has reported and desired properties that differ."""
    with hub.device_client("thermostat") as client:

        @client.on_method("reboot")
        def reboot(request: azmqtt.MethodRequest) -> Any:
            return {"rebooted": True, "asked": request.payload}

        @client.on_message
        def take(_message: azmqtt.CloudToDeviceMessage) -> None:
            pass

        client.connect()
        client.patch_reported_properties({"interval": 10, "battery": 78})
        hub.patch_desired("thermostat", {"interval": 5, "mode": "eco"})
        yield client


@pytest.fixture(scope="module")
def browser(hub: azmqtt.LocalHub) -> Iterator[Browser]:
    with Browser(spki_hash(hub.service_port)) as browser:
        yield browser


@pytest.fixture(scope="module")
def page(browser: Browser, hub: azmqtt.LocalHub) -> Page:
    """The page, with a token."""
    page = browser.open(hub.page_url())
    page.wait_text("Devices")
    return page


@pytest.fixture
def view(page: Page, device: azmqtt.DeviceClient) -> Iterator[Any]:
    """Go to a view by its address; nothing may go wrong in it but requests that the hub refuses."""
    page.errors.clear()

    def go(address: str) -> Page:
        page.run(f"location.hash = '#/{address}'")
        page.wait(f"location.hash === '#/{address}'")
        return page

    yield go
    assert [error for error in page.errors if not error.startswith("Failed to load resource")] == []
