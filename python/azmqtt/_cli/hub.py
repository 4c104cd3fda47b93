"""The command ``azmqtt hub``: a local IoT Hub until Ctrl-C."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from azmqtt._cli import fault, service
from azmqtt._cli.common import port_or_any, say_text, seconds
from azmqtt._cli.local import add_addresses, add_packets, directory, run_service
from azmqtt._hub import LocalHub

if TYPE_CHECKING:
    import argparse

#: The device that a hub gets which would have none.
_DEFAULT_DEVICE = "my-device"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``hub`` to the commands of a parser."""
    parser = subparsers.add_parser(
        "hub",
        help="run a local IoT Hub",
        description="Run a local IoT Hub that devices connect to by MQTT over TLS, until Ctrl-C.",
    )
    hostname = "the hub's name in connection strings and in its certificate"
    add_addresses(parser, port="TCP port", hostname=hostname)
    parser.add_argument(
        "--websocket-port",
        type=port_or_any,
        default=0,
        metavar="PORT",
        help="TCP port of MQTT over WebSockets and of other HTTPS, 0 for any free one (default: %(default)s)",
    )
    parser.add_argument(
        "--service-port",
        type=port_or_any,
        default=0,
        metavar="PORT",
        help="TCP port of the service's REST API, 0 for any free one; it may be that of WebSockets "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--provisioning-port",
        type=port_or_any,
        default=0,
        metavar="PORT",
        help="TCP port of the provisioning service (MQTT and WebSockets), 0 for any free one (default: %(default)s)",
    )
    parser.add_argument(
        "--device",
        action="append",
        default=[],
        metavar="ID",
        dest="devices",
        help=f"a device to have; may be repeated (default: {_DEFAULT_DEVICE}, unless the state has devices)",
    )
    parser.add_argument(
        "--state", type=directory, metavar="DIR", help="keep devices, keys, certificates and twins in this directory"
    )
    _add_behaviour(parser)
    fault.add_options(parser, "device_id=dev1")
    parser.add_argument("--json", action="store_true", help="print one line of JSON when ready, and nothing else")
    parser.set_defaults(run=run)
    service.add_hub_commands(
        parser.add_subparsers(
            title="commands",
            metavar="COMMAND",
            description="In place of running a hub, act as a back-end application on one that runs.",
        )
    )


def _add_behaviour(parser: argparse.ArgumentParser) -> None:
    """Add what devices notice."""
    parser.add_argument(
        "--c2d-lock",
        type=seconds,
        default=60.0,
        metavar="SECONDS",
        help="after this long a cloud-to-device message without acknowledgement is sent again (default: %(default)g)",
    )
    parser.add_argument(
        "--c2d-ttl",
        type=seconds,
        default=3600.0,
        metavar="SECONDS",
        help="how long a cloud-to-device message lives by default (default: %(default)g)",
    )
    parser.add_argument(
        "--c2d-max-delivery-count",
        type=int,
        default=10,
        metavar="N",
        help="on how many connections a cloud-to-device message is tried, 1 to 100 (default: %(default)s)",
    )
    parser.add_argument(
        "--c2d-feedback-interval",
        type=seconds,
        default=15.0,
        metavar="SECONDS",
        help="how long feedback waits for more before it is handed out over REST (default: %(default)g)",
    )
    parser.add_argument(
        "--keep-c2d",
        action="store_true",
        help="a connect with CleanSession 1 leaves the queue of cloud-to-device messages alone (default: empties it)",
    )
    parser.add_argument(
        "--disabled-return-code",
        type=int,
        choices=(3, 5),
        default=3,
        help="what a device that is disabled is told when it connects (default: %(default)s)",
    )
    parser.add_argument(
        "--tier",
        type=str.upper,
        default="S1",
        metavar="TIER",
        help="F1, B1, B2, B3, S1, S2 or S3 (default: %(default)s)",
    )
    parser.add_argument("--units", type=int, default=1, metavar="N", help="units of that tier (default: %(default)s)")
    parser.add_argument("--throttling", action="store_true", help="keep to the rates and quotas of the tier")
    add_packets(parser)


def run(args: argparse.Namespace) -> int:
    """Run the hub until it is told to stop; return the exit code."""

    def start() -> LocalHub:
        return LocalHub(
            host=args.host,
            port=args.port,
            websocket_port=args.websocket_port,
            service_port=args.service_port,
            provisioning_port=args.provisioning_port,
            state=args.state,
            hostname=args.hostname,
            record_packets=args.packets,
            c2d_lock=args.c2d_lock,
            c2d_ttl=args.c2d_ttl,
            c2d_max_delivery_count=args.c2d_max_delivery_count,
            c2d_feedback_interval=args.c2d_feedback_interval,
            clean_session_purges=not args.keep_c2d,
            tier=args.tier,
            units=args.units,
            throttling=args.throttling,
            disabled_return_code=args.disabled_return_code,
            allowed_origins=args.allow_origin,
        )

    return run_service(args, "hub", start, lambda hub: _have_devices(hub, args.devices), lambda hub: _report(hub, args))


def _have_devices(hub: LocalHub, wanted: list[str]) -> None:
    known = {device.device_id for device in hub.devices()}
    if not known and not wanted:
        wanted = [_DEFAULT_DEVICE]
    for device_id in dict.fromkeys(wanted):
        if device_id not in known:
            hub.create_device(device_id)


def _report(hub: LocalHub, args: argparse.Namespace) -> None:
    """Say how to connect. The keys are test keys of this machine: to print them is the purpose."""
    devices = hub.devices()
    if args.json:
        ready: dict[str, Any] = {
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
        say_text(json.dumps(ready))
        return
    say_text(f"The local IoT Hub listens on {args.host}, port {hub.port}. Ctrl-C ends it.")
    say_text(f"MQTT over WebSockets is on port {hub.websocket_port}.")
    say_text(f"Back-end applications connect with this test key:\n  {hub.service_connection_string}")
    say_text(f"They manage enrolments with this one:\n  {hub.provisioning_service_connection_string}")
    say_text(f"Devices must trust this certificate:\n  {hub.ca_file}")
    for device in devices:
        say_text(f"Device {device.device_id} connects with this test key:\n  {device.connection_string}")
    options = "" if hub.port == 8883 else f", port={hub.port}"  # noqa: PLR2004 - the port of MQTT over TLS
    say_text("In Python:")
    say_text("  import azmqtt")
    say_text(f'  client = azmqtt.DeviceClient.from_connection_string("…", trust={hub.ca_file!r}{options})')
