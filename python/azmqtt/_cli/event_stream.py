"""A stream of Server-Sent Events of a local service, which is opened again when it breaks, and goes on where it was.

(HTML Standard, "Server-sent events": here each event has one line of data, which is JSON.)
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from azmqtt._errors import BadAnswer, RequestFailed
from azmqtt._support import strict_json

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable, Iterator
    from http.client import HTTPResponse

#: Seconds of silence after which the other end is gone: it writes something every 15.
_SILENCE = 45.0

#: Seconds before the first attempt to open the stream again, and the longest time between two.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 3.0

#: Bytes of a line: a message of 256 KB whose every byte is escaped, and more.
_LONGEST_LINE = 4 << 20


class Open(Protocol):
    """Opens the stream: ``since`` is where to begin, ``timeout`` is for the head of the answer, in seconds.

    Raises:
        RequestFailed: The service refuses; it would again.
        OSError: There is no answer.
    """

    def __call__(self, since: str, timeout: float, /) -> contextlib.AbstractContextManager[HTTPResponse]: ...


class Streamed(NamedTuple):
    """An event: where the reader is after it, and what it says."""

    position: str
    value: dict[str, Any]


class SilenceError(Exception):
    """No event came in time."""


def follow(open_stream: Open, since: str, patience: float | None, say: Callable[[str], None]) -> Iterator[Streamed]:
    """Return the events of a stream as they come.

    Args:
        open_stream: Opens it.
        since: Where to begin.
        patience: The longest time without an event, in seconds; ``None`` for no limit.
        say: Gets a text for people after the loss of the connection, and after a new one.

    Raises:
        SilenceError: Too much time has passed without an event.
        RequestFailed: The service refuses.
        OSError: The service cannot be reached at first.
        BadAnswer: What comes is no stream of events.
    """
    deadline = _Deadline(patience)
    is_first, pause = True, _FIRST_PAUSE
    while True:
        try:
            with open_stream(since, deadline.at_most(_SILENCE)) as answer:
                if not is_first:
                    say("connected again")
                is_first, pause = False, _FIRST_PAUSE
                for event in _read(answer, deadline):
                    since = event.position
                    deadline.begin()
                    yield event
            why = "the service closed the connection"
        except RequestFailed as error:
            if is_first or error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            why = str(error)
        except OSError as error:
            if is_first:
                raise
            why = str(error) or type(error).__name__
        deadline.check()
        if pause == _FIRST_PAUSE:
            say(f"lost the connection, trying again: {why}")
        time.sleep(deadline.at_most(pause))
        pause = min(2 * pause, _LONGEST_PAUSE)


class _Deadline:
    """Until when the next event must come."""

    def __init__(self, patience: float | None) -> None:
        self._patience = patience
        self.begin()

    def begin(self) -> None:
        self._at = None if self._patience is None else time.monotonic() + self._patience

    def at_most(self, seconds: float) -> float:
        """Return the time, or what is left until the deadline if that is less."""
        self.check()
        return seconds if self._at is None else max(0.001, min(seconds, self._at - time.monotonic()))

    def check(self) -> None:
        if self._at is not None and time.monotonic() >= self._at:
            raise SilenceError


def _read(answer: HTTPResponse, deadline: _Deadline) -> Iterator[Streamed]:
    """Read events to the end of the answer; a comment is only a sign of life."""
    position, data = "", None
    while True:
        line = _line(answer, deadline)
        if not line:
            return
        name, _, value = line.rstrip("\r\n").partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            position = value
        elif name == "data":
            data = value
        elif not name and not value and data is not None:
            yield Streamed(position, _object(data))
            data = None


def _line(answer: HTTPResponse, deadline: _Deadline) -> str:
    from http.client import HTTPException

    _set_timeout(answer, deadline.at_most(_SILENCE))
    try:
        line = answer.readline(_LONGEST_LINE)
    except TimeoutError:
        deadline.check()
        raise OSError(f"nothing came for {_SILENCE:g} s") from None
    except HTTPException as error:
        raise OSError(f"the connection was cut off ({type(error).__name__})") from None
    if len(line) == _LONGEST_LINE:
        raise BadAnswer("the service's answer has a line that is too long")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise BadAnswer("the service's answer is not UTF-8") from None


def _set_timeout(answer: HTTPResponse, seconds: float) -> None:
    # The response has taken the socket over from its connection.
    raw: Any = getattr(answer.fp, "raw", None)
    if raw is not None and raw._sock is not None:  # noqa: SLF001 - there is no other way to it
        raw._sock.settimeout(seconds)  # noqa: SLF001 - the same


def _object(data: str) -> dict[str, Any]:
    try:
        value = strict_json.read(data)
    except ValueError:
        raise BadAnswer("the service's answer has an event that is not JSON") from None
    if not isinstance(value, dict):
        raise BadAnswer("the service's answer has an event that is not an object")
    return value
