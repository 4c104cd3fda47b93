"""Queries of the local hub from Python."""

from __future__ import annotations

import pytest

import azmqtt


def test_all_pages_are_one_list(hub: azmqtt.LocalHub) -> None:
    """More rows than a page has, in the order of their ids."""
    for number in range(1100):
        hub.create_device(f"many{number:04}")
    rows = hub.query("SELECT deviceId FROM devices WHERE STARTSWITH(deviceId, 'many')")
    assert [row["deviceId"] for row in rows] == [f"many{number:04}" for number in range(1100)]
    assert hub.query("SELECT COUNT() AS n FROM devices WHERE STARTSWITH(deviceId, 'many')") == [{"n": 1100}]


def test_twins_are_those_of_the_service(hub: azmqtt.LocalHub, client: azmqtt.DeviceClient) -> None:
    """What a device reports is seen at once."""
    client.patch_reported_properties({"load": {"mean": 20}})
    twins = hub.query("SELECT * FROM devices WHERE properties.reported.load.mean = 20")
    # The service leaves out tags where there are none.
    assert [{**twin, "tags": {}} for twin in twins] == [hub.twin(twins[0]["deviceId"])]
    assert twins[0]["connectionState"] == "Connected"


def test_mistakes(hub: azmqtt.LocalHub) -> None:
    """They name the place."""
    with pytest.raises(ValueError, match=r"at character 23: ORDER BY is not part of the language"):
        hub.query("SELECT * FROM devices ORDER BY deviceId")
    with pytest.raises(TypeError, match="query must be str, not int"):
        hub.query(5)  # type: ignore[arg-type]
