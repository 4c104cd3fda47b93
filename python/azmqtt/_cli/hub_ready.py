"""What ``azmqtt hub`` says when it is ready: how to connect, for programs in a line of JSON, for people in words."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from azmqtt._cli import common, dev, page
from azmqtt._cli.common import say_text
from azmqtt._cli.local import MQTT_PORT
from azmqtt._rest.service import HUB

if TYPE_CHECKING:
    import argparse

    from azmqtt import LocalHub
    from azmqtt._hub_types import LocalDevice

_DATA = """--data '{"temperature": 21.5}'"""


def report(hub: LocalHub, args: argparse.Namespace) -> None:
    """Say how to connect. The keys are test keys of this machine: to print them is the purpose."""
    devices = hub.devices()
    found = ready(hub, devices)
    if args.dev:
        dev.remember("hub", found)
    if args.json:
        say_text(json.dumps(found))
        if args.open:
            page.show(hub.page_url(), open_it=True, quiet=True)
        return
    say_text(f"The local IoT Hub listens on {args.host}, port {hub.port}. Ctrl-C ends it.")
    say_text(
        f"MQTT over WebSockets is on port {hub.websocket_port}, the service's REST API on port {hub.service_port}."
    )
    if args.dev:
        _say_for_dev(devices)
    else:
        _say_keys(hub, devices)
        _say_shell_lines(hub, devices)
        options = "" if hub.port == MQTT_PORT else f", port={hub.port}"
        say_text("In Python:")
        say_text("  import azmqtt")
        say_text(f'  client = azmqtt.DeviceClient.from_connection_string("…", trust={hub.ca_file!r}{options})')
    page.show(hub.page_url(), open_it=args.open)


def ready(hub: LocalHub, devices: list[LocalDevice]) -> dict[str, Any]:
    """Lay out where a hub listens, and with which keys: the line of ``--json``."""
    return {
        "hostname": hub.hostname,
        "port": hub.port,
        "websocket_port": hub.websocket_port,
        "service_port": hub.service_port,
        "service_connection_string": hub.service_connection_string,
        "ca_file": hub.ca_file,
        "id_scope": hub.id_scope,
        "provisioning_port": hub.provisioning_port,
        "provisioning_service_connection_string": hub.provisioning_service_connection_string,
        "devices": [
            {"device_id": device.device_id, "connection_string": device.connection_string} for device in devices
        ],
    }


def _say_for_dev(devices: list[LocalDevice]) -> None:
    from azmqtt._support import dev_state

    ids = [device.device_id for device in devices]
    other = "" if dev.DEFAULT_DEVICE in ids or not ids else f" --device-id {shlex.quote(ids[0])}"
    in_python = "" if not other else repr(ids[0])
    say_text(f"Its keys and ports stay, in {dev_state.directory()}.")
    say_text("Another shell needs no keys:")
    say_text(f"  azmqtt device send-d2c-message --dev{other} {_DATA}")
    say_text("  azmqtt hub monitor-events --dev")
    say_text("Nor does Python:")
    say_text("  import azmqtt")
    say_text(f"  client = azmqtt.DeviceClient.from_dev_hub({in_python})")


def _say_keys(hub: LocalHub, devices: list[LocalDevice]) -> None:
    say_text(f"Back-end applications connect with this test key:\n  {hub.service_connection_string}")
    say_text(f"They manage enrolments with this one:\n  {hub.provisioning_service_connection_string}")
    say_text(f"Devices must trust this certificate:\n  {hub.ca_file}")
    for device in devices:
        say_text(f"Device {device.device_id} connects with this test key:\n  {device.connection_string}")


def _say_shell_lines(hub: LocalHub, devices: list[LocalDevice]) -> None:
    """Say what another shell needs, to be pasted as it is."""
    trust = f"--trust {shlex.quote(hub.ca_file)}"
    device = next((device for device in devices if "x509=true" not in device.connection_string), None)
    if device is not None:
        user = shlex.quote(f"{hub.hostname}/{device.device_id}/?api-version=2021-04-12")
        topic = shlex.quote(f"devices/{device.device_id}/messages/events/")
        say_text(f"In another shell, as device {device.device_id}:")
        say_text(f"  export {common.CONNECTION_STRING}={shlex.quote(device.connection_string)}")
        say_text(f"  azmqtt device send-d2c-message {trust} --port {hub.port} {_DATA}")
        say_text("or with mosquitto's client, and jq:")
        say_text(
            f"  mosquitto_pub -V mqttv311 -q 1 -h {hub.hostname} -p {hub.port} --cafile {shlex.quote(hub.ca_file)} "
            f"-i {shlex.quote(device.device_id)} -u {user} "
            '-P "$(azmqtt generate-sas-token | jq -r .sas)" '
            f"-t {topic} -m hello"
        )
    say_text("As a back-end application:")
    say_text(f"  export {HUB.variable}={shlex.quote(hub.service_connection_string)}")
    say_text(f"  azmqtt hub device-identity list {trust}")
