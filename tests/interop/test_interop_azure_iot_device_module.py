"""A module of Microsoft's azure-iot-device, unmodified and in a venv of its own, works against the local hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import azmqtt
from scripted_workload import ScriptedWorkload

SESSION = Path(__file__).parent / "azure_iot_device_module_session.py"
#: By which the hub is known; the client dials localhost, its gateway.
HUB = "myhub.azure-devices.net"

DEVICE, MODULE = "sdk-device", "sdk-module"

pytestmark = pytest.mark.usefixtures("fixed_ports")


def run(hub: azmqtt.LocalHub, command: list[str | Path], environment: dict[str, str] | None = None) -> None:
    """Run the session, be its other side, and compare what both have seen."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            if ready:
                hub.patch_desired(DEVICE, {"interval": 5}, module_id=MODULE)
                hub.send_to_input(DEVICE, MODULE, "input 1", "to the input", {"kind": "order"})
                answer = hub.invoke_method(DEVICE, "reboot", {"delay": 5}, module_id=MODULE, connect_timeout=30)
            out, err = process.communicate(timeout=90)
        finally:
            process.kill()
    assert process.returncode == 0, f"the SDK's session failed:\n{err}"
    seen = json.loads(out)

    plain, routed = hub.wait_for_telemetry(DEVICE, 2, timeout=5, module_id=MODULE)
    assert (plain.text, plain.output_name, plain.system_properties["message-id"]) == ("plain", None, "m-1")
    assert (routed.text, routed.output_name) == ("routed", "output 1")
    assert routed.properties == {"alert": "a b&c=d/é"}

    assert seen["twin"]["reported"] == {"firmware": "1.1", "$version": 2}
    assert seen["desired_patch"] == {"interval": 5, "$version": 2}
    assert seen["input"] == ["input 1", "to the input", "order"]
    assert seen["method"] == ["reboot", {"delay": 5}]
    assert (answer.status, answer.payload) == (202, {"accepted": True})
    assert hub.pending_inputs(DEVICE, MODULE) == 0


@pytest.mark.timeout(420)
def test_sdk_module_session(sdk_python: Path) -> None:
    """Both telemetry topics, twin, a desired change, an input and a method; the SDK knows port 8883 alone."""
    with azmqtt.LocalHub(port=8883) as hub:
        hub.create_device(DEVICE)
        module = hub.create_module(DEVICE, MODULE)
        run(hub, [sdk_python, SESSION, module.connection_string, hub.ca_file])


def environment_of(hub: azmqtt.LocalHub, workload: ScriptedWorkload) -> dict[str, str]:
    """What the runtime sets for the module."""
    return {
        **os.environ,
        "IOTEDGE_WORKLOADURI": workload.uri,
        "IOTEDGE_DEVICEID": DEVICE,
        "IOTEDGE_MODULEID": MODULE,
        "IOTEDGE_MODULEGENERATIONID": "1",
        "IOTEDGE_IOTHUBHOSTNAME": hub.hostname,
        "IOTEDGE_GATEWAYHOSTNAME": "localhost",
        "IOTEDGE_APIVERSION": "2019-01-30",
    }


@pytest.fixture
def runtime() -> Iterator[Callable[[azmqtt.LocalHub], ScriptedWorkload]]:
    """Makes the module with its device, and the runtime that signs for it."""
    with ExitStack() as stack:

        def start(hub: azmqtt.LocalHub) -> ScriptedWorkload:
            hub.create_device(DEVICE)
            key = hub.create_module(DEVICE, MODULE).connection_string.rpartition("SharedAccessKey=")[2]
            return stack.enter_context(ScriptedWorkload(key, hub.ca_pem))

        yield start


@pytest.mark.skipif(sys.platform == "win32", reason="a Unix domain socket")
@pytest.mark.timeout(420)
def test_sdk_module_inside_iot_edge(sdk_python: Path, runtime: Callable[[azmqtt.LocalHub], ScriptedWorkload]) -> None:
    """The same with the hub as the gateway, tokens and roots from a runtime."""
    with azmqtt.LocalHub(port=8883, hostname=HUB) as hub:
        run(hub, [sdk_python, SESSION], environment_of(hub, runtime(hub)))


@pytest.mark.skipif(sys.platform == "win32", reason="a Unix domain socket")
@pytest.mark.timeout(420)
def test_sdk_module_calls_a_method_if_port_443_may_be_used(
    sdk_python: Path, runtime: Callable[[azmqtt.LocalHub], ScriptedWorkload]
) -> None:
    """Through the hub as the gateway, answered by a module of ours. The SDK knows no other port than 443."""
    try:
        hub = azmqtt.LocalHub(websocket_port=443, hostname=HUB)
    except OSError as error:
        pytest.skip(f"port 443: {error}")
    with hub:
        environment = environment_of(hub, runtime(hub))
        options = {"trust": hub.ca_file, "port": hub.port}
        other = hub.create_module(DEVICE, "other")
        connection_string = f"{other.connection_string};GatewayHostName=localhost"
        with azmqtt.DeviceClient.from_connection_string(connection_string, **options) as client:
            client.on_method("ping", lambda request: (207, [request.payload]))
            command = [sdk_python, SESSION, "invoke"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=90, env=environment, check=False)
    assert done.returncode == 0, f"the SDK's session failed:\n{done.stderr}"
    assert json.loads(done.stdout) == {"status": 207, "payload": [{"n": 1}]}
