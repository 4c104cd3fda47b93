"""The commands ``azmqtt device-twin show`` and ``update``: a twin as its device sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._cli import common

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``device-twin`` to the commands of a parser."""
    twin = subparsers.add_parser(
        "device-twin",
        help="read the device's twin, or change its reported properties",
        description="The device's twin.",
    )
    commands = twin.add_subparsers(title="commands", required=True, metavar="COMMAND")
    show = commands.add_parser(
        "show",
        parents=[common.connection_options()],
        help="print the twin",
        description="Print the desired and the reported properties as JSON.",
    )
    show.set_defaults(run=_show)
    update = commands.add_parser(
        "update",
        parents=[common.connection_options()],
        help="change reported properties",
        description="Change reported properties, as the device, and print their new version.",
    )
    update.add_argument(
        "--json",
        "-j",
        required=True,
        metavar="JSON",
        help="a merge patch: an object in which null removes a property; @FILE for a file, '-' for stdin",
    )
    update.add_argument(
        "--if-version", type=common.count, metavar="N", help="only if the properties still have this $version"
    )
    update.set_defaults(run=_update)


def _show(arguments: argparse.Namespace) -> int:
    with common.client(arguments) as client:
        twin = client.get_twin()
    common.say(
        {
            "desired": {**twin.desired, "$version": twin.desired_version},
            "reported": {**twin.reported, "$version": twin.reported_version},
        },
        pretty=True,
    )
    return 0


def _update(arguments: argparse.Namespace) -> int:
    patch = common.json_argument("--json", arguments.json)
    with common.client(arguments) as client:
        answer = client.patch_reported_properties(patch, if_version=arguments.if_version)
    common.say({"version": answer.version})
    return 0
