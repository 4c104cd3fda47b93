"""What the commands of local services share."""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import TYPE_CHECKING

from azmqtt._errors import DamagedState

if TYPE_CHECKING:
    import threading

    from azmqtt._hub import LocalHub
    from azmqtt._namespace import LocalNamespace


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


def fail(command: str, error: Exception) -> int:
    """Say why a service does not start; return the exit code."""
    # An OSError with a number shows it before the words that say all.
    text = error.strerror if isinstance(error, OSError) and error.strerror else error
    sys.stderr.write(f"azmqtt {command}: {text}\n")
    return 2 if isinstance(error, ValueError) and not isinstance(error, DamagedState) else 1


def add_packets(parser: argparse.ArgumentParser) -> None:
    """Add the option that has packets shown."""
    parser.add_argument("--packets", action="store_true", help="show every MQTT packet on stderr, without passwords")


def run_until(stop: threading.Event, service: LocalHub | LocalNamespace, *, packets: bool) -> None:
    """Wait for the end, and meanwhile show the packets if that is wanted."""
    shown = 0
    # A wait without end would not see Ctrl-C on Windows.
    while not stop.wait(0.1 if packets else 0.5):
        shown = _show_packets(service, shown) if packets else 0
    if packets:
        _show_packets(service, shown)


def _show_packets(service: LocalHub | LocalNamespace, after: int) -> int:
    """Show the packets that came since; return the number of the last."""
    for packet in service.packets(after=after):
        who = f"{packet.client_id}, connection {packet.connection}"
        sys.stderr.write(f"{packet.time:%H:%M:%S.%f} {who}: {packet}\n")
        after = packet.sequence
    sys.stderr.flush()
    return after
