"""A client of any MQTT broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from azmqtt import _core
from azmqtt._mqtt.incoming import Incoming
from azmqtt._mqtt.options import DEFAULTS, broker_options
from azmqtt._mqtt.properties import fields
from azmqtt._mqtt.topics import check_filter, check_topic, limits_of
from azmqtt._mqtt.types import Published, published
from azmqtt._support import arguments

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable, Mapping

    from typing_extensions import Self, Unpack

    from azmqtt._client.progress import Progress
    from azmqtt._core import MqttMessage
    from azmqtt._mqtt.options import MqttOptions
    from azmqtt._mqtt.properties import UserProperties

    QoS = Literal[0, 1, 2]


class MqttClient(Incoming):
    """A client for any MQTT 5 or 3.1.1 broker, such as an Event Grid namespace or the broker of IoT Operations.

    The constructor does no I/O. The first call connects. The client then reconnects after a lost connection and
    renews tokens until you close it. Use it in ``with`` or ``async with``, or call :meth:`close`::

        with MqttClient("broker.example.com", "boiler-7", authentication=EntraToken(credential)) as client:
            client.subscribe("commands/boiler-7/#")
            client.publish("telemetry/boiler-7", {"temperature": 21.5})
            for message in client.messages():
                print(message.topic, message.json())

    Each call has two forms: the plain name blocks (it releases the GIL and stops on Ctrl-C), and the name with
    ``_async`` is a coroutine. You can mix both on one client, from any thread and any event loop. ``timeout`` is in
    seconds and defaults to the client's. Every call ends with an answer, an error or a timeout.

    Any call may raise:
        ConnectionFailed: No connection could be made; ``ServerMoved`` if the broker names another one.
        AuthenticationFailed: The broker refused the credentials, at the beginning or when they were renewed.
        ConnectionLost: The connection was lost and the outcome is unknown; ``SessionTakenOver`` if another connection
            has the client id now.
        SessionLost: The broker has forgotten the session, with ``lost_session="fail"``.
        RequestTimeout: No answer within the timeout.
        ClientClosed: The client is closed.
        RuntimeError: The client was made in another process, before ``fork()``.
        RuntimeWarning: The call connects and takes the place of another client of this process with the same host, port
            and client id, which is closed then; see ``exclusive``.
    """

    __slots__ = ()

    def __init__(self, hostname: str, client_id: str | None = None, **options: Unpack[MqttOptions]) -> None:
        """Take the broker's name and the client's.

        Args:
            hostname: The broker, such as ``ns.westeurope-1.ts.eventgrid.azure.net``.
            client_id: The client identifier, which names the session; ``None`` to have the broker assign one, for a
                session that ends with the connection.
            **options: See :class:`~azmqtt.MqttOptions`.

        Raises:
            ValueError: Names the option that is out of its bounds, or the file that cannot be read.
            TypeError: An option that is unknown or of the wrong type.
        """
        self._closed = True
        if not options.keys() <= DEFAULTS.keys():
            raise TypeError(_unknown(options))
        authenticating = _authenticating(options.get("authentication"))
        calls = None if authenticating is None else authenticating.calls
        given = broker_options(hostname, client_id, options, calls)
        self._begin(_core.BrokerClient(given))
        self._limits = limits_of(hostname)
        if authenticating is not None:
            self._callback = authenticating
            authenticating.start()
        self._watch()

    @classmethod
    def from_environment(cls, **options: Unpack[MqttOptions]) -> Self:
        """Create a client from the environment variables of Azure IoT Operations.

        ``AIO_BROKER_HOSTNAME`` and ``AIO_MQTT_CLIENT_ID`` must be set. Optional: ``AIO_BROKER_TCP_PORT``
        (8883), ``AIO_MQTT_USE_TLS`` (true), ``AIO_TLS_CA_FILE``, ``AIO_TLS_CERT_FILE``, ``AIO_TLS_KEY_FILE``,
        ``AIO_TLS_KEY_PASSWORD_FILE``, ``AIO_MQTT_CLEAN_START`` (false), ``AIO_MQTT_KEEP_ALIVE`` (60),
        ``AIO_MQTT_SESSION_EXPIRY`` (3600), ``AIO_MQTT_USERNAME``, ``AIO_MQTT_PASSWORD_FILE``, and ``AIO_SAT_FILE``, a
        token of a Kubernetes service account, in place of a user name and password.

        As in Microsoft's clients, losing the session is an error: ``lost_session="fail"`` is the default here.

        Args:
            **options: See :class:`~azmqtt.MqttOptions`. They have precedence over the environment.

        Raises:
            ValueError: Names each variable that is missing, or the one that is malformed; or the option that is out of
                its bounds.
            TypeError: An option that is unknown or of the wrong type.
        """
        from azmqtt._mqtt.environment import from_environment

        found = {**from_environment(), **options}
        return cls(found.pop("hostname"), found.pop("client_id"), **found)

    # Life

    def connect(self, *, timeout: float | None = None) -> None:
        """Connect if necessary. Other calls also connect.

        After :class:`~azmqtt.SessionLost` or :class:`~azmqtt.SessionTakenOver`, only this call connects again.
        """
        self._watch()
        self._core.connect(timeout)

    async def connect_async(self, *, timeout: float | None = None) -> None:
        """Connect if necessary; see :meth:`connect`."""
        self._watch()
        await self._core.connect_async(timeout)

    # Publishing

    def publish(
        self,
        topic: str,
        payload: Any = b"",
        *,
        qos: QoS = 1,
        retain: bool = False,
        user_properties: UserProperties | None = None,
        content_type: str | None = None,
        response_topic: str | None = None,
        correlation_data: bytes | None = None,
        message_expiry: int | None = None,
        payload_format: Literal[0, 1] | None = None,
        timeout: float | None = None,
    ) -> Published:
        """Publish a message; wait until the broker has it (QoS 1 and 2) or it is written to the socket (QoS 0).

        Args:
            topic: The topic to publish to.
            payload: ``bytes`` (sent unchanged), ``str`` (UTF-8, content type ``text/plain``), or any JSON-serializable
                value (UTF-8, ``application/json``). The last two set payload format 1.
            qos: 0 for at most once, 1 for at least once, 2 for exactly once. Azure's brokers do not support 2.
            retain: Keep the message on the broker for later subscribers. An empty payload deletes the retained message.
            user_properties: Pairs of name and value, in order, or a mapping. This and the following need MQTT 5.
            content_type: The content type. Default: set by the type of the payload.
            response_topic: The topic for the response; see also :meth:`request`.
            correlation_data: Bytes that the response repeats.
            message_expiry: Seconds until the message expires; the time in the outbox counts.
            payload_format: 1 if the payload is UTF-8, 0 for any bytes.
            timeout: Seconds after which the message is withdrawn, unless it has been sent.

        Returns:
            The broker's reason code, and whether a subscription matches.

        Raises:
            PublishRefused: The broker refused the message; the error has its reason code.
            DeliveryUnknown: At QoS 2, the session was lost before the broker confirmed the message.
            NotSupported: The broker does not support this QoS or retained messages, or MQTT 3.1.1 has no properties.
            MessageTooLarge: The packet exceeds the broker's limit. Nothing was sent.
            ValueError: An argument violates a rule; the error names it. Nothing was sent.
            TypeError: An argument has the wrong type, or a part of the payload is not JSON; the error names it.
            OutboxFull: The outbox is full. Nothing was sent.
        """
        given = (user_properties, content_type, response_topic, correlation_data, message_expiry, payload_format)
        properties = None if given == _NONE else fields(*given, self._limits)
        return published(self._core.publish(topic, payload, qos, retain, properties, timeout))

    async def publish_async(
        self,
        topic: str,
        payload: Any = b"",
        *,
        qos: QoS = 1,
        retain: bool = False,
        user_properties: UserProperties | None = None,
        content_type: str | None = None,
        response_topic: str | None = None,
        correlation_data: bytes | None = None,
        message_expiry: int | None = None,
        payload_format: Literal[0, 1] | None = None,
        timeout: float | None = None,
    ) -> Published:
        """Publish one message; see :meth:`publish`.

        Cancelling the call does not withdraw its message, which may still be sent.
        """
        given = (user_properties, content_type, response_topic, correlation_data, message_expiry, payload_format)
        properties = None if given == _NONE else fields(*given, self._limits)
        return published(await self._core.publish_async(topic, payload, qos, retain, properties, timeout))

    def publish_many(
        self,
        messages: Iterable[tuple[str, Any] | MqttMessage],
        *,
        qos: QoS = 1,
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Publish many messages, pipelined, and wait until the broker has all of them.

        The iterable may be slow and infinite: a message waits at most a few milliseconds for others in its batch. When
        the outbox is full, the client takes no more messages until the broker has acknowledged some.

        Args:
            messages: Pairs of topic and payload, or :class:`~azmqtt.MqttMessage` objects.
            qos: The QoS of the pairs.
            timeout: Seconds for each message, from the moment when the client takes it from the iterable.
            progress: Called as ``progress(done, total)``, as for :meth:`~azmqtt.DeviceClient.send_messages`.

        Returns:
            The number of acknowledged messages: all of them.

        Raises:
            PublishRefused: The broker refused some messages; the others were published. ``refused`` and
                ``acknowledged`` are their numbers, ``reason_code`` is the code of the first.
            Error: The first other failure; ``acknowledged`` is the number of acknowledged messages.
            TypeError: ``messages`` is a single message.
            Exception: The exception of the iterable, or a ``ValueError`` or ``TypeError`` for one of its messages.
                Earlier messages are sent first; ``acknowledged`` is set on the exception if possible.
        """
        from azmqtt._client.many import iterate, run

        iterator = iterate(messages, "publish_many", "publish", (_core.MqttMessage,))
        publishing = self._core.publishing(qos, timeout)
        return _unless_refused(publishing, run(publishing, iterator, messages, progress))

    async def publish_many_async(
        self,
        messages: Iterable[tuple[str, Any] | MqttMessage] | AsyncIterable[tuple[str, Any] | MqttMessage],
        *,
        qos: QoS = 1,
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Publish many messages, pipelined; see :meth:`publish_many`. Also takes an async iterable."""
        from azmqtt._client.many import iterate, run_async

        _core.running_loop()  # before anything is sent
        given, iterator = cast("Iterable[Any]", messages), None
        if not hasattr(messages, "__aiter__"):
            iterator = iterate(given, "publish_many", "publish", (_core.MqttMessage,))
        publishing = self._core.publishing(qos, timeout)
        return _unless_refused(publishing, await run_async(publishing, iterator, messages, progress))

    # Subscriptions

    def subscribe(
        self,
        *topic_filters: str,
        qos: QoS = 1,
        no_local: bool = False,
        retain_as_published: bool = False,
        retain_handling: Literal[0, 1, 2] = 0,
        subscription_identifier: int | None = None,
        timeout: float | None = None,
    ) -> tuple[int, ...]:
        """Subscribe to topics. The client renews the subscriptions after a reconnect, until :meth:`unsubscribe`.

        :meth:`messages` and :meth:`on_message` receive the messages. Create an iterator before you subscribe, so that
        it misses nothing.

        Args:
            *topic_filters: Such as ``"plant/+/temperature"``, ``"plant/#"``, or ``"$share/group/plant/#"`` for a
                shared subscription.
            qos: The maximum QoS of the messages. The following arguments need MQTT 5.
            no_local: Do not deliver messages that this client publishes.
            retain_as_published: Keep the retain flag of messages.
            retain_handling: When the broker sends retained messages: 0 now, 1 if the subscription is new, 2 never.
            subscription_identifier: A number from 1 to 268,435,455. ``message.subscription_identifiers`` has the
                numbers of all subscriptions that a message matches.
            timeout: Seconds.

        Returns:
            The granted QoS for each filter, in their order.

        Raises:
            SubscribeRefused: The broker refused a filter; the error has the codes of all. It granted the others.
            NotSupported: The broker does not support such subscriptions or identifiers, or MQTT 3.1.1 these options.
            ValueError: A filter violates a rule; the error names it. Nothing was sent.
        """
        asked = self._filters(topic_filters, "subscribe")
        handling = arguments.whole("retain_handling", retain_handling, 0, 2)
        number = _identifier(subscription_identifier)
        return tuple(self._core.subscribe(asked, qos, no_local, retain_as_published, handling, number, timeout))

    async def subscribe_async(
        self,
        *topic_filters: str,
        qos: QoS = 1,
        no_local: bool = False,
        retain_as_published: bool = False,
        retain_handling: Literal[0, 1, 2] = 0,
        subscription_identifier: int | None = None,
        timeout: float | None = None,
    ) -> tuple[int, ...]:
        """Subscribe to topics; see :meth:`subscribe`."""
        asked = self._filters(topic_filters, "subscribe")
        handling = arguments.whole("retain_handling", retain_handling, 0, 2)
        number = _identifier(subscription_identifier)
        options = (qos, no_local, retain_as_published, handling, number)
        return tuple(await self._core.subscribe_async(asked, *options, timeout))

    def unsubscribe(self, *topic_filters: str, timeout: float | None = None) -> tuple[int, ...]:
        """Remove subscriptions.

        Returns:
            The broker's code for each filter, in order: 0, or 0x11 if the subscription did not exist.

        Raises:
            SubscribeRefused: The broker refused to remove one of them; the error has the codes of all.
            ValueError: A filter violates a rule; the error names it. Nothing was sent.
        """
        return tuple(self._core.unsubscribe(self._filters(topic_filters, "unsubscribe"), timeout))

    async def unsubscribe_async(self, *topic_filters: str, timeout: float | None = None) -> tuple[int, ...]:
        """Remove subscriptions; see :meth:`unsubscribe`."""
        return tuple(await self._core.unsubscribe_async(self._filters(topic_filters, "unsubscribe"), timeout))

    # Requests

    def request(
        self,
        topic: str,
        payload: Any = b"",
        *,
        response_topic: str | None = None,
        qos: QoS = 1,
        user_properties: UserProperties | None = None,
        content_type: str | None = None,
        message_expiry: int | None = None,
        payload_format: Literal[0, 1] | None = None,
        timeout: float | None = None,
    ) -> MqttMessage:
        """Publish a request and wait for its answer (MQTT 5 §4.10).

        The answer is the message on the response topic with the request's correlation data, which is new for each
        request. The client subscribes to the response topic once.

        Args:
            topic: Where to.
            payload: As for :meth:`publish`.
            response_topic: Where the answer is wanted; by default ``clients/CLIENT_ID/TOPIC``. On Event Grid it must
                lie in a topic space that the client may subscribe to.
            qos: That of the request.
            user_properties: As for :meth:`publish`, and so the others.
            content_type: In place of the one that goes with the payload.
            message_expiry: Seconds for which the request is worth delivering.
            payload_format: 1 if the payload is UTF-8.
            timeout: Seconds until the answer must be there.

        Raises:
            RequestTimeout: No answer arrived.
            PublishRefused: The broker did not accept the request.
            SubscribeRefused: The broker did not grant the response topic.
            NotSupported: MQTT 3.1.1 has no response topics.
        """
        self._check_response_topic(topic, response_topic)
        properties = fields(user_properties, content_type, None, None, message_expiry, payload_format, self._limits)
        return self._core.request(topic, payload, qos, properties, response_topic, timeout)

    async def request_async(
        self,
        topic: str,
        payload: Any = b"",
        *,
        response_topic: str | None = None,
        qos: QoS = 1,
        user_properties: UserProperties | None = None,
        content_type: str | None = None,
        message_expiry: int | None = None,
        payload_format: Literal[0, 1] | None = None,
        timeout: float | None = None,
    ) -> MqttMessage:
        """Publish a request and wait for its answer; see :meth:`request`."""
        self._check_response_topic(topic, response_topic)
        properties = fields(user_properties, content_type, None, None, message_expiry, payload_format, self._limits)
        return await self._core.request_async(topic, payload, qos, properties, response_topic, timeout)

    def respond(
        self,
        request: MqttMessage,
        payload: Any = b"",
        *,
        qos: QoS = 1,
        user_properties: UserProperties | None = None,
        content_type: str | None = None,
        message_expiry: int | None = None,
        payload_format: Literal[0, 1] | None = None,
        timeout: float | None = None,
    ) -> Published:
        """Answer a request: publish to its response topic, with its correlation data.

        Args:
            request: A message with a response topic.
            payload: As for :meth:`publish`, and so the others.
            qos: That of the answer.
            user_properties: Those of the answer.
            content_type: In place of the one that goes with the payload.
            message_expiry: Seconds for which the answer is worth delivering.
            payload_format: 1 if the payload is UTF-8.
            timeout: Seconds.

        Raises:
            ValueError: The message has no response topic.
        """
        topic, correlation_data = _answers(request)
        return self.publish(
            topic,
            payload,
            qos=qos,
            user_properties=user_properties,
            content_type=content_type,
            correlation_data=correlation_data,
            message_expiry=message_expiry,
            payload_format=payload_format,
            timeout=timeout,
        )

    async def respond_async(
        self,
        request: MqttMessage,
        payload: Any = b"",
        *,
        qos: QoS = 1,
        user_properties: UserProperties | None = None,
        content_type: str | None = None,
        message_expiry: int | None = None,
        payload_format: Literal[0, 1] | None = None,
        timeout: float | None = None,
    ) -> Published:
        """Answer a request; see :meth:`respond`."""
        topic, correlation_data = _answers(request)
        return await self.publish_async(
            topic,
            payload,
            qos=qos,
            user_properties=user_properties,
            content_type=content_type,
            correlation_data=correlation_data,
            message_expiry=message_expiry,
            payload_format=payload_format,
            timeout=timeout,
        )

    def _check_response_topic(self, topic: str, response_topic: str | None) -> None:
        # A broker that assigns the client identifier judges the topic of it.
        if response_topic is None and self.client_id:
            response_topic = f"clients/{self.client_id}/{check_topic('topic', topic, self._limits)}"
        if response_topic is not None:
            check_topic("response_topic", response_topic, self._limits)

    def _filters(self, topic_filters: tuple[str, ...], call: str) -> list[str]:
        if not topic_filters:
            raise TypeError(f"{call} takes at least one topic filter")
        given: tuple[Any, ...] = topic_filters
        for topic_filter in given:
            if isinstance(topic_filter, list | tuple):
                kind = type(topic_filter).__name__
                raise TypeError(
                    f"topic_filter must be str, not {kind}: {call} takes filters one by one, {call}(*filters)"
                )
            if isinstance(topic_filter, int):
                raise TypeError(f"topic_filter must be str, not int: the QoS goes by name, {call}(topic_filter, qos=1)")
            if callable(topic_filter):
                raise TypeError(
                    f"topic_filter must be str, not a function: handlers are for on_message, not for {call}"
                )
        return [check_filter("topic_filter", topic_filter, self._limits) for topic_filter in topic_filters]


#: MQTT 5 §3.8.2.1.2.
_LARGEST_IDENTIFIER = 2**28 - 1
#: No property of a message is given.
_NONE = (None,) * 6


def _authenticating(authentication: Any) -> Any:
    if authentication is None:
        return None
    from azmqtt._mqtt.authenticating import Authenticating
    from azmqtt._mqtt.authentication import Authentication

    if not isinstance(authentication, Authentication):
        kind = type(authentication).__name__
        raise TypeError(f"authentication must be EntraToken, JsonWebToken, ServiceAccountToken or Enhanced, not {kind}")
    return Authenticating(authentication)


def _identifier(number: Any) -> int | None:
    return None if number is None else arguments.whole("subscription_identifier", number, 1, _LARGEST_IDENTIFIER)


def _unless_refused(publishing: _core.Publishing, acknowledged: int) -> int:
    """Raise if the broker has refused a message."""
    refused, error = publishing.refused
    if error is not None:
        error.refused = refused  # type: ignore[attr-defined]
        error.acknowledged = acknowledged  # type: ignore[attr-defined]
        raise error
    return acknowledged


def _answers(request: Any) -> tuple[str, bytes | None]:
    message: MqttMessage = arguments.instance("request", request, _core.MqttMessage)
    if message.response_topic is None:
        raise ValueError("request: the message has no response topic, so no answer is expected")
    return message.response_topic, message.correlation_data


def _unknown(options: Mapping[str, Any]) -> str:
    from difflib import get_close_matches

    name = next(name for name in options if name not in DEFAULTS)
    near = get_close_matches(name, DEFAULTS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(DEFAULTS)}"
    return f"unknown option {name!r}{hint}"
