"""Faults on the command line: options of the local services, and ``azmqtt fault`` for a hub that runs."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any, Protocol

from azmqtt._cli.common import count, say, say_all, seconds
from azmqtt._cli.service import add_connection, service_api
from azmqtt._errors import RequestFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from azmqtt._hub import LocalHub
    from azmqtt._namespace import LocalNamespace


#: Where the faults of a service are.
PATH = "/azmqtt/faults"


class Ask(Protocol):
    """Asks a service about its faults; returns what its answer holds.

    Raises:
        RequestFailed: It refused; says why.
        OSError: It cannot be reached.
    """

    def __call__(self, args: argparse.Namespace, method: str, path: str, body: Any = None, query: str = "") -> Any: ...


def add_options(parser: argparse.ArgumentParser, whose: str) -> None:
    """Add what goes wrong to the options of a local service; ``whose`` is an example of whose traffic it is on."""
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="SPEC",
        dest="faults",
        help=f"a fault to inject, such as lose:on=puback,count=2 or drop:every=5,{whose}, or a JSON object; "
        "may be repeated",
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


def inject(service: LocalHub | LocalNamespace, args: argparse.Namespace) -> None:
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
            service.inject_fault(json.dumps(rule))
    if by_chance:
        faults: list[tuple[str, dict[str, Any]]] = [(json.dumps(rule), {}) for rule in by_chance]
        service.start_fault_schedule(FaultSchedule(args.fault_seed, args.fault_duration, faults))


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``fault`` to the commands of a parser."""
    parser = subparsers.add_parser(
        "fault",
        help="inject faults into a running local hub",
        description="Inject faults into a running local hub, over its REST API.",
    )
    add_actions(parser, add_connection, _ask_hub)


def add_actions(
    parser: argparse.ArgumentParser, add_connection: Callable[[argparse.ArgumentParser], None], ask: Ask
) -> None:
    """Add what can be done about the faults of a service that runs.

    Args:
        parser: Whose.
        add_connection: Adds the options that say which service is meant.
        ask: Asks it.
    """
    common = argparse.ArgumentParser(add_help=False)
    add_connection(common)
    common.set_defaults(ask=ask)
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    setting = actions.add_parser("set", parents=[common], help="set a fault; prints it with its id")
    setting.add_argument("fault", metavar="SPEC", help="such as lose:on=puback,count=2, or a JSON object")
    setting.set_defaults(run=_set)
    listing = actions.add_parser(
        "list", parents=[common], help="print the faults that are set, and how often they fired"
    )
    listing.set_defaults(run=_list)
    clearing = actions.add_parser("clear", parents=[common], help="remove one fault, or all")
    clearing.add_argument("id", metavar="ID", nargs="?", type=count, help="the fault's id")
    clearing.set_defaults(run=_clear)
    fired = actions.add_parser("fired", parents=[common], help="print what the faults have done")
    fired.add_argument("--after", type=count, default=0, metavar="N", help="only what came after this sequence number")
    fired.set_defaults(run=_fired)


def _set(args: argparse.Namespace) -> int:
    from azmqtt.faults import parse

    say(args.ask(args, "POST", "", parse(args.fault)))
    return 0


def _list(args: argparse.Namespace) -> int:
    say_all(args.ask(args, "GET", ""))
    return 0


def _clear(args: argparse.Namespace) -> int:
    try:
        args.ask(args, "DELETE", "" if args.id is None else f"/{args.id}")
    except RequestFailed as error:
        if args.id is None or error.status != 404:  # noqa: PLR2004 - every reader knows this number
            raise
        raise LookupError(f"there is no fault {args.id} that could still happen") from None
    return 0


def _fired(args: argparse.Namespace) -> int:
    say_all(args.ask(args, "GET", "/fired", query=f"&after={args.after}"))
    return 0


def _ask_hub(args: argparse.Namespace, method: str, path: str, body: Any = None, query: str = "") -> Any:
    return service_api(args).request(method, f"{PATH}{path}", body, query=query)[0]
