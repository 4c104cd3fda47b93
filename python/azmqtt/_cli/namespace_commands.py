"""``azmqtt namespace client …`` and the like: what ``az eventgrid namespace`` does, on a running local namespace."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from azmqtt._cli import common, shorthand
from azmqtt._cli.namespace_find import add_connection, as_az_shows, find, say
from azmqtt._cli.namespace_resources import RESOURCES, Resource
from azmqtt._errors import RequestFailed

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from azmqtt._cli.namespace_rest import ManagementApi, Where

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no other name

#: Seconds that ``wait`` waits, as in ``az``.
_LONG = 3600.0

_NOT_FOUND = 404


def add_commands(commands: Commands) -> None:
    """Add what goes below ``namespace``, as it does below ``az eventgrid namespace``."""
    for resource in RESOURCES:
        parser = commands.add_parser(resource.noun, help=f"the {resource.what}s of a running namespace")
        verbs = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
        create = _command(
            verbs, resource, "create", f"create a {resource.what}, or replace the one with this name", _create
        )
        update = _command(verbs, resource, "update", f"change a {resource.what}: only what is given", _update)
        for each in resource.properties:
            each.add_to(create)
            if not each.is_fixed:
                each.add_to(update)
        listing = _command(verbs, resource, "list", f"print all {resource.what}s", _list, has_name=False)
        listing.add_argument("--filter", metavar="TEXT", help="which names, such as \"contains(name, 'pump')\"")
        listing.add_argument("--top", type=common.count, metavar="N", help="how many to ask for at a time, 1 to 100")
        _command(verbs, resource, "show", f"print a {resource.what}", _show)
        delete = _command(verbs, resource, "delete", f"delete a {resource.what}", _delete)
        delete.add_argument("--yes", "-y", action="store_true", help="for scripts; the command asks nothing")
        for changing in (create, update, delete):
            changing.add_argument("--no-wait", action="store_true", help="do not wait until the operation is over")
        wait = _command(
            verbs, resource, "wait", f"wait until a {resource.what} exists, or is deleted", _wait, patience=_LONG
        )
        until = wait.add_mutually_exclusive_group(required=True)
        for state in ("created", "updated", "deleted", "exists"):
            until.add_argument(
                f"--{state}",
                action="store_const",
                const=state,
                dest="until",
                help="until it exists" if state == "exists" else f"until it is {state}",
            )
        wait.add_argument("--interval", type=common.seconds, default=1.0, metavar="SECONDS", help="between two looks")


def _command(
    verbs: Commands,
    resource: Resource,
    verb: str,
    what: str,
    run: Callable[[argparse.Namespace], int],
    *,
    has_name: bool = True,
    patience: float = 30.0,
) -> argparse.ArgumentParser:
    """Add a command with the options that all of these have."""
    parser = verbs.add_parser(
        verb, help=what, description=f"{what[0].upper()}{what[1:]}, on a running local namespace."
    )
    if has_name:
        parser.add_argument(
            "--name", "-n", f"--{resource.noun}-name", required=True, metavar="NAME", help=f"the {resource.what}'s name"
        )
    add_connection(parser, patience)
    parser.set_defaults(run=run, resource=resource)
    return parser


def _target(arguments: argparse.Namespace, where: Where) -> str:
    return where.path(arguments.resource.segment, arguments.name)


def _create(arguments: argparse.Namespace) -> int:
    properties = arguments.resource.given(arguments)
    api, where = find(arguments)
    made = api.put(_target(arguments, where), {"properties": properties}, wait=not arguments.no_wait)
    say(as_az_shows(made))
    return 0


def _update(arguments: argparse.Namespace) -> int:
    changes = arguments.resource.given(arguments)
    api, where = find(arguments)
    target = _target(arguments, where)
    properties = _changed(api.get(target)["properties"], changes)
    say(as_az_shows(api.put(target, {"properties": properties}, wait=not arguments.no_wait)))
    return 0


def _changed(properties: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Replace what is given as a whole, and change members that are given one by one; ``null`` takes away."""
    changed = dict(properties)
    for name, value in changes.items():
        given_singly = isinstance(value, shorthand.Members)
        changed[name] = _changed(changed.get(name) or {}, value) if given_singly else value
    return {name: value for name, value in changed.items() if value is not None}


def _list(arguments: argparse.Namespace) -> int:
    api, where = find(arguments)
    found = api.entries(where.path(arguments.resource.segment), filter_text=arguments.filter, top=arguments.top)
    members = (each.member for each in arguments.resource.properties)
    say([as_az_shows(resource) for resource in found], columns=("name", *members, "provisioningState"))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    api, where = find(arguments)
    say(as_az_shows(api.get(_target(arguments, where))))
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    api, where = find(arguments)
    api.delete(_target(arguments, where), wait=not arguments.no_wait)
    return 0


def _wait(arguments: argparse.Namespace) -> int:
    api, where = find(arguments)
    target = _target(arguments, where)
    deadline = time.monotonic() + arguments.timeout
    while not _has_come_to(arguments.until, _state(api, target)):
        if time.monotonic() + arguments.interval > deadline:
            state = "still" if arguments.until == "deleted" else "not yet"
            raise TimeoutError(f"{arguments.name}: {state} there after {arguments.timeout:g} s")
        time.sleep(arguments.interval)
    return 0


def _state(api: ManagementApi, target: str) -> str | None:
    """Return ``provisioningState``; ``None`` if there is no such resource."""
    try:
        return str(api.get(target)["properties"]["provisioningState"])
    except RequestFailed as error:
        if error.status != _NOT_FOUND:
            raise
        return None


def _has_come_to(until: str, state: str | None) -> bool:
    if until == "deleted":
        return state is None
    return state is not None if until == "exists" else state == "Succeeded"
