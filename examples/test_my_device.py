"""Tests of a device's code with pytest: `pytest examples/test_my_device.py`, or run this file.

azmqtt provides the fixture `iothub_device`: a separate device for each test, on a local hub. The report of a failed
test shows the MQTT packets of the device.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from azmqtt import DeviceClient
    from azmqtt.testing import IotHubDevice


# The code under test, usually in a separate module.
def report_temperature(client: DeviceClient, celsius: float) -> None:
    """Send a measurement, with an alert if it is hot."""
    client.send_message({"temperature": celsius}, properties={"alert": "yes" if celsius > 30 else "no"})


def apply_settings(client: DeviceClient) -> None:
    """Apply the desired interval, and report it."""
    interval = client.get_twin().desired.get("interval", 60)
    client.patch_reported_properties({"interval": interval})


async def follow_settings(client: DeviceClient) -> None:
    """Report the interval whenever it changes."""
    async for change in client.desired_properties():
        await client.patch_reported_properties_async({"interval": change["interval"]})


# The tests.
@pytest.mark.parametrize(("celsius", "alert"), [(21.5, "no"), (31, "yes")])
def test_hot_is_an_alert(iothub_device: IotHubDevice, celsius: float, alert: str) -> None:
    """A predicate finds a message."""
    report_temperature(iothub_device.client(), celsius)
    message = iothub_device.wait_for_telemetry(lambda message: message.properties["alert"] == alert)
    assert message.json() == {"temperature": celsius}


def test_settings_are_taken(iothub_device: IotHubDevice) -> None:
    """A failed assertion lists the differences, path by path."""
    iothub_device.patch_desired({"interval": 5})
    apply_settings(iothub_device.client())
    iothub_device.assert_twin_reported({"interval": 5})


def test_settings_are_followed(iothub_device: IotHubDevice) -> None:
    """On the application's event loop, use the ``_async`` forms of the waits."""

    async def scenario() -> None:
        client = iothub_device.client()
        application = asyncio.create_task(follow_settings(client))
        await iothub_device.wait_for_connection_async()
        await client.connect_async()
        iothub_device.patch_desired({"interval": 5})
        await iothub_device.assert_twin_reported_async({"interval": 5})
        application.cancel()

    asyncio.run(scenario())


def test_nothing_is_lost_when_the_network_breaks(iothub_device: IotHubDevice) -> None:
    """Packets show how the client reconnected."""
    client = iothub_device.client()
    report_temperature(client, 20)
    iothub_device.disconnect()
    report_temperature(client, 21)
    iothub_device.assert_telemetry([{"temperature": 20}, {"temperature": 21}])
    assert iothub_device.wait_for_packet(kind="PUBACK", predicate=lambda packet: packet.connection == 2)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q"]))
