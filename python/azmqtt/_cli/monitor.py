"""The commands ``azmqtt hub monitor-events`` and ``azmqtt namespace monitor-events``: what arrives, as JSON lines."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING, NamedTuple, Protocol

from azmqtt._cli import common, output

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from http.client import HTTPResponse

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no other name

#: Where a stream begins: the number of an event, or of one of each kind.
_SINCE = re.compile(r"now|[0-9]{1,20}|[a-z]+:[0-9]{1,20}(,[a-z]+:[0-9]{1,20})*")

#: Names of hubs on Azure, by their ends.
_ON_AZURE = (".azure-devices.net", ".azure-devices.cn", ".azure-devices.us")


class Watchable(Protocol):
    """A service whose streams can be read."""

    def stream(
        self, path: str, query: str, *, headers: dict[str, str], timeout: float
    ) -> AbstractContextManager[HTTPResponse]: ...


class _Kind(NamedTuple):
    """A kind of service: what its messages are called in the paths, and who sends them."""

    messages: str
    who: str
    #: Further parameters that are options.
    parameters: tuple[str, ...] = ()


_HUB = _Kind("telemetry", "device")
_NAMESPACE = _Kind("messages", "client", ("topic",))


def add_commands(commands: Commands) -> None:
    """Add what goes below ``hub``, as it does below ``az iot hub``, and a shorter name for it."""
    from azmqtt._cli.service import add_connection

    description = "Print what devices send to a local hub, as lines of JSON while it comes, until Ctrl-C."
    for parser in _parsers(commands, "print telemetry as it comes", description):
        add_connection(parser, listens=True)
        _add_options(parser, _HUB)
        parser.set_defaults(run=_run_for_hub)


def _parsers(commands: Commands, purpose: str, description: str) -> list[argparse.ArgumentParser]:
    """Make the parsers of the command and of its shorter name."""
    names = {"monitor-events": purpose, "monitor": "the same"}
    return [commands.add_parser(name, help=text, description=description) for name, text in names.items()]


def _run_for_hub(arguments: argparse.Namespace) -> int:
    from azmqtt._cli.service import service_api

    api = service_api(arguments)
    check_is_local(api.host)
    return _run(arguments, api, _HUB)


def add_namespace_commands(commands: Commands) -> None:
    """Add the same below ``namespace``."""
    from azmqtt._cli.namespace_find import add_connection

    description = "Print what clients publish to a local namespace, as lines of JSON, until Ctrl-C."
    for parser in _parsers(commands, "print messages as they come", description):
        add_connection(parser, listens=True)
        _add_options(parser, _NAMESPACE)
        parser.add_argument("--topic", metavar="FILTER", help="only topics that match this filter, such as 'rooms/+/t'")
        parser.set_defaults(run=_run_for_namespace)


def _run_for_namespace(arguments: argparse.Namespace) -> int:
    from azmqtt._cli.namespace_find import find

    return _run(arguments, find(arguments)[0], _NAMESPACE)


def _add_options(parser: argparse.ArgumentParser, kind: _Kind) -> None:
    """Add what is to be shown."""
    who = kind.who
    parser.add_argument(f"--{who}-id", f"-{who[0]}", metavar="ID", help=f"only what this {who} sent (default: all)")
    parser.add_argument(
        "--events", action="store_true", help="show connections, refusals, twins, methods and so on, too, with 'kind'"
    )
    parser.add_argument(
        "--since",
        type=_since,
        default="now",
        metavar="ID",
        help="begin after the message with this id, 0 for all that is kept, or with what comes now (default: now)",
    )
    parser.add_argument(
        "--count", type=common.count, metavar="N", help="end after so many; it is a failure if fewer come in time"
    )


def _since(text: str) -> str:
    if not _SINCE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text} is not the id of an event, nor 'now'")
    return text


def check_is_local(hostname: str) -> None:
    """Check that a hub is not one on Azure, which has no such stream.

    Raises:
        NotImplementedError: It is one.
    """
    if hostname.lower().endswith(_ON_AZURE):
        raise NotImplementedError(
            "Azure hands out telemetry over AMQP only, which azmqtt does not speak: 'az iot hub monitor-events' does; "
            "this command is for a local hub"
        )


def _run(arguments: argparse.Namespace, service: Watchable, kind: _Kind) -> int:
    """Print what comes; return the exit code."""
    from urllib.parse import urlencode

    from azmqtt._cli.event_stream import SilenceError, follow

    path, kinds = f"/azmqtt/{kind.messages}", None
    if arguments.events:
        path, kinds = "/azmqtt/stream", f"{kind.messages},events"
    asked = {"kinds": kinds, kind.who: getattr(arguments, f"{kind.who}_id")}
    asked |= {name: getattr(arguments, name) for name in kind.parameters}
    query = urlencode({name: value for name, value in asked.items() if value is not None})

    def open_stream(since: str, timeout: float) -> AbstractContextManager[HTTPResponse]:
        # Also for the first time: then the parameter and the header are one thing.
        headers = {"Accept": "text/event-stream", "Last-Event-ID": _of_stream(since, kind) if kinds else since}
        return service.stream(path, query, headers=headers, timeout=timeout)

    shown = 0
    patience = arguments.timeout or None
    try:
        for event in follow(open_stream, arguments.since, patience, _say_to_people):
            if "lost" in event.value:
                _say_to_people(f"{event.value['lost']} more came, but are no longer kept")
                continue
            output.say_event(event.value)
            shown += 1
            if shown == arguments.count:
                return 0
    except SilenceError:
        if arguments.count is None:
            return 0
        sys.stderr.write(f"azmqtt: {shown} of {arguments.count} came; none for {arguments.timeout:g} s\n")
        return 1
    return 0


def _of_stream(since: str, kind: _Kind) -> str:
    """Return where a stream of several kinds begins; one number is that of a message."""
    return f"{kind.messages}:{since},events:{since}" if since.isdigit() else since


def _say_to_people(text: str) -> None:
    sys.stderr.write(f"azmqtt: {text}\n")
    sys.stderr.flush()
