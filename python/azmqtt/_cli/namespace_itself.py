"""``azmqtt namespace show``, ``update`` and the like: what ``az eventgrid`` does with the namespace itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azmqtt._cli import fault
from azmqtt._cli.namespace_find import add_connection, as_az_shows, find, say
from azmqtt._cli.namespace_resources import Property, given

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no other name

#: The newest version: the stable one knows no `clientAuthentication`.
_API_VERSION = "2025-10-15-preview"

_PROPERTIES = (
    Property(
        "topicSpacesConfiguration",
        ("--topic-spaces-configuration",),
        "what is to change of the broker, such as {state:Enabled,maximum-session-expiry-in-hours:2} or "
        "{client-authentication:{alternative-authentication-name-sources:[ClientCertificateDns]}}",
        "settings",
    ),
    Property(
        "publicNetworkAccess",
        ("--public-network-access",),
        "kept and shown, without effect here",
        choices=("Enabled", "Disabled"),
    ),
)

#: What is beside the properties.
_BESIDE = (
    Property("sku", ("--sku",), "throughput units, such as {name:Standard,capacity:2}", "settings"),
    Property("tags", ("--tags",), "all its tags, such as site=lab", "tags"),
)


def add_commands(commands: Commands) -> None:
    """Add what goes below ``namespace``, as it does below ``az eventgrid namespace``."""
    _command(commands, "show", "print the namespace itself", _show)
    update = _command(commands, "update", "change the namespace itself: only what is given", _update)
    for each in (*_PROPERTIES, *_BESIDE):
        each.add_to(update)
    update.add_argument("--no-wait", action="store_true", help="do not wait until the operation is over")
    _command(commands, "list-key", "print the namespace's access keys", _list_keys)
    regenerate = _command(commands, "regenerate-key", "renew one of the access keys", _regenerate_key)
    regenerate.add_argument("--key-name", choices=("key1", "key2"), required=True, help="which one")
    faults = commands.add_parser(
        "fault",
        help="inject faults into a running namespace",
        description="Inject faults into a running local namespace. 'az' has no such command.",
    )
    fault.add_actions(faults, add_connection, _ask_about_faults)


def _command(
    commands: Commands, verb: str, what: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    description = f"{what[0].upper()}{what[1:]}, on a running local namespace."
    parser = commands.add_parser(verb, help=what, description=description)
    add_connection(parser, named=("--namespace-name", "--name", "-n"))
    parser.set_defaults(run=run)
    return parser


def _ask_about_faults(args: argparse.Namespace, method: str, path: str, body: Any = None, query: str = "") -> Any:
    return find(args)[0].ask(method, f"{fault.PATH}{path}", body, query=query)


def _show(arguments: argparse.Namespace) -> int:
    api, where = find(arguments, _API_VERSION)
    say(as_az_shows(api.get(where.path())))
    return 0


def _update(arguments: argparse.Namespace) -> int:
    body: dict[str, Any] = given(_BESIDE, arguments)
    properties = given(_PROPERTIES, arguments)
    if properties:
        body["properties"] = properties
    api, where = find(arguments, _API_VERSION)
    say(as_az_shows(api.patch(where.path(), body, wait=not arguments.no_wait)))
    return 0


def _list_keys(arguments: argparse.Namespace) -> int:
    api, where = find(arguments, _API_VERSION)
    say(api.ask("POST", where.path("listKeys")))
    return 0


def _regenerate_key(arguments: argparse.Namespace) -> int:
    api, where = find(arguments, _API_VERSION)
    say(api.ask("POST", where.path("regenerateKey"), {"keyName": arguments.key_name}))
    return 0
