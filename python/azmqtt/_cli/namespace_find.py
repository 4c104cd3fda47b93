"""How commands find a local namespace that runs, and how they print what it says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from azmqtt._cli import common, output

if TYPE_CHECKING:
    import argparse

    from azmqtt._cli.namespace_rest import ManagementApi, Where

#: Where a running namespace is looked for: the members of its ready line.
_ENVIRONMENT = "AZMQTT_NAMESPACE_"

#: What of the ready line these commands need.
_MEMBERS = ("management_url", "resource_id", "ca_file", "token")

#: Seconds to wait for an answer, where the timeout is for something else.
_ANSWER = 30.0

#: The namespace that ``azmqtt namespace`` and ``LocalNamespace`` run, as long as nothing else is said.
_DEFAULT_ID = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/azmqtt/providers/Microsoft.EventGrid/namespaces/"
    "azmqtt"
)


def environment(ready: dict[str, Any]) -> dict[str, str]:
    """Return the variables by which these commands find the namespace of a ready line."""
    return {f"{_ENVIRONMENT}{name.upper()}": str(ready[name]) for name in _MEMBERS}


def add_connection(
    parser: argparse.ArgumentParser,
    patience: float = 30.0,
    named: tuple[str, ...] = ("--namespace-name",),
    *,
    listens: bool = False,
) -> None:
    """Add the options that say which namespace is meant.

    Args:
        parser: Whose.
        patience: Seconds to wait for an answer by default.
        named: The options with the namespace's name.
        listens: Whether ``--timeout`` is for what comes next, not for an answer.
    """
    output.add_options(parser.add_argument_group("output"))
    group = parser.add_argument_group("namespace")
    group.add_argument("--dev", action="store_true", help="the one that 'azmqtt namespace --dev' runs")
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
    group.add_argument(*named, metavar="NAME", help="the namespace's name (default: the one that runs)")
    group.add_argument("--resource-group", "-g", metavar="NAME", help="its resource group (default: its own)")
    group.add_argument("--subscription", metavar="ID", help="its subscription (default: its own)")
    common.add_timeout(group, patience, listens=listens)


def find(arguments: argparse.Namespace, version: str | None = None) -> tuple[ManagementApi, Where]:
    """Find the namespace by the options, or the environment.

    Args:
        arguments: Those of :func:`add_connection`.
        version: The version of the API, if it matters.

    Raises:
        UsageError: Something is missing, or makes no sense.
        ValueError: The file with the certificate cannot be read.
        OSError: With ``--dev``: there is no such namespace, or others can read its token.
    """
    from azmqtt._cli.namespace_rest import ManagementApi, Where

    known = _of_dev() if arguments.dev else os.environ
    url = arguments.management_url or known.get(f"{_ENVIRONMENT}MANAGEMENT_URL")
    token = common.line_of_stdin() if arguments.token == "-" else arguments.token  # noqa: S105 - that is no token
    token = token or known.get(f"{_ENVIRONMENT}TOKEN")
    for option, value in (("management-url", url), ("token", token)):
        if not value:
            name = f"{_ENVIRONMENT}{option.upper().replace('-', '_')}"
            raise common.UsageError(
                f"which namespace is meant? --{option} is missing, or ${name}: azmqtt namespace says both"
            )
    ca_file = arguments.ca_file or known.get(f"{_ENVIRONMENT}CA_FILE")
    where = Where.parse(known.get(f"{_ENVIRONMENT}RESOURCE_ID") or _DEFAULT_ID)
    where = Where(
        arguments.subscription or where.subscription,
        arguments.resource_group or where.resource_group,
        arguments.namespace_name or where.name,
    )
    # 0: what listens has no end.
    timeout = arguments.timeout or _ANSWER
    return ManagementApi(str(url), str(token), ca_file=ca_file, timeout=timeout, version=version), where


def _of_dev() -> dict[str, str]:
    """Return what :func:`environment` does, of the development namespace."""
    from azmqtt._support import dev_state

    ready = dev_state.read("namespace")
    return environment({name: dev_state.text("namespace", ready, name) for name in _MEMBERS})


def say(value: Any, columns: tuple[str, ...] | None = None) -> None:
    """Print a result as ``az`` does."""
    common.say(value, pretty=True, is_sorted=True, columns=columns)


def as_az_shows(resource: dict[str, Any]) -> dict[str, Any]:
    """Lay a resource out as ``az`` does: its properties beside its name, and the group out of its id."""
    rest = {name: value for name, value in resource.items() if name != "properties"}
    parts = str(resource.get("id", "")).split("/")
    group = {"resourceGroup": parts[4]} if len(parts) > 4 else {}  # noqa: PLR2004 - behind /subscriptions/…/resourceGroups
    return {**resource.get("properties", {}), **group, **rest}
