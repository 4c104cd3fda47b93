"""The arguments of ``LocalHub.wait_for_telemetry`` in each of its forms, and the wait for a matching message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from azmqtt._local.awaited import Feed, brief, first_match
from azmqtt._support.arguments import function, not_negative, text, whole
from azmqtt._support.arguments import timeout as check_timeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from azmqtt import _core
    from azmqtt._hub_types import TelemetryMessage
    from azmqtt._support.waiting import Steps

    class _Telemetry(Protocol):
        """The part of a hub that keeps telemetry."""

        _core: _core.Hub

        def telemetry(self, device_id: str | None, *, module_id: str | None, after: int) -> list[TelemetryMessage]: ...

        def telemetry_count(self, device_id: str | None, *, module_id: str | None) -> int: ...


#: The default of an argument that the caller did not pass.
ONE: Any = object()
TEN_SECONDS: Any = object()


class Awaited:
    """The arguments of a call, independent of its form."""

    def __init__(
        self,
        device_id: str | None,
        count: int,
        timeout: float | None,
        predicate: Callable[[TelemetryMessage], object] | None,
        after: int,
    ) -> None:
        """Take the arguments that :meth:`read` has sorted."""
        self.device_id = device_id
        self.count = count
        self.timeout = timeout
        self.predicate = predicate
        self.after = after

    @classmethod
    def read(cls, device_id: Any, count: Any, timeout: Any, predicate: Any, after: int) -> Awaited:
        """Determine the form of the call from its arguments.

        Raises:
            TypeError: The arguments have the wrong types, or do not go together.
            ValueError: A number is negative.
        """
        if callable(device_id):
            if predicate is not None:
                raise TypeError("predicate is given twice")
            device_id, predicate = None, device_id
            if count is not ONE:
                if timeout is not TEN_SECONDS:
                    raise TypeError("count and predicate exclude each other")
                count, timeout = ONE, count
        if predicate is None and after:
            raise TypeError("after needs a predicate")
        if predicate is not None and count is not ONE:
            raise TypeError("count and predicate exclude each other")
        if predicate is not None:
            function("predicate", predicate)
        if device_id is not None:
            text("device_id", device_id)
        count = _checked_count(1 if count is ONE else count)
        not_negative("after", after)
        timeout = 10 if timeout is TEN_SECONDS else timeout
        check_timeout(timeout)
        return cls(device_id, count, timeout, predicate, after)


def _checked_count(count: Any) -> int:
    if callable(count):
        raise TypeError("count must be int, not a function: behind a device_id a predicate is passed as predicate=")
    whole("count", count)
    not_negative("count", count)
    return int(count)


def wait_for_match(hub: _Telemetry, asked: Awaited, module_id: str | None) -> Steps[TelemetryMessage]:
    """Wait for the first message that satisfies the predicate.

    Raises:
        TimeoutError: No message matched in time. The text shows the last messages.
    """
    __tracebackhide__ = True
    feed = feed_of(hub, asked.device_id, module_id)
    return first_match(feed, asked.predicate, asked.after, asked.timeout, _line)


def feed_of(hub: _Telemetry, device_id: str | None, module_id: str | None) -> Feed[TelemetryMessage]:
    """Return the telemetry feed of one device or module, or of all devices."""
    core = hub._core  # noqa: SLF001 - the hub's own half
    return Feed(
        lambda after: hub.telemetry(device_id, module_id=module_id, after=after),
        lambda: hub.telemetry_count(device_id, module_id=module_id),
        lambda count, tick: core.wait_for_count(device_id, count + 1, tick, module_id),
    )


def _line(message: TelemetryMessage) -> str:
    who = message.device_id if message.module_id is None else f"{message.device_id}/{message.module_id}"
    return f"{who} #{message.sequence} {brief(message.body)} {message.properties or ''}".rstrip()
