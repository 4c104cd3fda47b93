"""Wrong usage: what is said of it, and what may have been meant."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class UsageError(ValueError):
    """The command was called in a wrong way."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are short, and name what may have been meant."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, and where the help is; the exit code is 2."""
        sys.stderr.write(f"{self.prog}: error: {message}\nTry '{self.prog} --help'.\n")
        raise SystemExit(2)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = action.choices
        if choices is None or value in choices:
            return
        names = [str(choice) for choice in choices]
        hint = _hint(str(value), names)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - it has no other name
            raise argparse.ArgumentError(None, f"unknown command {value}" + (hint or f"; choose {_or(names)}"))
        raise argparse.ArgumentError(action, f"unknown choice {value}" + (hint or f"; choose {_or(names)}"))

    def check(self, words: Sequence[str]) -> None:
        """Name an unknown option, where argparse would complain of the value behind it as a command.

        Also name the choices where a command is missing.
        """
        commands, is_required = self._commands()
        options = self._option_string_actions
        is_value = False
        for index, text in enumerate(words):
            if text == "--":
                return
            if is_value:
                is_value = False
                continue
            if text in commands:
                commands[text].check(words[index + 1 :])
                return
            name, equals, _ = text.partition("=")
            meant = [action for option, action in options.items() if option.startswith(name)] if name[:1] == "-" else []
            meant = [options[name]] if name in options else meant
            if any(isinstance(action, argparse._HelpAction | argparse._VersionAction) for action in meant):  # noqa: SLF001 - they have no other names
                return
            is_value = not equals and any(action.nargs != 0 for action in meant)
            # With a space in it, it is a value for argparse.
            if name.startswith("--") and not meant and " " not in text:
                self.error(f"unknown option {name}{_hint(name, options)}")
            if is_required and not name.startswith("-"):
                # An unknown command: argparse says so.
                return
        if is_required:
            self.error(f"a command is missing: {_or(list(commands))}")

    def _commands(self) -> tuple[dict[str, Parser], bool]:
        """Return the commands below this one, and whether one of them must be there."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - it has no other name
                return action.choices, action.required
        return {}, False


def _hint(wrong: str, names: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(wrong, names, 1)
    return f"; did you mean {close[0]}?" if close else ""


def _or(names: list[str]) -> str:
    """List choices as a sentence does."""
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else "".join(names)
