"""Microsoft's azure-iot-hub, unmodified and in a venv of its own: queries, configurations and jobs of the local hub."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import azmqtt

SESSION = Path(__file__).parent / "azure_iot_hub_jobs.py"


@pytest.mark.timeout(420)
def test_queries_configurations_and_jobs(service_sdk_python: Path) -> None:
    """What the SDK sees, and what the device and the hub have of it."""
    with azmqtt.LocalHub() as hub, hub.device_client("d0") as client:
        for number in range(1, 7):
            hub.create_device(f"d{number}")
        calls = []

        @client.on_method("echo")
        def echo(request: azmqtt.MethodRequest) -> tuple[int, object]:
            calls.append(request.payload)
            return 201, {"got": request.payload}

        client.connect()
        client.patch_reported_properties({"firmware": "1.1"})
        # The SDK has no option for roots: requests, below it, has a variable.
        environment = {**os.environ, "REQUESTS_CA_BUNDLE": hub.ca_file, "NO_PROXY": "localhost"}
        done = subprocess.run(
            [service_sdk_python, SESSION, hub.service_connection_string],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        seen = json.loads(done.stdout)
        desired = client.get_twin().desired
        results = hub.query("SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'call'")
        deployed = hub.twin("gateway", module_id="$edgeAgent")["properties"]["desired"]["schemaVersion"]
        tags = hub.twin("d2")["tags"]
    # Of the configuration, which was applied while it was there, and of the job.
    assert (desired, tags, deployed) == ({"chiller": {"level": 3}, "interval": 20}, {"floor": 3}, "1.1")
    assert calls == [{"x": [1]}]
    outcome = {"deviceMethodResponse": {"status": 201, "payload": {"got": {"x": [1]}}}}
    assert [(row["deviceId"], row["status"]) for row in results] == [("d0", "completed"), ("d1", "failed")]
    assert (results[0]["outcome"], results[1]["error"]["code"]) == (outcome, "404103")
    assert seen == {
        "pages": [["Twin", ["d0", "d1", "d2"]], ["Twin", ["d3", "d4", "d5"]], ["Twin", ["d6"]]],
        "twin": ["d0", "1.1", "Connected"],
        "projected": ["Raw", "d0", "enabled"],
        "wrong": [400, "ArgumentInvalid"],
        "wrong token": [400, "ArgumentInvalid"],
        "configuration": ["chiller", 10, 2, {"firmware": 1}],
        "bare": [409, "ConfigurationAlreadyExists"],
        "again": [409, "ConfigurationAlreadyExists"],
        "changed": [20, True],
        "stale": [412, "PreconditionFailed"],
        "read": "deviceId IN ['d0', 'd1']",
        "listed": ["chiller"],
        "tried": [True, ["m"]],
        "gone": [404, "ConfigurationNotFound"],
        "no gateway": [400, "ArgumentInvalid"],
        "made": ["update", "scheduleUpdateTwin"],
        "updated": ["completed", 2, {"floor": 3}],
        "same id": [409, "JobAlreadyExists"],
        "called": [2, 1, 1],
        "cancelled": ["queued", "cancelled", True],
        "no job": "unknown",
        "jobs": "a list",
        "transfers": [],
    }
