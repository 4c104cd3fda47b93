"""What the commands of local services share."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
from typing import TYPE_CHECKING, TypeVar

from azmqtt._cli import dev, fault
from azmqtt._cli.common import port_or_any, signals
from azmqtt._errors import DamagedState
from azmqtt._support.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from azmqtt._cli.life import Life
    from azmqtt._hub import LocalHub
    from azmqtt._namespace import LocalNamespace
    from azmqtt._support.dev_state import Kind

    Service = TypeVar("Service", LocalHub, LocalNamespace)


#: Characters of a packet that its line shows: a topic alone may have 65,535 bytes.
_LONGEST_PACKET = 100_000

#: MQTT over TLS (IANA: secure-mqtt).
MQTT_PORT = 8883


def add_addresses(parser: argparse.ArgumentParser, *, port: str, hostname: str) -> None:
    """Add where a service listens; what its port and its name are for stands in ``port`` and ``hostname``."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=port_or_any, help=f"{port}, 0 for any free one (default: {MQTT_PORT})")
    parser.add_argument("--hostname", default="localhost", metavar="NAME", help=f"{hostname} (default: %(default)s)")
    parser.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="an origin besides those of this machine from whose web pages WebSockets may be opened, such as "
        "https://example.com; may be repeated",
    )


def settle(args: argparse.Namespace, kind: Kind, dev_ports: dict[str, int]) -> None:
    """Fill in the ports that were not given, and with ``--dev`` the state directory.

    Args:
        args: The options.
        kind: Which service.
        dev_ports: The ports of ``--dev``, by the names of their options.

    Raises:
        OSError, ValueError: See :func:`azmqtt._cli.dev.settle`.
    """
    if args.dev:
        dev.settle(args, kind, dev_ports)
    for name in dev_ports:
        if getattr(args, name) is None:
            setattr(args, name, MQTT_PORT if name == "port" else 0)


def directory(text: str) -> str:
    """Read the name of a directory."""
    if not text:
        raise argparse.ArgumentTypeError("it must name a directory")
    return text


def allow_files() -> None:
    """Raise this process's limit of open files as far as it may: every connected client takes one."""
    try:
        import resource  # not on Windows, which has no such limit either
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems refuse what they themselves call the limit; then fewer clients fit.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def run_service(
    args: argparse.Namespace,
    command: Kind,
    start: Callable[[], Service],
    prepare: Callable[[Service], None],
    report: Callable[[Service], None],
    life_of: Callable[[Service], Life | None] = lambda _: None,
) -> int:
    """Run a service until SIGINT, SIGTERM or SIGHUP; return the exit code.

    Args:
        args: Of the command line: faults, and whether packets are shown.
        command: The name of the command.
        start: Starts the service.
        prepare: Gives it what it is to begin with.
        report: Says how to connect, once all is there.
        life_of: Makes what shows its life, if anything does.
    """
    stop = threading.Event()
    with signals(("SIGINT", "SIGTERM", "SIGHUP"), lambda *_: stop.set()):
        allow_files()
        try:
            service = start()
        except OSError as error:
            return fail(command, dev.explained(error, command) if args.dev else error)
        except ValueError as error:
            return fail(command, error)
        with service:
            try:
                prepare(service)
                fault.inject(service, args)
            except (OSError, ValueError, LookupError, ModuleNotFoundError) as error:
                return fail(command, error)
            life = life_of(service)
            report(service)
            run_until(stop, service, packets=args.packets, life=life)
    return 0


def fail(command: str, error: Exception) -> int:
    """Say why a service does not start; return the exit code."""
    # An OSError with a number shows it before the words that say all.
    text = error.strerror if isinstance(error, OSError) and error.strerror else error
    sys.stderr.write(f"azmqtt {command}: {text}\n")
    return 2 if isinstance(error, ValueError) and not isinstance(error, DamagedState) else 1


def add_packets(parser: argparse.ArgumentParser) -> None:
    """Add the option that has packets shown."""
    parser.add_argument("--packets", action="store_true", help="show every MQTT packet on stderr, without passwords")


def run_until(
    stop: threading.Event, service: LocalHub | LocalNamespace, *, packets: bool, life: Life | None = None
) -> None:
    """Wait for the end, and meanwhile show packets and life if that is wanted."""
    shown = 0
    # A wait without end would not see Ctrl-C on Windows.
    while not stop.wait(0.1 if packets or life is not None else 0.5):
        shown = _show_packets(service, shown) if packets else 0
        if life is not None:
            life.show()
    if packets:
        _show_packets(service, shown)
    if life is not None:
        life.end()


def _show_packets(service: LocalHub | LocalNamespace, after: int) -> int:
    """Show the packets that came since; return the number of the last."""
    for packet in service.packets(after=after):
        who = f"{printable(str(packet.client_id))}, connection {packet.connection}"
        sys.stderr.write(f"{packet.time:%H:%M:%S.%f} {who}: {printable(str(packet), _LONGEST_PACKET)}\n")
        after = packet.sequence
    sys.stderr.flush()
    return after
