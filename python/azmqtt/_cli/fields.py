"""Options that become members of what a REST API is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from azmqtt._cli import common

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, MutableMapping

#: What stands behind an option: text; JSON, `@FILE` or `-`; a number from 0 on; nothing, for true; several words; the
#: name of a file with a certificate.
Form: TypeAlias = Literal["text", "json", "number", "flag", "words", "certificate"]

_METAVARS = {"text": "TEXT", "json": "JSON", "number": "N", "words": "TEXT", "certificate": "FILE"}


class Field(NamedTuple):
    """An option and its member.

    Attributes:
        member: The names that lead to it, with dots between them, such as ``initialTwin.tags``.
        options: The names of the option, the long one first.
        about: For the help.
        form: What stands behind the option.
        choices: The words that it takes, each with its value in JSON.
    """

    member: str
    options: tuple[str, ...]
    about: str
    form: Form = "text"
    choices: Mapping[str, Any] | None = None

    @property
    def destination(self) -> str:
        """Where argparse puts it."""
        return self.options[0].lstrip("-").replace("-", "_")

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Add the option."""
        given: dict[str, Any] = {"help": self.about, "dest": self.destination}
        if self.form == "flag":
            given |= {"action": "store_true", "default": None}
        elif self.choices is not None:
            # `az` does not mind the case.
            by_case = {choice.lower(): choice for choice in self.choices}
            given |= {"choices": tuple(self.choices), "type": lambda text: by_case.get(text.lower(), text)}
        else:
            given["metavar"] = _METAVARS[self.form]
        if self.form == "number":
            given["type"] = common.count
        if self.form == "words":
            given["nargs"] = "+"
        parser.add_argument(*self.options, **given)

    def value(self, given: Any) -> Any:
        """Read what was given.

        Raises:
            ValueError: It makes no sense, or a file cannot be read; names the option or the file.
        """
        if self.choices is not None:
            return self.choices[given]
        if self.form == "json":
            return common.json_argument(self.options[0], given)
        if self.form == "certificate":
            return {"certificate": common.text_or_file(f"@{given}").strip()}
        return given


def words(*choices: str) -> dict[str, str]:
    """Return choices that JSON has as they are."""
    return {choice: choice for choice in choices}


def add(fields: Iterable[Field], parser: argparse.ArgumentParser) -> None:
    """Add the options of fields."""
    for field in fields:
        field.add_to(parser)


def fill(fields: Iterable[Field], arguments: argparse.Namespace, body: MutableMapping[str, Any]) -> int:
    """Set the members whose options are given; return how many.

    Raises:
        ValueError: A value makes no sense, or a file cannot be read; names the option or the file.
    """
    given = 0
    for field in fields:
        value = getattr(arguments, field.destination, None)
        if value is None:
            continue
        *outer, last = field.member.split(".")
        target: MutableMapping[str, Any] = body
        for name in outer:
            if not isinstance(target.get(name), dict):
                target[name] = {}
            target = target[name]
        target[last] = field.value(value)
        given += 1
    return given


def fill_some(fields: Iterable[Field], arguments: argparse.Namespace, body: MutableMapping[str, Any]) -> None:
    """Set members as :func:`fill`, at least one.

    Raises:
        UsageError: No option is given; names them.
    """
    fields = tuple(fields)
    if not fill(fields, arguments, body):
        raise common.UsageError(f"nothing to change: {', '.join(field.options[0] for field in fields)}")
