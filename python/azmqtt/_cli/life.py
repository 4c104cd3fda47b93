"""Prints what happens in a hub or a namespace of this process to stderr, while it happens.

Messages beyond the budget of lines are only counted, not read, so that a busy service is not slowed down.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TextIO

from azmqtt._cli.life_lines import EXCERPT, WHOLE, Style, event_line, message_line, publish_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from azmqtt import LocalHub, LocalNamespace

#: Lines a second: of messages, and of events beside them.
_BUDGET = 20
#: With ``--verbose``.
_LARGE_BUDGET = 1000

#: Seconds after which there is a new budget, and a line says what was left out.
_PERIOD = 1.0


class Messages(NamedTuple):
    """The messages of a service. They are numbered from 1, without gaps.

    Attributes:
        total: Returns how many messages there have been, which is the number of the newest one.
        after: Returns the kept messages with a higher ``sequence``.
        line: Returns the time of a message, and its line.
    """

    total: Callable[[], int]
    after: Callable[[int], Sequence[Any]]
    line: Callable[[Any, Style], tuple[datetime, str]]


class Events(Protocol):
    """The events of a service, each as JSON; those that are no longer kept are an object with ``lost``."""

    def events_after(self, after: int, timeout: float) -> list[str]: ...

    def event_count(self) -> int: ...


class Life:
    """Writes what happens, within a budget of lines."""

    def __init__(
        self, messages: Messages, events: Events, output: TextIO, *, style: Style, budget: int = _BUDGET
    ) -> None:
        """Begin with what happens from now on.

        Args:
            messages: The messages of a service.
            events: Its events.
            output: Where lines go.
            style: How they look.
            budget: Lines a second, of messages and of events each.
        """
        self._messages = messages
        self._events = events
        self._output = output
        self._style = style
        self._budget = budget
        self._last_message = messages.total()
        self._last_event = events.event_count()
        self._period_ends = time.monotonic() + _PERIOD
        self._message_lines, self._event_lines = budget, budget
        self._hidden_messages, self._hidden_events = 0, 0

    def show(self) -> None:
        """Show what has happened since."""
        lines = [*self._new_messages(), *self._new_events()]
        lines.sort(key=lambda line: line[0])
        self._write([text for _, text in lines])
        if time.monotonic() >= self._period_ends:
            self._end_period()

    def end(self) -> None:
        """Show what is left."""
        self.show()
        self._end_period()

    def _new_messages(self) -> list[tuple[datetime, str]]:
        count = self._messages.total()
        wanted = min(count - self._last_message, self._message_lines)
        if not wanted:
            self._hidden_messages += count - self._last_message
            self._last_message = count
            return []
        # The newest ones, without a look at what comes before.
        messages = [message for message in self._messages.after(count - wanted) if message.sequence <= count]
        self._hidden_messages += count - self._last_message - len(messages)
        self._last_message = count
        self._message_lines -= len(messages)
        return [self._messages.line(message, self._style) for message in messages]

    def _new_events(self) -> list[tuple[datetime, str]]:
        from datetime import datetime

        count = self._events.event_count()
        wanted = min(count - self._last_event, self._event_lines)
        texts = self._events.events_after(count - wanted, 0)[:wanted] if wanted else []
        lines: list[tuple[datetime, str]] = []
        for text in texts:
            event: dict[str, Any] = json.loads(text)
            if "lost" not in event:
                moment = datetime.fromisoformat(event["time"].replace("Z", "+00:00"))
                lines.append((moment, event_line(event, moment, self._style)))
        self._hidden_events += count - self._last_event - len(lines)
        self._last_event = count
        self._event_lines -= len(lines)
        return lines

    def _end_period(self) -> None:
        self._period_ends = time.monotonic() + _PERIOD
        self._message_lines, self._event_lines = self._budget, self._budget
        hidden = [
            f"{number:,} more {name}{'s' * (number != 1)}"
            for name, number in (("message", self._hidden_messages), ("event", self._hidden_events))
            if number
        ]
        self._hidden_messages, self._hidden_events = 0, 0
        if hidden:
            self._write([f"… and {', '.join(hidden)}"])

    def _write(self, lines: list[str]) -> None:
        if lines:
            self._output.write("".join(f"{line}\n" for line in lines))
            self._output.flush()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add how much is shown of what happens."""
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--quiet", action="store_true", help="do not show on stderr what happens (so with --json, too)")
    amount.add_argument(
        "--verbose",
        action="store_true",
        help="show whole messages and every MQTT packet, too (with --json: show what happens)",
    )


def of_hub(hub: LocalHub, args: argparse.Namespace) -> Life | None:
    """Return what shows the life of a hub, as the options want it; ``None`` if nothing is to be shown."""
    return _of(telemetry_of(hub), hub._core, args)  # noqa: SLF001 - the package's own


def of_namespace(namespace: LocalNamespace, args: argparse.Namespace) -> Life | None:
    """Return the same for a namespace, which must record messages."""
    return _of(published_on(namespace), namespace._core, args)  # noqa: SLF001 - the package's own


def telemetry_of(hub: LocalHub) -> Messages:
    """Return the device-to-cloud messages of a hub."""
    return Messages(
        hub.telemetry_count,
        lambda after: hub.telemetry(after=after),
        lambda message, style: (message.enqueued_time, message_line(message, style)),
    )


def published_on(namespace: LocalNamespace) -> Messages:
    """Return the messages that clients publish on a namespace."""
    return Messages(
        namespace._messages.total,  # noqa: SLF001 - the package's own
        lambda after: namespace.messages(after=after),
        lambda message, style: (message.time, publish_line(message, style)),
    )


def _of(messages: Messages, events: Events, args: argparse.Namespace) -> Life | None:
    if args.quiet or (args.json and not args.verbose):
        return None
    style = Style(WHOLE if args.verbose else EXCERPT, coloured=is_coloured(sys.stderr))
    budget = _LARGE_BUDGET if args.verbose else _BUDGET
    return Life(messages, events, sys.stderr, style=style, budget=budget)


def is_coloured(output: TextIO) -> bool:
    """Tell whether the output is a terminal that shows colours, and its user wants them (https://no-color.org)."""
    return (
        output.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
        and sys.platform != "win32"
    )
