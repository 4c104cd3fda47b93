"""What a service application does with cloud-to-device messages on a local hub."""

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
    """The part of :class:`~azmqtt.LocalHub` that sends messages to devices."""

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
        """Queue a cloud-to-device message, delivered when the device is connected and has subscribed.

        Args:
            device_id: Whom to.
            body: ``bytes`` or ``str`` as they are; anything else as JSON, with content type ``application/json`` unless
                another is given. At most 64 KB, properties included.
            properties: The application's own, ``None`` for a null value; ``$.mid``, ``$.cid``, ``$.ct`` and the like
                set system properties.
            message_id: ``$.mid``; a random one if absent.
            correlation_id: ``$.cid``.
            content_type: ``$.ct``.
            ack: Which feedback to give: see :meth:`feedback`.
            expiry: When the message expires, with a time zone (``$.exp``).
            ttl: In how many seconds it expires, in place of ``expiry``. By default after the hub's ``c2d_ttl``.

        Returns:
            The message's id.

        Raises:
            TypeError: Names the part of the body that is not JSON.
            ValueError: The message is too large, or a property breaks a rule.
            RuntimeError: 50 messages wait for the device already.
            LookupError: There is no such device.
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
        """Return how many cloud-to-device messages the device has not acknowledged.

        Raises:
            LookupError: There is no such device.
        """
        return self._core.pending_c2d(device_id)

    def purge_c2d(self, device_id: str) -> int:
        """Empty the device's queue, with the messages on their way; return how many they were.

        Raises:
            LookupError: There is no such device.
        """
        return self._core.purge_c2d(device_id)

    def feedback(self, device_id: str | None = None) -> list[FeedbackRecord]:
        """Return what became of messages whose sender asked, of a device or of all, oldest first.

        ``ack="positive"`` asks for ``Success``, ``"negative"`` for everything else, ``"full"`` for both. The service
        hands feedback out in batches of 64 records or every 15 seconds; here each record is there at once. The newest
        10,000 are kept, in memory.
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
        """Wait until there are at least ``count`` records of :meth:`feedback`; return all that are kept.

        Args:
            device_id: Of which device; of all if absent.
            count: How many at least.
            timeout: In seconds; ``None`` waits without a limit.

        Raises:
            TimeoutError: Fewer came in time; says how many.
        """
        __tracebackhide__ = True
        return run(self._fed_back(device_id, count, timeout), self._core)

    async def wait_for_feedback_async(
        self, device_id: str | None = None, count: int = 1, timeout: float | None = 10
    ) -> list[FeedbackRecord]:
        """Wait for feedback while the event loop runs on; see :meth:`wait_for_feedback`."""
        __tracebackhide__ = True
        return await run_async(self._fed_back(device_id, count, timeout), self._core)

    def _fed_back(self, device_id: str | None, count: int, timeout: float | None) -> Steps[list[FeedbackRecord]]:
        __tracebackhide__ = True
        not_negative("count", count)
        if not (yield lambda tick: self._core.wait_for_feedback(device_id, count, tick), timeout):
            msg = f"{len(self.feedback(device_id))} of {count} records of feedback came within {timeout} s"
            raise TimeoutError(msg)
        return self.feedback(device_id)


def body_of(body: Any, json_default: Callable[[Any], Any] | None) -> tuple[bytes, dict[str, str]]:
    """Return a body as bytes, and the system properties that go with its kind.

    Raises:
        TypeError: Names the part that is not JSON.
    """
    if isinstance(body, str):
        return body.encode(), {}
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body), {}
    return _core.json_text("body", body, json_default).encode(), {"$.ct": "application/json", "$.ce": "utf-8"}


def with_implied(implied: dict[str, str], given: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Put properties that go with the kind of body before those that are given, unless these name them."""
    named = {name for name, _ in given}
    return [*((name, value) for name, value in implied.items() if name not in named), *given]


def _utc(moment: datetime) -> str:
    from datetime import timezone

    if moment.tzinfo is None:
        raise ValueError("expiry must have a time zone, such as datetime.timezone.utc")
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
