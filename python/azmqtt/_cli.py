"""The command ``azmqtt``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from azmqtt import __version__, _hub_command

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parsed = _parser().parse_args(arguments)
    code: int = parsed.run(parsed)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="azmqtt", description="Unofficial Azure IoT Hub device client and local hub.")
    parser.add_argument("--version", action="version", version=f"azmqtt {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="show a whole device session",
        description="Show a whole device session against a local hub, or against a hub of yours.",
    )
    demo.add_argument("--connection-string", metavar="TEXT", help="a device's connection string, to use a real hub")
    demo.set_defaults(run=_demo)
    _hub_command.add_parser(commands)
    return parser


def _demo(arguments: argparse.Namespace) -> int:
    from azmqtt import _demo

    return _demo.run(arguments.connection_string)
