"""Faults on the command line: options of ``azmqtt hub``, and ``azmqtt fault`` for a hub that runs."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from azmqtt._cli_common import UsageError, count, say, seconds

if TYPE_CHECKING:
    from azmqtt._hub import LocalHub

#: Where a service connection string is looked for, as in Microsoft's samples.
SERVICE_CONNECTION_STRING = "IOTHUB_CONNECTION_STRING"

#: How long a hub's answer is waited for, in seconds.
_TIMEOUT = 30

_API_VERSION = "2021-04-12"

_SPEC = "such as lose:on=puback,count=2 or drop:every=5,device_id=dev1, or a JSON object"


def add_hub_options(parser: argparse.ArgumentParser) -> None:
    """Add what goes wrong, and what the hub's tier allows, to the options of ``azmqtt hub``."""
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="SPEC",
        dest="faults",
        help=f"have something go wrong, {_SPEC}; may be repeated",
    )
    parser.add_argument(
        "--fault-seed", type=count, default=0, metavar="N", help="what decides by chance (default: %(default)s)"
    )
    parser.add_argument(
        "--fault-duration",
        type=seconds,
        default=3600.0,
        metavar="SECONDS",
        help="how long faults with every=… or probability=… go on (default: %(default)g)",
    )
    parser.add_argument(
        "--tier", default="S1", metavar="TIER", help="F1, B1, B2, B3, S1, S2 or S3 (default: %(default)s)"
    )
    parser.add_argument("--units", type=int, default=1, metavar="N", help="units of that tier (default: %(default)s)")
    parser.add_argument("--throttling", action="store_true", help="keep to the rates and quotas of the tier")


def inject(hub: LocalHub, args: argparse.Namespace) -> None:
    """Set the faults of the command line: those by chance as one schedule, so that a seed repeats them.

    Raises:
        ValueError: One makes no sense.
        LookupError: One names a device that is not there.
    """
    if not args.faults:
        return
    from azmqtt.faults import FaultSchedule, parse

    rules = [parse(spec) for spec in args.faults]
    by_chance = [rule for rule in rules if "every" in rule or ("probability" in rule and "seed" not in rule)]
    for rule in rules:
        if rule not in by_chance:
            hub.inject_fault(json.dumps(rule))
    if by_chance:
        faults: list[tuple[str, dict[str, Any]]] = [(json.dumps(rule), {}) for rule in by_chance]
        hub.start_fault_schedule(FaultSchedule(args.fault_seed, args.fault_duration, faults))


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``fault`` to the commands of a parser."""
    parser = subparsers.add_parser(
        "fault",
        help="have something go wrong in a local hub that runs",
        description="Have something go wrong in a local hub that runs, over its REST API.",
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--service-connection-string",
        "-l",
        metavar="TEXT",
        help=f"the hub's, '-' to read it from stdin (default: ${SERVICE_CONNECTION_STRING})",
    )
    common.add_argument("--trust", metavar="FILE", required=True, help="the hub's certificate, a PEM file")
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    setting = actions.add_parser("set", parents=[common], help="set a fault; prints it with its id")
    setting.add_argument("fault", metavar="SPEC", help=_SPEC.replace(" or drop:every=5,device_id=dev1", ""))
    setting.set_defaults(run=_set)
    listing = actions.add_parser(
        "list", parents=[common], help="print the faults that are set, and how often they fired"
    )
    listing.set_defaults(run=_list)
    clearing = actions.add_parser("clear", parents=[common], help="take away one fault, or all")
    clearing.add_argument("id", metavar="ID", nargs="?", type=count, help="the fault's id")
    clearing.set_defaults(run=_clear)
    fired = actions.add_parser("fired", parents=[common], help="print what has happened")
    fired.add_argument("--after", type=count, default=0, metavar="N", help="only what came after this sequence number")
    fired.set_defaults(run=_fired)


def _set(args: argparse.Namespace) -> int:
    from azmqtt.faults import parse

    say(_ask(args, "POST", "", parse(args.fault)))
    return 0


def _list(args: argparse.Namespace) -> int:
    for rule in _ask(args, "GET", ""):
        say(rule)
    return 0


def _clear(args: argparse.Namespace) -> int:
    _ask(args, "DELETE", "" if args.id is None else f"/{args.id}")
    return 0


def _fired(args: argparse.Namespace) -> int:
    for fired in _ask(args, "GET", f"/fired?after={args.after}"):
        say(fired)
    return 0


def _ask(args: argparse.Namespace, method: str, path: str, body: Any = None) -> Any:
    """Ask the hub; return what its answer holds.

    Raises:
        ValueError: It refused; says why.
        OSError: It cannot be reached.
    """
    import http.client
    import ssl

    from azmqtt import sas

    parts = _parts(args)
    host, _, port = parts["HostName"].partition(":")
    token = sas.generate(host, parts["SharedAccessKey"], policy=parts["SharedAccessKeyName"], ttl=300)
    connection = http.client.HTTPSConnection(
        host, int(port or 443), timeout=_TIMEOUT, context=ssl.create_default_context(cafile=args.trust)
    )
    separator = "&" if "?" in path else "?"
    try:
        connection.request(
            method,
            f"/azmqtt/faults{path}{separator}api-version={_API_VERSION}",
            None if body is None else json.dumps(body),
            {"Authorization": token, "Content-Type": "application/json"},
        )
        answer = connection.getresponse()
        text = answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"the hub's answer is no HTTP: {error!r}") from None
    finally:
        connection.close()
    try:
        content = json.loads(text) if text else None
    except ValueError:
        raise ValueError(f"the hub answered {answer.status} with what is not JSON") from None
    if answer.status >= 400:  # noqa: PLR2004 - every reader knows this number
        why = content.get("Message") if isinstance(content, dict) else None
        raise ValueError(f"the hub answered {answer.status}: {why or answer.reason}")
    return content


def _parts(args: argparse.Namespace) -> dict[str, str]:
    """Take the service connection string apart.

    Raises:
        UsageError: There is none, or a part is missing; never shows the key.
    """
    text: str | None = args.service_connection_string
    if text == "-":
        text = sys.stdin.readline()
    elif text is None:
        text = os.environ.get(SERVICE_CONNECTION_STRING)
    if not text:
        raise UsageError(f"a service connection string is needed: -l, '-' for stdin, or ${SERVICE_CONNECTION_STRING}")
    parts = dict(part.partition("=")[::2] for part in text.strip().split(";"))
    for name in ("HostName", "SharedAccessKeyName", "SharedAccessKey"):
        if not parts.get(name):
            raise UsageError(f"the service connection string has no {name}")
    if not parts["HostName"].partition(":")[2].isdigit() and ":" in parts["HostName"]:
        raise UsageError("the service connection string's HostName ends in no port")
    return parts
