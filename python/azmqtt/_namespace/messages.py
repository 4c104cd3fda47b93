"""What a test asks of a local namespace about messages: which were published, and in which order."""

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
    """The part of :class:`~azmqtt.LocalNamespace` that knows what was published."""

    _core: _core.Namespace
    _messages: MessageLog

    def messages(self, topic_filter: str | None = None, *, after: int = 0) -> MessageList[NamespaceMessage]:
        """Return the messages that clients have published and the namespace has accepted, oldest first.

        This includes messages without subscribers, and wills.
        ``namespace.messages("plant/#").to_pandas()`` returns them as a pandas frame: see :func:`azmqtt.data.frame`.

        Args:
            topic_filter: Only those on its topics, such as ``"plant/+/temperature"``.
            after: Only those with a higher ``sequence``, to look again for what came since.

        Raises:
            ValueError: The filter breaks a rule.
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
        """Wait for a message, and return the first that matches, which may have come already.

            namespace.wait_for_message("plant/#", 5)
            namespace.wait_for_message(lambda message: message.json()["temperature"] > 30)

        Args:
            wanted: A topic filter, or a predicate.
            timeout: In seconds; ``None`` waits without a limit.
            predicate: With a topic filter, says of a message whether it is the one.
            after: Only messages with a higher ``sequence``.

        Raises:
            TimeoutError: None came in time; shows the last that did come.
            ValueError: The filter breaks a rule.
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
        """Wait for a message while the event loop runs on; see :meth:`wait_for_message`."""
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
        self.messages(wanted, after=after)  # what is wrong is said before the wait
        return first_match(self._feed(wanted), predicate, after, timeout, _line)

    def assert_messages(
        self,
        topic_filter: str | None,
        expected: Sequence[Any],
        *,
        after: int = 0,
        timeout: float | None = 5,
    ) -> list[NamespaceMessage]:
        """Assert that these messages were published, in this order, and no others.

        Waits until there are so many. ``bytes`` stand for a payload, ``str`` for one in UTF-8, a
        :class:`~azmqtt.MqttMessage` for a topic and a payload with those properties that it names, and a function says
        of a :class:`~azmqtt.NamespaceMessage` whether it is as expected. Everything else is JSON, where
        ``pytest.approx`` and ``unittest.mock.ANY`` may stand for values.

        Args:
            topic_filter: Only messages on its topics count; ``None`` for all.
            expected: One for each message; ``[]`` for none so far.
            after: Only those with a higher ``sequence``.
            timeout: In seconds; ``None`` waits without a limit.

        Returns:
            The messages.

        Raises:
            AssertionError: There are others; says what differs.
            TypeError: What is expected is not a list of messages.
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
        """Assert what was published while the event loop runs on; see :meth:`assert_messages`."""
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
