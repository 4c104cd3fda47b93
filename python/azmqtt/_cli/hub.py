"""The command ``azmqtt hub``: a local IoT Hub until Ctrl-C."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._cli import dev, fault, hub_ready, life, monitor, page, service_hub
from azmqtt._cli.common import port_or_any, seconds
from azmqtt._cli.dev import DEFAULT_DEVICE
from azmqtt._cli.local import MQTT_PORT, add_addresses, add_packets, directory, fail, run_service, settle
from azmqtt._hub import LocalHub

if TYPE_CHECKING:
    import argparse

#: The ports of ``--dev``, at its first start; the other ones, without it, are 0.
_DEV_PORTS = {"port": MQTT_PORT, "websocket_port": 8443, "service_port": 8443, "provisioning_port": 8884}


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
        metavar="PORT",
        help="TCP port of MQTT over WebSockets and of other HTTPS, 0 for any free one (default: 0)",
    )
    parser.add_argument(
        "--service-port",
        type=port_or_any,
        metavar="PORT",
        help="TCP port of the service's REST API, 0 for any free one; it may be that of WebSockets (default: 0)",
    )
    parser.add_argument(
        "--provisioning-port",
        type=port_or_any,
        metavar="PORT",
        help="TCP port of the provisioning service (MQTT and WebSockets), 0 for any free one (default: 0)",
    )
    parser.add_argument(
        "--device",
        action="append",
        default=[],
        metavar="ID",
        dest="devices",
        help=f"a device to create; may be repeated (default: {DEFAULT_DEVICE}, unless the state has devices)",
    )
    parser.add_argument(
        "--state", type=directory, metavar="DIR", help="keep devices, keys, certificates and twins in this directory"
    )
    dev.add_service_option(parser, _DEV_PORTS)
    _add_behaviour(parser)
    fault.add_options(parser, "device_id=dev1")
    life.add_options(parser)
    parser.add_argument("--json", action="store_true", help="print one line of JSON when ready, and nothing else")
    parser.add_argument("--open", action="store_true", help="open the hub's page in the browser when ready")
    parser.set_defaults(run=run)
    commands = parser.add_subparsers(
        title="commands",
        metavar="COMMAND",
        description="Instead of running a hub, manage a running one as a back-end application.",
    )
    service_hub.add_commands(commands)
    page.add_commands(commands)
    monitor.add_commands(commands)


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
        help="the return code for a disabled device that connects (default: %(default)s)",
    )
    parser.add_argument(
        "--tier",
        type=str.upper,
        default="S1",
        metavar="TIER",
        help="F1, B1, B2, B3, S1, S2 or S3 (default: %(default)s)",
    )
    parser.add_argument("--units", type=int, default=1, metavar="N", help="units of that tier (default: %(default)s)")
    parser.add_argument("--throttling", action="store_true", help="apply the rates and quotas of the tier")
    add_packets(parser)


def run(args: argparse.Namespace) -> int:
    """Run the hub until it is told to stop; return the exit code."""
    try:
        settle(args, "hub", _DEV_PORTS)
    except (OSError, ValueError) as error:
        return fail("hub", error)

    def start() -> LocalHub:
        return LocalHub(
            host=args.host,
            port=args.port,
            websocket_port=args.websocket_port,
            service_port=args.service_port,
            provisioning_port=args.provisioning_port,
            state=args.state,
            hostname=args.hostname,
            # For the page's timeline.
            record_packets=args.packets or args.open,
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

    args.packets = args.packets or args.verbose
    return run_service(
        args,
        "hub",
        start,
        lambda hub: _have_devices(hub, args.devices),
        lambda hub: hub_ready.report(hub, args),
        lambda hub: life.of_hub(hub, args),
    )


def _have_devices(hub: LocalHub, wanted: list[str]) -> None:
    known = {device.device_id for device in hub.devices()}
    if not known and not wanted:
        wanted = [DEFAULT_DEVICE]
    for device_id in dict.fromkeys(wanted):
        if device_id not in known:
            hub.create_device(device_id)
