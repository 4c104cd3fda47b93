"""``azmqtt hub device-twin`` and ``module-twin``: twins as back-end applications see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._cli import common
from azmqtt._cli.service import add_etag, command, group, ids_of, path_of, say, service_api
from azmqtt._rest.service import JsonText, if_match

if TYPE_CHECKING:
    import argparse

    from azmqtt._cli.service import Commands


def add_commands(commands: Commands, kind: str) -> None:
    """Add what goes below ``device-twin``, or ``module-twin``."""
    verbs = group(commands, f"{kind}-twin", f"twins of {kind}s")
    ids = ids_of(kind)
    command(verbs, "show", "print the twin", _show, ids=ids)
    update = command(verbs, "update", "change desired properties or tags", _update, ids=ids)
    patch = "a merge patch: an object in which null removes a property; @FILE for a file, '-' for stdin"
    update.add_argument("--desired", metavar="JSON", help=patch)
    update.add_argument("--tags", metavar="JSON", help="the same of tags")
    add_etag(update, "any")
    replace = command(verbs, "replace", "replace tags and desired properties", _replace, ids=ids)
    replace.add_argument(
        "--json",
        "-j",
        required=True,
        metavar="JSON",
        help="an object with tags, properties.desired or both, such as 'show' prints; it replaces those; @FILE for a "
        "file, '-' for stdin",
    )
    add_etag(replace, "any")


def _show(arguments: argparse.Namespace) -> int:
    return say(service_api(arguments).request("GET", path_of(arguments, "twins"))[0])


def _update(arguments: argparse.Namespace) -> int:
    # In the caller's own words: numbers are not read on the way.
    parts: list[str] = []
    if arguments.desired is not None:
        parts.append(f'"properties":{{"desired":{common.json_text("--desired", arguments.desired)}}}')
    if arguments.tags is not None:
        parts.append(f'"tags":{common.json_text("--tags", arguments.tags)}')
    if not parts:
        raise common.UsageError("nothing to change: --desired or --tags")
    return _write(arguments, "PATCH", f"{{{','.join(parts)}}}")


def _replace(arguments: argparse.Namespace) -> int:
    return _write(arguments, "PUT", common.json_text("--json", arguments.json))


def _write(arguments: argparse.Namespace, method: str, text: str) -> int:
    path, headers = path_of(arguments, "twins"), if_match(arguments.etag)
    return say(service_api(arguments).request(method, path, JsonText(text), headers=headers)[0])
