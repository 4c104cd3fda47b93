"""``azmqtt hub configuration``: automatic device configurations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azmqtt._cli import common, fields
from azmqtt._cli.fields import Field
from azmqtt._cli.service import add_etag, command, group, say, service_api
from azmqtt._rest.service import if_match

if TYPE_CHECKING:
    import argparse

    from azmqtt._cli.service import Commands

_COLUMNS = ("id", "priority", "targetCondition", "createdTimeUtc", "lastUpdatedTimeUtc")

_FIELDS = (
    Field(
        "targetCondition", ("--target-condition", "--tc", "-t"), "which devices get it, such as \"tags.site = 'lab'\""
    ),
    Field("priority", ("--priority", "--pri"), "of several, the highest is applied (default: 0)", "number"),
    Field("labels", ("--labels", "--lab"), "labels, an object of texts", "json"),
    Field("metrics", ("--metrics", "-m"), 'metrics: {"queries": {NAME: QUERY}}; @FILE for a file', "json"),
)
_CONTENT = Field(
    "content",
    ("--content", "-k"),
    'what is set: {"deviceContent": {"properties.desired.…": …}}; @FILE for a file, \'-\' for stdin',
    "json",
)


def add_commands(commands: Commands) -> None:
    """Add what goes below ``configuration``."""
    verbs = group(commands, "configuration", "configurations that the hub applies to devices by a condition")
    create = _command(verbs, "create", "create a configuration", _create)
    fields.add((_CONTENT, *_FIELDS), create)
    _command(verbs, "show", "print a configuration", _show)
    listing = command(verbs, "list", "print all configurations", _list)
    listing.add_argument("--top", type=common.count, metavar="N", help="how many at most (default: all)")
    update = _command(verbs, "update", "change a configuration: only what is given, never its content", _update)
    fields.add(_FIELDS, update)
    add_etag(update, "the one that it has")
    add_etag(_command(verbs, "delete", "delete a configuration", _delete), "any")


def _command(verbs: Commands, name: str, what: str, run: Any) -> argparse.ArgumentParser:
    parser = command(verbs, name, what, run)
    parser.add_argument("--config-id", "-c", required=True, metavar="ID", help="the configuration's id")
    return parser


def _path(arguments: argparse.Namespace) -> str:
    from azmqtt._rest.https import path

    return path("configurations", arguments.config_id)


def _create(arguments: argparse.Namespace) -> int:
    if arguments.content is None:
        raise common.UsageError("a configuration needs --content")
    body: dict[str, Any] = {"id": arguments.config_id, "schemaVersion": "1.0", "priority": 0, "targetCondition": ""}
    fields.fill((_CONTENT, *_FIELDS), arguments, body)
    _unwrap(body, "content")
    _unwrap(body, "metrics")
    return say(service_api(arguments).request("PUT", _path(arguments), body)[0])


def _unwrap(body: dict[str, Any], name: str) -> None:
    """Take a document that has its own name around it, as ``az`` does."""
    inner = body.get(name)
    if isinstance(inner, dict) and set(inner) == {name}:
        body[name] = inner[name]


def _show(arguments: argparse.Namespace) -> int:
    return say(service_api(arguments).request("GET", _path(arguments))[0])


def _list(arguments: argparse.Namespace) -> int:
    query = "" if arguments.top is None else f"&top={arguments.top}"
    return say(service_api(arguments).request("GET", "/configurations", query=query)[0], columns=_COLUMNS)


def _update(arguments: argparse.Namespace) -> int:
    fields.fill_some(_FIELDS, arguments, {})
    api = service_api(arguments)
    configuration = api.request("GET", _path(arguments))[0]
    fields.fill(_FIELDS, arguments, configuration)
    _unwrap(configuration, "metrics")
    headers = if_match(arguments.etag or configuration["etag"])
    return say(api.request("PUT", _path(arguments), configuration, headers=headers)[0])


def _delete(arguments: argparse.Namespace) -> int:
    service_api(arguments).request("DELETE", _path(arguments), headers=if_match(arguments.etag))
    return 0
