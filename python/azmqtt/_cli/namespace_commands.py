"""``azmqtt namespace client …`` and the like: what ``az eventgrid namespace`` does, on a local namespace that runs."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from azmqtt._cli import common
from azmqtt._cli.namespace_resources import RESOURCES, Resource
from azmqtt._errors import RequestFailed

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from azmqtt._cli.namespace_rest import ManagementApi, Where

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no other name

#: Where a running namespace is looked for: the members of its ready line.
_ENVIRONMENT = "AZMQTT_NAMESPACE_"

#: The namespace that ``azmqtt namespace`` and ``LocalNamespace`` run, as long as nothing else is said.
_DEFAULT_ID = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/azmqtt/providers/Microsoft.EventGrid/namespaces/"
    "azmqtt"
)

#: Seconds that ``wait`` waits, as in ``az``.
_LONG = 3600.0

_NOT_FOUND = 404


def environment(ready: dict[str, Any]) -> dict[str, str]:
    """Return the variables by which these commands find the namespace of a ready line."""
    names = ("management_url", "resource_id", "ca_file", "token")
    return {f"{_ENVIRONMENT}{name.upper()}": str(ready[name]) for name in names}


def add_commands(commands: Commands) -> None:
    """Add what goes below ``namespace``, as it does below ``az eventgrid namespace``."""
    for resource in RESOURCES:
        parser = commands.add_parser(resource.noun, help=f"the {resource.what}s of a namespace that runs")
        verbs = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
        create = _command(
            verbs, resource, "create", f"make a {resource.what}, or replace the one of this name", _create
        )
        update = _command(verbs, resource, "update", f"change what is given of a {resource.what}", _update)
        for each in resource.properties:
            each.add_to(create)
            if not each.is_fixed:
                each.add_to(update)
        listing = _command(verbs, resource, "list", f"print all {resource.what}s", _list, has_name=False)
        listing.add_argument("--filter", metavar="TEXT", help="which names, such as \"contains(name, 'pump')\"")
        listing.add_argument("--top", type=common.count, metavar="N", help="how many to ask for at a time, 1 to 100")
        _command(verbs, resource, "show", f"print a {resource.what}", _show)
        delete = _command(verbs, resource, "delete", f"delete a {resource.what}", _delete)
        delete.add_argument("--yes", "-y", action="store_true", help="nothing is asked anyway")
        for changing in (create, update, delete):
            changing.add_argument("--no-wait", action="store_true", help="do not wait until the operation is over")
        wait = _command(
            verbs, resource, "wait", f"wait until a {resource.what} is there, or is not", _wait, patience=_LONG
        )
        until = wait.add_mutually_exclusive_group(required=True)
        for state in ("created", "updated", "deleted", "exists"):
            until.add_argument(
                f"--{state}", action="store_const", const=state, dest="until", help=f"until it is {state}"
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
        verb, help=what, description=f"{what[0].upper()}{what[1:]}, on a local namespace that runs."
    )
    if has_name:
        parser.add_argument(
            "--name", "-n", f"--{resource.noun}-name", required=True, metavar="NAME", help=f"the {resource.what}'s name"
        )
    _add_connection(parser, patience)
    parser.set_defaults(run=run, resource=resource)
    return parser


def _add_connection(parser: argparse.ArgumentParser, patience: float) -> None:
    """Add the options that say which namespace is meant."""
    group = parser.add_argument_group("namespace")
    group.add_argument(
        "--management-url", metavar="URL", help=f"https://HOST:PORT (default: ${_ENVIRONMENT}MANAGEMENT_URL)"
    )
    group.add_argument(
        "--token", metavar="TEXT", help=f"its bearer token, '-' to read it from stdin (default: ${_ENVIRONMENT}TOKEN)"
    )
    group.add_argument(
        "--ca-file",
        "--trust",
        metavar="FILE",
        help=f"a PEM file with the certificate to trust (default: ${_ENVIRONMENT}CA_FILE)",
    )
    group.add_argument("--namespace-name", metavar="NAME", help="the namespace's name (default: the one that runs)")
    group.add_argument("--resource-group", "-g", metavar="NAME", help="its resource group (default: its own)")
    group.add_argument("--subscription", metavar="ID", help="its subscription (default: its own)")
    group.add_argument(
        "--timeout",
        type=common.seconds,
        default=patience,
        metavar="SECONDS",
        help="how long to wait for an answer (default: %(default)g)",
    )


def _find(arguments: argparse.Namespace) -> tuple[ManagementApi, Where]:
    """Find the namespace by the options, or the environment.

    Raises:
        UsageError: Something is missing, or makes no sense.
        ValueError: The file with the certificate cannot be read.
    """
    from azmqtt._cli.namespace_rest import ManagementApi, Where

    url = arguments.management_url or os.environ.get(f"{_ENVIRONMENT}MANAGEMENT_URL")
    token = common.line_of_stdin() if arguments.token == "-" else arguments.token  # noqa: S105 - that is no token
    token = token or os.environ.get(f"{_ENVIRONMENT}TOKEN")
    for option, value in (("management-url", url), ("token", token)):
        if not value:
            name = f"{_ENVIRONMENT}{option.upper().replace('-', '_')}"
            raise common.UsageError(
                f"which namespace is meant? --{option} is missing, or ${name}: azmqtt namespace says both"
            )
    ca_file = arguments.ca_file or os.environ.get(f"{_ENVIRONMENT}CA_FILE")
    where = Where.parse(os.environ.get(f"{_ENVIRONMENT}RESOURCE_ID") or _DEFAULT_ID)
    where = Where(
        arguments.subscription or where.subscription,
        arguments.resource_group or where.resource_group,
        arguments.namespace_name or where.name,
    )
    return ManagementApi(str(url), str(token), ca_file=ca_file, timeout=arguments.timeout), where


def _target(arguments: argparse.Namespace, where: Where) -> str:
    return where.path(arguments.resource.segment, arguments.name)


def _say(value: Any) -> None:
    common.say_text(json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True))


def _as_az_shows(resource: dict[str, Any]) -> dict[str, Any]:
    """Lay a resource out as ``az`` does: its properties beside its name, and the group out of its id."""
    rest = {name: value for name, value in resource.items() if name != "properties"}
    parts = str(resource.get("id", "")).split("/")
    group = {"resourceGroup": parts[4]} if len(parts) > 4 else {}  # noqa: PLR2004 - behind /subscriptions/…/resourceGroups
    return {**resource.get("properties", {}), **group, **rest}


def _create(arguments: argparse.Namespace) -> int:
    properties = arguments.resource.given(arguments)
    api, where = _find(arguments)
    made = api.put(_target(arguments, where), {"properties": properties}, wait=not arguments.no_wait)
    _say(_as_az_shows(made))
    return 0


def _update(arguments: argparse.Namespace) -> int:
    changes = arguments.resource.given(arguments)
    api, where = _find(arguments)
    target = _target(arguments, where)
    properties = {**api.get(target)["properties"], **changes}
    properties = {name: value for name, value in properties.items() if value is not None}
    _say(_as_az_shows(api.put(target, {"properties": properties}, wait=not arguments.no_wait)))
    return 0


def _list(arguments: argparse.Namespace) -> int:
    api, where = _find(arguments)
    found = api.list(where.path(arguments.resource.segment), filter_text=arguments.filter, top=arguments.top)
    _say([_as_az_shows(resource) for resource in found])
    return 0


def _show(arguments: argparse.Namespace) -> int:
    api, where = _find(arguments)
    _say(_as_az_shows(api.get(_target(arguments, where))))
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    api, where = _find(arguments)
    api.delete(_target(arguments, where), wait=not arguments.no_wait)
    return 0


def _wait(arguments: argparse.Namespace) -> int:
    api, where = _find(arguments)
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
