"""``azmqtt completion``: a script that completes commands, options and file names in a shell."""

from __future__ import annotations

import argparse

from azmqtt._cli.usage import UsageError

#: The shells that shtab writes scripts for.
SHELLS = ("bash", "zsh", "fish", "tcsh", "powershell")


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script for a shell.

    Args:
        parser: That of the program, with all its commands.
        shell: One of :data:`SHELLS`.

    Raises:
        UsageError: The package for it is not installed.
    """
    try:
        import shtab
    except ImportError:
        raise UsageError("completion needs shtab: pip install 'azmqtt[completion]'") from None
    _mark(parser, {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY})
    return str(shtab.complete(parser, shell))


def _mark(parser: argparse.ArgumentParser, kinds: dict[str, object]) -> None:
    """Mark the options with the name of a file or directory, in the way of shtab."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to ask
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - it has no other name
            for child in action.choices.values():
                _mark(child, kinds)
        elif action.metavar in kinds:
            action.complete = kinds[str(action.metavar)]  # type: ignore[attr-defined]
