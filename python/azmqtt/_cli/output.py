"""What commands print: JSON, lines of JSON or a table, and of that what ``--query`` selects."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from azmqtt._cli.table import Table, details
from azmqtt._cli.usage import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

Form: TypeAlias = Literal["table", "json", "jsonl"]

FORMS: tuple[Form, ...] = ("table", "json", "jsonl")

#: What stands in a table by default.
Columns: TypeAlias = "Sequence[str]"


class _Choice:
    """What a command line says of its output."""

    def __init__(self, form: Form | None = None, query: str | None = None) -> None:
        self.form = form
        self._query = None if query is None else _compiled(query)
        self.table: Table | None = None

    @property
    def is_default(self) -> bool:
        """Whether nothing is said."""
        return self.form is None and self._query is None

    @property
    def has_query(self) -> bool:
        return self._query is not None

    def selected(self, value: Any) -> Any:
        """Apply the query.

        Raises:
            UsageError: It does not fit the value.
        """
        if self._query is None:
            return value
        try:
            return self._query.search(value)
        except ValueError as error:
            raise UsageError(f"--query: {error}") from None


def _compiled(query: str) -> Any:
    try:
        import jmespath
    except ImportError:
        raise UsageError("--query needs jmespath: pip install 'azmqtt[query]'") from None
    try:
        return jmespath.compile(query)
    except ValueError as error:
        raise UsageError(f"--query is not a JMESPath expression: {' '.join(str(error).split())}") from None


#: Of the command that runs.
_choice = _Choice()


@contextlib.contextmanager
def chosen(arguments: argparse.Namespace) -> Iterator[None]:
    """Print as a command line says, until the end of the block.

    Raises:
        UsageError: ``--query`` is not JMESPath, or the package for it is not installed.
    """
    global _choice  # noqa: PLW0603 - a process runs one command at a time
    before = _choice
    form = getattr(arguments, "output", None)
    _choice = _Choice(form if form in FORMS else None, getattr(arguments, "query", None))
    try:
        yield
    finally:
        _choice = before


def add_options(parser: Any, *others: str) -> None:
    """Add ``--output`` and ``--query`` to a parser or a group of options.

    Args:
        parser: Either of them.
        others: What else than the usual forms the command has, the default first.
    """
    default = f" (default: {others[0]})" if others else " (default: JSON)"
    parser.add_argument(
        "--output",
        "-o",
        choices=(*others, *FORMS),
        default=others[0] if others else None,
        help=f"how to print the result; jsonl is one line of JSON for each item{default}",
    )
    parser.add_argument("--query", metavar="JMESPATH", help="print only what this expression selects of the result")


def say(value: Any, *, pretty: bool = False, is_sorted: bool = False, columns: Columns | None = None) -> None:
    """Print a result.

    Args:
        value: What is JSON.
        pretty: Whether its JSON has more than one line, as long as no form is chosen.
        is_sorted: Whether the members of its objects are in the order of their names.
        columns: What a table of it shows, without a query; else all that has a value.
    """
    result = _choice.selected(value)
    if result is None and _choice.has_query:
        # As `az` does.
        return
    form = _choice.form or ("json" if pretty else "jsonl")
    if form == "table":
        _say_table(result, None if _choice.has_query else columns)
    elif form == "json":
        say_text(json.dumps(result, ensure_ascii=False, indent=2, sort_keys=is_sorted))
    elif isinstance(result, list) and _choice.form is not None:
        for item in result:
            say_text(json.dumps(item, ensure_ascii=False, sort_keys=is_sorted))
    else:
        say_text(json.dumps(result, ensure_ascii=False, sort_keys=is_sorted))


def say_all(values: list[Any], *, columns: Columns | None = None) -> None:
    """Print a list: a line of JSON for each item, as long as nothing is chosen."""
    if _choice.is_default:
        for value in values:
            say_text(json.dumps(value, ensure_ascii=False))
    else:
        say(values, pretty=_choice.form is None, columns=columns)


def say_event(event: dict[str, Any]) -> None:
    """Print what has just happened: a line of JSON, or a row of a table that grows."""
    result = _choice.selected(event)
    if result is None:
        return
    if _choice.form == "table" and isinstance(result, dict):
        _choice.table = _choice.table or Table()
        for line in _choice.table.next_lines(result):
            say_text(line)
    elif _choice.form == "table":
        _say_table(result, None)
    else:
        say_text(json.dumps(result, ensure_ascii=False, indent=2 if _choice.form == "json" else None))


def say_json_text(text: str) -> None:
    """Print JSON as it is written, as long as nothing is chosen."""
    if _choice.is_default:
        say_text(text)
    else:
        say(json.loads(text), pretty=True)


def say_text(text: str) -> None:
    """Print a line."""
    # Who reads this through a pipe waits for it.
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _say_table(result: Any, columns: Columns | None) -> None:
    if isinstance(result, dict):
        lines = details(result)
    elif isinstance(result, list):
        lines = Table(columns).lines(result)
    else:
        lines = Table().lines([result])
    for line in lines:
        say_text(line)
