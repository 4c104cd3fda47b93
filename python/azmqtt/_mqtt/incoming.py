"""How a client of any broker takes what arrives, and what can be seen of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from azmqtt import _core
from azmqtt._client.life import Life
from azmqtt._mqtt.topics import check_filter
from azmqtt._streams import Stream
from azmqtt._support.arguments import function

if TYPE_CHECKING:
    from collections.abc import Callable

    from azmqtt._core import BrokerClient, MqttMessage
    from azmqtt._mqtt.stats import MqttStats
    from azmqtt._mqtt.topics import TopicLimits

    MessageHandler = TypeVar("MessageHandler", bound=Callable[[MqttMessage], Any])


class Incoming(Life):
    """The part of :class:`~azmqtt.MqttClient` that receives, and what can be seen of it."""

    __slots__ = ("_limits",)

    _core: BrokerClient
    _limits: TopicLimits

    def messages(self, topic_filter: str | None = None, *, timeout: float | None = None) -> Stream[MqttMessage]:
        """Take the messages that arrive, from now on: all of them, or those that match a filter.

        This selects and does not subscribe: :meth:`~azmqtt.MqttClient.subscribe` does. Every iterator and every handler
        that a message matches gets it, and it is acknowledged once all have taken it, in the order of arrival; what
        matches none is acknowledged and counted (``messages_unclaimed``). When 4,096 messages or 16 MiB wait in an
        iterator, acknowledgements of QoS 1 and 2 wait too, and with them the broker; at QoS 0 the oldest go, counted
        (``messages_dropped``).

        Args:
            topic_filter: Such as ``"plant/+/temperature"``.
            timeout: Seconds to wait for each message before the iteration ends; ``None`` for no limit.

        Returns:
            An iterator for ``for`` and ``async for`` over :class:`~azmqtt.MqttMessage`. A message is acknowledged when
            the next one is asked for or the iteration ends; with ``ack="manual"`` by ``message.ack()`` alone.
        """
        if topic_filter is not None:
            check_filter("topic_filter", topic_filter, self._limits)
        return Stream(self, "messages", timeout, topic_filter)

    @overload
    def on_message(self, topic_filter: MessageHandler, /) -> MessageHandler: ...

    @overload
    def on_message(self, topic_filter: str | None = None, /) -> Callable[[MessageHandler], MessageHandler]: ...

    @overload
    def on_message(self, topic_filter: str | None, handler: MessageHandler, /) -> MessageHandler: ...

    def on_message(self, topic_filter: Any = None, handler: Any = None, /) -> Any:
        """Call a handler with every message that arrives, or that matches a filter, from now on.

        As a decorator, ``@client.on_message`` or ``@client.on_message("plant/#")``, or as a plain call,
        ``client.on_message("plant/#", function)``. It selects and does not subscribe, as :meth:`messages`.

        A plain function is called on a thread of the package's, one call at a time; an ``async def`` on the event loop
        that is running now, or else on one of the package's. The message is acknowledged after the handler has returned
        or raised; one that raises is logged under ``azmqtt.handlers``. A client with handlers lives until it is closed,
        even if the application keeps no reference to it.

        Args:
            topic_filter: Which messages; ``None`` for all.
            handler: The function.

        Raises:
            ValueError: Names the filter that breaks a rule.
            RuntimeError: There is a handler for this filter already.
        """
        if callable(topic_filter) and handler is None:
            return self._register(None, topic_filter)
        if topic_filter is not None:
            check_filter("topic_filter", topic_filter, self._limits)
        if handler is not None:
            return self._register(topic_filter, handler)
        return lambda handler: self._register(topic_filter, handler)

    def _register(self, topic_filter: str | None, handler: Any) -> Any:
        function("the handler", handler)
        if self._core.state == "closed":
            raise self._core.closed_error
        if self._handlers is None:
            from azmqtt._handlers.handlers import Handlers

            self._handlers = Handlers(self._core, self)
        kind = "messages" if topic_filter is None else f"messages to {topic_filter!r}"
        self._handlers.register(kind, _core.Events(self._core, "messages", None, topic_filter), handler)
        return handler

    def stats(self) -> MqttStats:
        """Read what was counted and measured since the client was made, and what waits now."""
        from azmqtt._mqtt.stats import MqttStats

        return MqttStats({**self._core.stats(), **self._waits()})

    @property
    def client_id(self) -> str:
        """The client identifier; empty until the broker has assigned one, for a client that was made without."""
        return self._core.client_id

    @property
    def _log_name(self) -> str:
        return self.client_id or self._core.hostname

    def __repr__(self) -> str:
        """Show names and state, no secret."""
        return f"{type(self).__name__}({self.hostname!r}, {self.client_id!r}, {self.state})"

    def _names(self) -> list[tuple[str, str | None]]:
        return [("broker", self.hostname), ("client", self.client_id)]
