"""What the commands of back-end applications share: which service is meant, and who is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeAlias

from azmqtt._cli import common, output
from azmqtt._rest.service import HUB, Service, ServiceApi

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no other name


def group(commands: Commands, name: str, what: str) -> Commands:
    """Add a command that only has commands."""
    parser = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
    return parser.add_subparsers(title="commands", required=True, metavar="COMMAND")


def command(
    commands: Commands,
    name: str,
    what: str,
    run: Callable[[argparse.Namespace], int],
    *,
    ids: tuple[str, ...] = (),
    service: Service = HUB,
) -> argparse.ArgumentParser:
    """Add a command with the options that all of these have."""
    parser = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
    for kind in ids:
        parser.add_argument(f"--{kind}-id", f"-{kind[0]}", required=True, metavar="ID", help=f"the {kind}'s id")
    add_connection(parser, service)
    parser.set_defaults(run=run, kind=ids[-1] if ids else None)
    return parser


def ids_of(kind: str) -> tuple[str, ...]:
    """Return whose ids name a device or a module."""
    return ("device",) if kind == "device" else ("device", "module")


def add_etag(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the option for a condition; ``default`` says what holds without it."""
    parser.add_argument("--etag", "-e", metavar="ETAG", help=f"only if this is still the etag (default: {default})")


def add_connection(parser: argparse.ArgumentParser, service: Service = HUB, *, listens: bool = False) -> None:
    """Add the options that say which service is meant, and how the result is printed.

    ``--timeout`` is for an answer, or, of a command that ``listens``, for what comes next.
    """
    output.add_options(parser.add_argument_group("output"))
    group = parser.add_argument_group("connection")
    group.add_argument(
        "--service-connection-string",
        "--login",
        "-l",
        metavar="TEXT",
        help=f"the {service.name}'s connection string with a policy, '-' to read it from stdin "
        f"(default: ${service.variable})",
    )
    group.add_argument("--dev", action="store_true", help="the hub that 'azmqtt hub --dev' runs")
    group.add_argument(
        "--trust", metavar="FILE", help="a PEM file with the root certificates to trust: a local hub's CA file"
    )
    common.add_timeout(group, 30.0, "--to", listens=listens)


def service_api(arguments: argparse.Namespace, service: Service = HUB) -> ServiceApi:
    """Find the service by the options of :func:`add_connection`, or the environment.

    Raises:
        UsageError: There is no connection string.
        ValueError: It is not a service's, never showing the key; the file with the roots cannot be read.
        OSError: With ``--dev``: there is no such hub, or others can read its keys.
    """
    if arguments.dev:
        from azmqtt._client import dev_hub

        if arguments.service_connection_string is not None or arguments.trust is not None:
            raise common.UsageError("--dev knows the hub: leave the connection string and --trust out")
        return dev_hub.service(arguments.timeout, service)
    from azmqtt._support.connection_string import parts

    text: str | None = arguments.service_connection_string
    if text == "-":
        text = common.line_of_stdin()
    elif text is None:
        text = os.environ.get(service.variable)
    if not text:
        raise common.UsageError(
            f"a connection string of the {service.name} is needed: --service-connection-string, '-' for stdin, or "
            f"${service.variable}; for the hub of 'azmqtt hub --dev' --dev"
        )
    return ServiceApi(parts(text), service, trust=arguments.trust, timeout=arguments.timeout)


def path_of(arguments: argparse.Namespace, top: str, *rest: str) -> str:
    """Return the path of the device or module that is meant."""
    from azmqtt._rest.https import path

    module = ("modules", arguments.module_id) if getattr(arguments, "module_id", None) else ()
    return path(top, arguments.device_id, *module, *rest)


def say(result: Any, *, columns: output.Columns | None = None) -> int:
    """Print a result; return the exit code."""
    common.say(result, pretty=True, columns=columns)
    return 0
