"""Cloud-to-device messages of a local hub, from a service application's side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from azmqtt import _core
from azmqtt._support.arguments import not_negative
from azmqtt._support.waiting import Steps, run, run_async

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from azmqtt._hub_types import FeedbackRecord


class CloudMessagesMixin:
    """The cloud-to-device methods of :class:`~azmqtt.LocalHub`."""

    _core: _core.Hub
    _json_default: Callable[[Any], Any] | None

    def send_c2d(
        self,
        device_id: str,
        body: Any,
        properties: Mapping[str, str | None] | None = None,
        *,
        message_id: str | None = None,
        correlation_id: str | None = None,
        content_type: str | None = None,
        ack: Literal["none", "positive", "negative", "full"] | None = None,
        expiry: datetime | None = None,
        ttl: float | None = None,
    ) -> str:
        """Queue a cloud-to-device message. The hub delivers it once the device is connected and has subscribed.

        Args:
            device_id: The receiving device.
            body: ``bytes`` or ``str``, sent unchanged; anything else is sent as JSON, with content type
                ``application/json`` unless you give another. At most 64 KB, properties included.
            properties: The application properties, with ``None`` for a null value. ``$.mid``, ``$.cid``, ``$.ct`` and
                similar names set system properties.
            message_id: ``$.mid``; random by default.
            correlation_id: ``$.cid``.
            content_type: ``$.ct``.
            ack: The feedback to give: see :meth:`feedback`.
            expiry: The time when the message expires, with a time zone (``$.exp``).
            ttl: The seconds until the message expires, instead of ``expiry``. Defaults to the hub's ``c2d_ttl``.

        Returns:
            The message's id.

        Raises:
            TypeError: Names the part of the body that is not JSON.
            ValueError: The message is too large, or a property breaks a rule.
            RuntimeError: The device's queue is full (50 messages).
            LookupError: The device does not exist.
        """
        data, implied = body_of(body, self._json_default)
        if expiry is not None and ttl is not None:
            raise ValueError("expiry and ttl exclude each other")
        system = {
            "$.mid": message_id,
            "$.cid": correlation_id,
            "$.ct": content_type,
            "iothub-ack": ack,
            "$.exp": None if expiry is None else _utc(expiry),
        }
        given = [(name, value) for name, value in system.items() if value is not None]
        pairs = with_implied(implied, [*given, *(properties or {}).items()])
        return self._core.send_c2d(device_id, data, pairs, ttl)

    def pending_c2d(self, device_id: str) -> int:
        """Return the number of cloud-to-device messages that the device has not acknowledged.

        Raises:
            LookupError: The device does not exist.
        """
        return self._core.pending_c2d(device_id)

    def purge_c2d(self, device_id: str) -> int:
        """Remove all messages from the device's queue, including those in delivery; return their number.

        Raises:
            LookupError: The device does not exist.
        """
        return self._core.purge_c2d(device_id)

    def feedback(self, device_id: str | None = None) -> list[FeedbackRecord]:
        """Return the feedback records of one device, or of all devices, oldest first.

        A record says how a message ended, if its sender asked for that: ``ack="positive"`` asks for ``Success``,
        ``"negative"`` for every other outcome, ``"full"`` for both. The service delivers feedback in batches of 64
        records or every 15 seconds; here each record is available at once. The hub keeps the newest 10,000 in memory.
        """
        from datetime import datetime, timezone

        from azmqtt._hub_types import FeedbackRecord

        return [
            FeedbackRecord(
                original_message_id=message_id,
                enqueued_time=datetime.fromtimestamp(time, timezone.utc),
                status_code=status,
                description=description,
                device_id=device,
                device_generation_id=generation,
            )
            for message_id, time, status, description, device, generation in self._core.feedback(device_id)
        ]

    def wait_for_feedback(
        self, device_id: str | None = None, count: int = 1, timeout: float | None = 10
    ) -> list[FeedbackRecord]:
        """Wait for at least ``count`` records of :meth:`feedback`; return all records.

        Args:
            device_id: The device's id; all devices by default.
            count: The minimum number of records.
            timeout: In seconds; ``None`` waits without a limit.

        Raises:
            TimeoutError: Fewer records arrived in time. The text gives their number.
        """
        __tracebackhide__ = True
        return run(self._fed_back(device_id, count, timeout), self._core)

    async def wait_for_feedback_async(
        self, device_id: str | None = None, count: int = 1, timeout: float | None = 10
    ) -> list[FeedbackRecord]:
        """Do the same as :meth:`wait_for_feedback` without blocking the event loop."""
        __tracebackhide__ = True
        return await run_async(self._fed_back(device_id, count, timeout), self._core)

    def _fed_back(self, device_id: str | None, count: int, timeout: float | None) -> Steps[list[FeedbackRecord]]:
        __tracebackhide__ = True
        not_negative("count", count)
        if not (yield lambda tick: self._core.wait_for_feedback(device_id, count, tick), timeout):
            msg = f"{len(self.feedback(device_id))} of {count} records of feedback arrived within {timeout} s"
            raise TimeoutError(msg)
        return self.feedback(device_id)


def body_of(body: Any, json_default: Callable[[Any], Any] | None) -> tuple[bytes, dict[str, str]]:
    """Return a body as bytes, and the system properties that its type implies.

    Raises:
        TypeError: Names the part that is not JSON.
    """
    if isinstance(body, str):
        return body.encode(), {}
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body), {}
    return _core.json_text("body", body, json_default).encode(), {"$.ct": "application/json", "$.ce": "utf-8"}


def with_implied(implied: dict[str, str], given: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Add the properties that the body's type implies, unless the caller gave them."""
    named = {name for name, _ in given}
    return [*((name, value) for name, value in implied.items() if name not in named), *given]


def _utc(moment: datetime) -> str:
    from datetime import timezone

    if moment.tzinfo is None:
        raise ValueError("expiry must have a time zone, such as datetime.timezone.utc")
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
