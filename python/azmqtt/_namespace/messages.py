"""The messages published on a local namespace, and assertions about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azmqtt._local.assertions import against_body, in_order
from azmqtt._local.awaited import Feed, brief, first_match
from azmqtt._local.diff import differences
from azmqtt._support.arguments import function, not_negative, text
from azmqtt._support.waiting import Steps, run, run_async

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from azmqtt import _core
    from azmqtt._core import MessageLog
    from azmqtt._namespace_types import NamespaceMessage
    from azmqtt.data import MessageList


class MessagesMixin:
    """The message recording of :class:`~azmqtt.LocalNamespace`."""

    _core: _core.Namespace
    _messages: MessageLog

    def messages(self, topic_filter: str | None = None, *, after: int = 0) -> MessageList[NamespaceMessage]:
        """Return the messages that clients have published and the namespace has accepted, oldest first.

        This includes messages without subscribers, and wills.
        ``namespace.messages("plant/#").to_pandas()`` returns them as a pandas frame: see :func:`azmqtt.data.frame`.

        Args:
            topic_filter: Return only messages on matching topics, such as ``"plant/+/temperature"``.
            after: Return only those with a higher ``sequence``: what is new since an earlier call.

        Raises:
            ValueError: The topic filter is invalid.
            RuntimeError: Messages are not recorded: ``LocalNamespace(record=False)``.
        """
        not_negative("after", after)
        try:
            records = self._messages.records(topic_filter, after)
        except ValueError as error:
            raise ValueError(f"topic_filter: {error}") from None
        if records is None:
            raise RuntimeError("messages are not recorded: make the namespace with record=True")
        from azmqtt.data import MessageList

        return MessageList(map(_as_message, records))

    def wait_for_message(
        self,
        wanted: str | Callable[[NamespaceMessage], object] | None = None,
        timeout: float | None = 10,
        *,
        predicate: Callable[[NamespaceMessage], object] | None = None,
        after: int = 0,
    ) -> NamespaceMessage:
        """Wait for a message; return the first match. Messages published before the call count.

            namespace.wait_for_message("plant/#", 5)
            namespace.wait_for_message(lambda message: message.json()["temperature"] > 30)

        Args:
            wanted: A topic filter, or a predicate.
            timeout: In seconds; ``None`` waits without a limit.
            predicate: With a topic filter: takes a message and returns whether it matches.
            after: Consider only messages with a higher ``sequence``.

        Raises:
            TimeoutError: None matched in time. The text shows the last ones.
            ValueError: The topic filter is invalid.
            RuntimeError: The namespace is stopped, or messages are not recorded.
        """
        __tracebackhide__ = True
        return run(self._awaited(wanted, timeout, predicate, after), self._core)

    async def wait_for_message_async(
        self,
        wanted: str | Callable[[NamespaceMessage], object] | None = None,
        timeout: float | None = 10,
        *,
        predicate: Callable[[NamespaceMessage], object] | None = None,
        after: int = 0,
    ) -> NamespaceMessage:
        """Do the same as :meth:`wait_for_message` without blocking the event loop."""
        __tracebackhide__ = True
        return await run_async(self._awaited(wanted, timeout, predicate, after), self._core)

    def _awaited(
        self,
        wanted: str | Callable[[NamespaceMessage], object] | None,
        timeout: float | None,
        predicate: Callable[[NamespaceMessage], object] | None,
        after: int,
    ) -> Steps[NamespaceMessage]:
        __tracebackhide__ = True
        if callable(wanted):
            if predicate is not None:
                raise TypeError("predicate is given twice")
            wanted, predicate = None, wanted
        if wanted is not None:
            text("wanted", wanted)
        if predicate is not None:
            function("predicate", predicate)
        not_negative("after", after)
        self.messages(wanted, after=after)  # raise for invalid arguments before the wait
        return first_match(self._feed(wanted), predicate, after, timeout, _line)

    def assert_messages(
        self,
        topic_filter: str | None,
        expected: Sequence[Any],
        *,
        after: int = 0,
        timeout: float | None = 5,
    ) -> list[NamespaceMessage]:
        """Assert that exactly these messages were published, in this order.

        Waits until the namespace has as many messages as ``expected``. An expected message is one of these: ``bytes``,
        the payload; ``str``, the payload as UTF-8 text; a :class:`~azmqtt.MqttMessage`, the topic, the payload and
        those properties that it sets; a function that takes a :class:`~azmqtt.NamespaceMessage` and returns whether it
        matches; or any other value, the payload as JSON, which may contain ``pytest.approx`` and
        ``unittest.mock.ANY``.

        Args:
            topic_filter: Only messages on matching topics count; ``None`` for all.
            expected: The expected messages; ``[]`` if none has been published.
            after: Consider only those with a higher ``sequence``.
            timeout: In seconds; ``None`` waits without a limit.

        Returns:
            The messages.

        Raises:
            AssertionError: The messages differ. The text lists the differences.
            TypeError: ``expected`` is not a list of messages.
        """
        __tracebackhide__ = True
        return run(self._published(topic_filter, expected, after, timeout), self._core)

    async def assert_messages_async(
        self,
        topic_filter: str | None,
        expected: Sequence[Any],
        *,
        after: int = 0,
        timeout: float | None = 5,
    ) -> list[NamespaceMessage]:
        """Do the same as :meth:`assert_messages` without blocking the event loop."""
        __tracebackhide__ = True
        return await run_async(self._published(topic_filter, expected, after, timeout), self._core)

    def _published(
        self, topic_filter: str | None, expected: Sequence[Any], after: int, timeout: float | None
    ) -> Steps[list[NamespaceMessage]]:
        __tracebackhide__ = True
        what = "messages" if topic_filter is None else f"messages on {topic_filter}"
        feed = self._feed(topic_filter)
        return in_order(expected, feed, _differences, lambda message: message.payload, after, timeout, what)

    def _feed(self, topic_filter: str | None) -> Feed[NamespaceMessage]:
        return Feed(lambda after: self.messages(topic_filter, after=after), self._messages.total, self._messages.wait)


def _as_message(record: tuple[int, str | None, str | None, _core.MqttMessage, float]) -> NamespaceMessage:
    from datetime import datetime, timezone

    from azmqtt._namespace_types import NamespaceMessage

    sequence, authentication_name, client_id, message, time = record
    return NamespaceMessage(
        topic=message.topic,
        payload=message.payload,
        qos=message.qos,
        retain=message.retain,
        authentication_name=authentication_name,
        client_id=client_id,
        user_properties=tuple(message.user_properties),
        content_type=message.content_type,
        response_topic=message.response_topic,
        correlation_data=message.correlation_data,
        message_expiry=message.message_expiry,
        payload_format=message.payload_format,
        time=datetime.fromtimestamp(time, timezone.utc),
        sequence=sequence,
    )


def _line(message: NamespaceMessage) -> str:
    return f"{message.authentication_name} #{message.sequence} {message.topic} {brief(message.payload)}".rstrip()


def _differences(expected: Any, message: NamespaceMessage, path: str) -> list[str]:
    from azmqtt._core import MqttMessage

    if not isinstance(expected, MqttMessage):
        return against_body(expected, message.payload, f"{path}.payload")
    lines = differences(expected.topic, message.topic, f"{path}.topic")
    lines += against_body(expected.payload, message.payload, f"{path}.payload")
    if expected.user_properties:
        actual = list(message.user_properties)
        lines += differences(expected.user_properties, actual, f"{path}.user_properties")
    for name in ("content_type", "response_topic", "correlation_data", "message_expiry", "payload_format"):
        wanted = getattr(expected, name)
        if wanted is not None:
            lines += differences(wanted, getattr(message, name), f"{path}.{name}")
    return lines
