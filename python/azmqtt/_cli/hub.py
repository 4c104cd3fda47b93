"""The command ``azmqtt hub``: a local IoT Hub until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import threading
from typing import Any

from azmqtt._cli import fault, service
from azmqtt._cli.common import port_or_any, seconds, signals
from azmqtt._errors import DamagedState
from azmqtt._hub import LocalHub

#: The device that a hub gets which would have none.
_DEFAULT_DEVICE = "my-device"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``hub`` to the commands of a parser."""
    parser = subparsers.add_parser(
        "hub",
        help="run a local IoT Hub",
        description="Run a local IoT Hub that devices connect to by MQTT over TLS, until Ctrl-C.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=port_or_any, default=8883, help="TCP port, 0 for any free one (default: %(default)s)"
    )
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
        "--hostname",
        default="localhost",
        metavar="NAME",
        help="the hub's name in connection strings and in its certificate (default: %(default)s)",
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
        "--state", type=_directory, metavar="DIR", help="keep devices, keys, certificates and twins in this directory"
    )
    _add_behaviour(parser)
    fault.add_hub_options(parser)
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
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="an origin besides those of this machine from whose web pages WebSockets may be opened; may be repeated",
    )
    parser.add_argument("--packets", action="store_true", help="show every MQTT packet on stderr, without passwords")


def _directory(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("it must name a directory")
    return text


def run(args: argparse.Namespace) -> int:
    """Run the hub until SIGINT, SIGTERM or SIGHUP; return the exit code."""
    stop = threading.Event()
    with signals(("SIGINT", "SIGTERM", "SIGHUP"), lambda *_: stop.set()):
        return _run_until(stop, args)


def _run_until(stop: threading.Event, args: argparse.Namespace) -> int:
    _allow_files()
    try:
        hub = LocalHub(
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
    except (OSError, ValueError) as error:
        return _fail(error)
    with hub:
        try:
            _have_devices(hub, args.devices)
            fault.inject(hub, args)
        except (OSError, ValueError, LookupError) as error:
            return _fail(error)
        _report(hub, args)
        shown = 0
        # A wait without end would not see Ctrl-C on Windows.
        while not stop.wait(0.1 if args.packets else 0.5):
            shown = _show_packets(hub, shown) if args.packets else 0
        if args.packets:
            _show_packets(hub, shown)
    return 0


def _allow_files() -> None:
    """Raise this process's limit of open files as far as it may: every connected device takes one."""
    try:
        import resource  # not on Windows, which has no such limit either
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems refuse what they themselves call the limit; then fewer devices fit.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _show_packets(hub: LocalHub, after: int) -> int:
    """Show the packets that came since; return the number of the last."""
    for packet in hub.packets(after=after):
        who = f"{packet.client_id}, connection {packet.connection}"
        sys.stderr.write(f"{packet.time:%H:%M:%S.%f} {who}: {packet}\n")
        after = packet.sequence
    sys.stderr.flush()
    return after


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
        _say(json.dumps(ready))
        return
    _say(f"The local IoT Hub listens on {args.host}, port {hub.port}. Ctrl-C ends it.")
    _say(f"MQTT over WebSockets is on port {hub.websocket_port}.")
    _say(f"Back-end applications connect with this test key:\n  {hub.service_connection_string}")
    _say(f"They manage enrolments with this one:\n  {hub.provisioning_service_connection_string}")
    _say(f"Devices must trust this certificate:\n  {hub.ca_file}")
    for device in devices:
        _say(f"Device {device.device_id} connects with this test key:\n  {device.connection_string}")
    options = "" if hub.port == 8883 else f", port={hub.port}"  # noqa: PLR2004 - the port of MQTT over TLS
    _say("In Python:")
    _say("  import azmqtt")
    _say(f'  client = azmqtt.DeviceClient.from_connection_string("…", trust={hub.ca_file!r}{options})')


def _say(line: str) -> None:
    # Whoever reads this through a pipe waits for it.
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _fail(error: Exception) -> int:
    # An OSError with a number shows it before the words that say all.
    text = error.strerror if isinstance(error, OSError) and error.strerror else error
    sys.stderr.write(f"azmqtt hub: {text}\n")
    return 2 if isinstance(error, ValueError) and not isinstance(error, DamagedState) else 1
