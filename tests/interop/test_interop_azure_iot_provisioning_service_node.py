"""Microsoft's azure-iot-provisioning-service for Node, unmodified, manages the enrolments of a local hub."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import azmqtt

SESSION = Path(__file__).parent / "azure_iot_provisioning_service_session.js"
KEYS = {"primaryKey": "cHJpbWFyeS1rZXktb2YtYS10ZXN0", "secondaryKey": "c2Vjb25kYXJ5LWtleS1vZi1hLXRlc3Q="}


@pytest.mark.timeout(420)
def test_enrolments(node_sdk: Callable[[Path], tuple[list[str | Path], dict[str, str]]]) -> None:
    """Enrolments, groups, bulk, queries, registrations; their devices register. The client knows no port but 443."""
    address = "127.88.83.14" if sys.platform == "linux" else "127.0.0.1"
    try:
        hub = azmqtt.LocalHub(host=address, hostname=address, provisioning_port=443)
    except OSError as error:
        pytest.skip(f"port 443: {error}")
    with hub:
        trams = hub.create_enrollment_group("trams")
        options = {"group_key": trams.key, **hub.provisioning_options}
        azmqtt.DeviceClient.provision(hub.id_scope, "tram", **options).close()
        command, environment = node_sdk(SESSION)
        command.append(hub.provisioning_service_connection_string)
        environment["NODE_EXTRA_CA_CERTS"] = hub.ca_file
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        seen = json.loads(done.stdout)
        group_key = seen.pop("groupKey")
        assert seen == {
            "made": ["n-1", "kitchen", "disabled", "hashed"],
            "got": [{"type": "symmetricKey"}, {"tags": {"room": 7}, "properties": {"desired": {"interval": 5}}}],
            "mechanism": {"type": "symmetricKey", "symmetricKey": KEYS},
            "again": ["DeviceAlreadyExistsError", 409201],
            "changed": "enabled",
            "stale": ["InvalidEtagError", 412001],
            # It has no type of its own for these.
            "unknown": ["Error", 404201],
            "group": "fleet",
            "gone": ["Error", 404202],
            "removed": ["Error", 404201],
            "bulk": [
                True,
                [],
                [{"registrationId": "b-1", "errorCode": 409201, "errorStatus": "Enrollment already exists."}],
            ],
            "pages": [["b-1", "b-2"], ["b-3", "n-1"]],
            "bulkRemoved": True,
            "groups": ["fleet", "trams"],
            "registration": ["tram", "tram", "assigned"],
            "registrations": ["tram"],
            "forgotten": ["Error", 404204],
        }
        options = {"symmetric_key": KEYS["secondaryKey"], **hub.provisioning_options}
        with azmqtt.DeviceClient.provision(hub.id_scope, "n-1", **options) as client:
            assert client.registration.device_id == "kitchen"
            assert client.get_twin().desired == {"interval": 5}
        options = {"group_key": group_key, **hub.provisioning_options}
        with azmqtt.DeviceClient.provision(hub.id_scope, "truck", **options) as client:
            assert client.registration.device_id == "truck"
