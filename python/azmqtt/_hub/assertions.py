"""Assertions about the traffic of devices on a local hub. A failure lists the differences, path by path."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from azmqtt._hub.awaited import feed_of
from azmqtt._local.assertions import against_body, fail_if, in_order
from azmqtt._local.diff import differences
from azmqtt._support.waiting import Steps, run, run_async

if TYPE_CHECKING:
    from azmqtt import _core
    from azmqtt._hub_types import TelemetryMessage


class AssertionsMixin:
    """The assertions of :class:`~azmqtt.LocalHub`."""

    _core: _core.Hub

    if TYPE_CHECKING:

        def twin(self, device_id: str, *, module_id: str | None = None) -> dict[str, Any]: ...
        def telemetry(
            self, device_id: str | None = None, *, module_id: str | None = None, after: int = 0
        ) -> list[TelemetryMessage]: ...
        def telemetry_count(self, device_id: str | None = None, *, module_id: str | None = None) -> int: ...

    def assert_telemetry(
        self,
        device_id: str,
        expected: Sequence[Any],
        *,
        module_id: str | None = None,
        after: int = 0,
        timeout: float | None = 5,
    ) -> list[TelemetryMessage]:
        """Assert that a device or module has sent exactly these messages, in this order.

        Waits until the hub has as many messages as ``expected``. An expected message is one of these: ``bytes``, the
        body; ``str``, the body as UTF-8 text; a :class:`azmqtt.Message`, the body and those properties that it sets; a
        function that takes a :class:`~azmqtt.TelemetryMessage` and returns whether it matches; or any other value, the
        body as JSON, which may contain ``pytest.approx`` and ``unittest.mock.ANY``.

        Args:
            device_id: The device's id.
            expected: The expected messages; ``[]`` if the device has sent none.
            module_id: The module's id. Without it, only messages from the device itself count.
            after: Consider only messages with a higher ``sequence``.
            timeout: In seconds; ``None`` waits without a limit.

        Returns:
            The messages.

        Raises:
            AssertionError: The messages differ. The text lists the differences.
            LookupError: The device does not exist.
            TypeError: ``expected`` is not a list of messages.
        """
        __tracebackhide__ = True
        return run(self._has_sent(device_id, expected, module_id, after, timeout), self._core)

    async def assert_telemetry_async(
        self,
        device_id: str,
        expected: Sequence[Any],
        *,
        module_id: str | None = None,
        after: int = 0,
        timeout: float | None = 5,
    ) -> list[TelemetryMessage]:
        """Do the same as :meth:`assert_telemetry` without blocking the event loop."""
        __tracebackhide__ = True
        return await run_async(self._has_sent(device_id, expected, module_id, after, timeout), self._core)

    def _has_sent(
        self, device_id: str, expected: Sequence[Any], module_id: str | None, after: int, timeout: float | None
    ) -> Steps[list[TelemetryMessage]]:
        __tracebackhide__ = True
        feed = feed_of(self, device_id, module_id)
        what = f"telemetry of {_who(device_id, module_id)}"
        return in_order(expected, feed, _message_differences, lambda message: message.body, after, timeout, what)

    def assert_twin_reported(
        self,
        device_id: str,
        expected: Mapping[str, Any],
        *,
        module_id: str | None = None,
        exact: bool = False,
        timeout: float | None = 5,
    ) -> None:
        """Assert that a device or module has reported these properties. By default it may have reported others, too.

        Waits until the properties match. ``None`` means that the property is absent.

        Args:
            device_id: The device's id.
            expected: The properties, as in a patch.
            module_id: The module's id.
            exact: Whether further properties are a failure.
            timeout: In seconds; ``None`` waits without a limit.

        Raises:
            AssertionError: The properties differ. The text lists the differences, such as
                ``properties.reported.firmware: expected "1.1", got "1.0"``.
            LookupError: The device does not exist.
            TypeError: ``expected`` is not a mapping.
        """
        __tracebackhide__ = True
        run(self._section("reported", device_id, expected, module_id, timeout, exact=exact), self._core)

    async def assert_twin_reported_async(
        self,
        device_id: str,
        expected: Mapping[str, Any],
        *,
        module_id: str | None = None,
        exact: bool = False,
        timeout: float | None = 5,
    ) -> None:
        """Do the same as :meth:`assert_twin_reported` without blocking the event loop."""
        __tracebackhide__ = True
        await run_async(self._section("reported", device_id, expected, module_id, timeout, exact=exact), self._core)

    def assert_twin_desired(
        self,
        device_id: str,
        expected: Mapping[str, Any],
        *,
        module_id: str | None = None,
        exact: bool = False,
        timeout: float | None = 5,
    ) -> None:
        """Assert that a device or module has these desired properties: see :meth:`assert_twin_reported`."""
        __tracebackhide__ = True
        run(self._section("desired", device_id, expected, module_id, timeout, exact=exact), self._core)

    async def assert_twin_desired_async(
        self,
        device_id: str,
        expected: Mapping[str, Any],
        *,
        module_id: str | None = None,
        exact: bool = False,
        timeout: float | None = 5,
    ) -> None:
        """Do the same as :meth:`assert_twin_desired` without blocking the event loop."""
        __tracebackhide__ = True
        await run_async(self._section("desired", device_id, expected, module_id, timeout, exact=exact), self._core)

    def _section(
        self,
        section: str,
        device_id: str,
        expected: Mapping[str, Any],
        module_id: str | None,
        timeout: float | None,
        *,
        exact: bool,
    ) -> Steps[None]:
        __tracebackhide__ = True
        if not isinstance(expected, Mapping):
            raise TypeError(f"expected must be a mapping, not {type(expected).__name__}")
        lines: list[str] = []
        version = 0

        def as_expected(tick: float) -> bool:
            nonlocal lines, version
            properties = dict(self.twin(device_id, module_id=module_id)["properties"][section])
            version = properties.pop("$version")
            properties.pop("$metadata", None)
            lines = differences(dict(expected), properties, f"properties.{section}", exact=exact)
            if lines:
                # Twins send no notification of changes, so this polls once per tick.
                time.sleep(tick)
            return not lines

        yield as_expected, timeout
        fail_if(lines, f"twin of {_who(device_id, module_id)}, {section} version {version}, after {timeout} s")


def _who(device_id: str, module_id: str | None) -> str:
    return device_id if module_id is None else f"{device_id}/{module_id}"


def _message_differences(expected: Any, message: TelemetryMessage, path: str) -> list[str]:
    from azmqtt._message import Message

    if isinstance(expected, Message):
        return _against_message(expected, message, path)
    return against_body(expected, message.body, f"{path}.body")


def _against_message(expected: Any, message: TelemetryMessage, path: str) -> list[str]:
    """Compare the properties that the expected message sets."""
    lines = [] if expected.body is None else against_body(expected.body, message.body, f"{path}.body")
    lines += differences(dict(expected.properties or {}), message.properties, f"{path}.properties", exact=False)
    named = {
        "message-id": expected.message_id,
        "correlation-id": expected.correlation_id,
        "content-type": expected.content_type,
        "content-encoding": expected.content_encoding,
        "user-id": expected.user_id,
        "dt-subject": expected.component,
        "iothub-outputname": expected.output_name,
        "iothub-message-schema": expected.schema,
    }
    named = {name: value for name, value in named.items() if value is not None}
    return lines + differences(named, message.system_properties, f"{path}.system_properties", exact=False)
