"""The option ``--dev``: a service with credentials that stay, and the commands that find it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

from azmqtt._cli import common

if TYPE_CHECKING:
    import argparse

    from azmqtt._client.dev_hub import DevIdentity
    from azmqtt._support.dev_state import Kind

#: The device that a hub gets which would have none, and that ``--dev`` means without ``--device-id``.
DEFAULT_DEVICE = "my-device"


def add_service_option(parser: argparse.ArgumentParser, ports: dict[str, int]) -> None:
    """Add ``--dev`` to what runs a service; ``ports`` are those of its first start."""
    shown = ", ".join(str(number) for number in dict.fromkeys(ports.values()))
    parser.add_argument(
        "--dev",
        action="store_true",
        help="keep everything in a directory of this user's own, so that keys and ports are the same at every start, "
        f"and other commands with --dev find it. Ports: {shown}, or those that were given before",
    )


def add_client_options(group: argparse._ArgumentGroup) -> None:
    """Add ``--dev`` to what connects as a device."""
    group.add_argument(
        "--dev", action="store_true", help="connect to the hub that 'azmqtt hub --dev' runs, without further options"
    )
    group.add_argument(
        "--device-id",
        "-d",
        metavar="ID",
        help=f"with --dev: which device; created if missing (default: {DEFAULT_DEVICE})",
    )
    group.add_argument("--module-id", "-m", metavar="ID", help="with --dev: which module of the device")


def settle(arguments: argparse.Namespace, kind: Kind, ports: dict[str, int]) -> None:
    """Fill in the options of a service that runs with ``--dev``: where its state is, and its ports.

    Args:
        arguments: The options; a port that was not given is ``None``.
        kind: Which service.
        ports: The ports of the first start, by the names of their options.

    Raises:
        UsageError: An option that goes against it.
        PermissionError: The directory is not this user's alone.
        ValueError: Its file is damaged.
        OSError: It cannot be made.
    """
    from azmqtt._support import dev_state

    if arguments.state is not None:
        raise common.UsageError("--dev has a state directory of its own: leave --state out")
    if not _is_loopback(arguments.host):
        raise common.UsageError(f"--dev is for this machine alone: --host {arguments.host} is not a loopback address")
    if arguments.hostname != "localhost":
        raise common.UsageError("--dev is for this machine alone: its name is localhost, leave --hostname out")
    dev_state.make_directory()
    before = dev_state.read_if_there(kind) or {}
    for name, first in ports.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, dev_state.port(kind, before, name) if name in before else first)
    arguments.state = str(dev_state.state_of(kind))


def remember(kind: Kind, ready: dict[str, Any]) -> None:
    """Write where the service listens, for commands with ``--dev`` and for the next start."""
    from azmqtt._support import dev_state

    dev_state.write(kind, {**ready, "pid": os.getpid()})


def explained(error: OSError, kind: Kind) -> OSError:
    """Say why a service does not start with ``--dev``, where the reason is another program."""
    from azmqtt._support import dev_state

    if error.errno == errno.EADDRINUSE:
        return OSError(
            f"{error.strerror}, and --dev uses it at every start: end that program, or choose another port, such as "
            "--port 18883, which is remembered"
        )
    if f"in use by another {kind}" in str(error):
        pid = (dev_state.read_if_there(kind) or {}).get("pid")
        known = f", process {pid}," if isinstance(pid, int) else ""
        return OSError(f"another '{dev_state.COMMANDS[kind]}'{known} runs already: use that one, or end it first")
    return error


def is_meant(arguments: argparse.Namespace) -> bool:
    """Tell whether a device's command is for the development hub.

    Raises:
        UsageError: Options that do not go together.
    """
    if arguments.dev:
        for option in ("connection_string", "certificate", "private_key"):
            if getattr(arguments, option) is not None:
                raise common.UsageError(f"--dev and --{option.replace('_', '-')} do not go together")
        if arguments.module_id is not None and arguments.device_id is None:
            raise common.UsageError("--module-id needs --device-id")
        return True
    for option in ("device_id", "module_id"):
        if getattr(arguments, option) is not None:
            raise common.UsageError(f"--{option.replace('_', '-')} goes with --dev; a connection string has its own")
    return False


def identity(arguments: argparse.Namespace) -> DevIdentity:
    """Find the device of the options, made if it is missing; see :func:`azmqtt._client.dev_hub.identity`."""
    from azmqtt._client.dev_hub import identity

    return identity(arguments.device_id or DEFAULT_DEVICE, arguments.module_id, arguments.timeout)


def identities(arguments: argparse.Namespace, count: int) -> tuple[dict[str, Any], list[str]]:
    """Find so many devices, made if they are missing: the options of their clients, and their connection strings."""
    from concurrent.futures import ThreadPoolExecutor

    from azmqtt._client.dev_hub import identity

    if arguments.module_id is not None:
        raise common.UsageError("--devices and --module-id do not go together")
    prefix = arguments.device_id or DEFAULT_DEVICE
    names = [f"{prefix}-{number}" for number in range(1, count + 1)]
    # The first by itself: what is wrong is to be found once.
    first = identity(names[0], None, arguments.timeout)
    with ThreadPoolExecutor(16) as threads:
        others = threads.map(lambda name: identity(name, None, arguments.timeout), names[1:])
        strings = [first.connection_string, *(found.connection_string for found in others)]
    return first.options(websocket=arguments.websocket), strings


def _is_loopback(host: str) -> bool:
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
