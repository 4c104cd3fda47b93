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
        """Make a client from the environment variables of Azure IoT Operations' clients.

        ``AIO_BROKER_HOSTNAME`` and ``AIO_MQTT_CLIENT_ID`` must be set. What else counts: ``AIO_BROKER_TCP_PORT``
        (8883), ``AIO_MQTT_USE_TLS`` (true), ``AIO_TLS_CA_FILE``, ``AIO_TLS_CERT_FILE``, ``AIO_TLS_KEY_FILE``,
        ``AIO_TLS_KEY_PASSWORD_FILE``, ``AIO_MQTT_CLEAN_START`` (false), ``AIO_MQTT_KEEP_ALIVE`` (60),
        ``AIO_MQTT_SESSION_EXPIRY`` (3600), ``AIO_MQTT_USERNAME``, ``AIO_MQTT_PASSWORD_FILE``, and ``AIO_SAT_FILE``, a
        token of a Kubernetes service account, in place of a user name and password.

        A session that the broker has forgotten is an error then, as in Microsoft's clients:
        ``lost_session="fail"`` is the default here.

        Args:
            **options: See :class:`~azmqtt.MqttOptions`. They go before what the environment says.

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
        """Connect, unless connected already. Other calls connect by themselves.

        After :class:`~azmqtt.SessionLost` or :class:`~azmqtt.SessionTakenOver` it is how to go on.
        """
        self._watch()
        self._core.connect(timeout)

    async def connect_async(self, *, timeout: float | None = None) -> None:
        """Connect, unless connected already; see :meth:`connect`."""
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
        """Publish one message and wait until the broker has it (QoS 1 and 2) or it is written out (QoS 0).

        Args:
            topic: Where to.
            payload: ``bytes`` as they are; ``str`` as UTF-8 with content type ``text/plain``; anything JSON-able as
                UTF-8 with ``application/json``. The last two with payload format 1.
            qos: 0 for at most once, 1 for at least once, 2 for exactly once, which Azure's brokers do not have.
            retain: Whether the broker keeps it for later subscribers; an empty payload deletes what it keeps.
            user_properties: Pairs of a name and a value, in order, or a mapping. These and the following are of MQTT 5.
            content_type: In place of the one that goes with the payload.
            response_topic: Where an answer is wanted; see also :meth:`request`.
            correlation_data: What an answer is to carry.
            message_expiry: Seconds for which the message is worth delivering; while it waits here they count down.
            payload_format: 1 if the payload is UTF-8, 0 for any bytes.
            timeout: Seconds; the message is given up after that, unless it is on its way.

        Returns:
            The broker's reason code, and whether it says that nobody has subscribed.

        Raises:
            PublishRefused: The broker did not accept it; has its reason code.
            DeliveryUnknown: At QoS 2 the session was lost before the broker said that it has the message.
            NotSupported: The broker has not this QoS or no retained messages, or MQTT 3.1.1 no properties.
            MessageTooLarge: The packet is larger than the broker takes. Nothing was sent.
            ValueError: Names the argument that breaks a rule. Nothing was sent.
            TypeError: Names the argument of the wrong type, or the part of the payload that is not JSON.
            OutboxFull: Too much waits to be acknowledged. Nothing was sent.
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

        A call that is cancelled does not take its message back: it may still be sent.
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
        """Publish many messages, pipelined, and wait until the broker has them all.

        The iterable may be endless and slow: a message waits for no more than a few milliseconds for others to go
        with. When the outbox is full, no more are taken until some are acknowledged.

        Args:
            messages: Pairs of topic and payload, or :class:`~azmqtt.MqttMessage` objects.
            qos: That of the pairs.
            timeout: Seconds for each message, from when it is taken.
            progress: Called as ``progress(done, total)``, as for :meth:`~azmqtt.DeviceClient.send_messages`.

        Returns:
            How many were acknowledged: all of them.

        Raises:
            PublishRefused: The broker refused some: the others were published all the same. ``refused`` and
                ``acknowledged`` say how many, ``reason_code`` is that of the first.
            Error: The first other failure; ``acknowledged`` says how many the broker has. No more are taken.
            TypeError: ``messages`` is a single message.
            Exception: What the iterable raised, or a ``ValueError`` or ``TypeError`` for one of its messages. What was
                taken before is sent first; ``acknowledged`` is set on the exception where it can be.
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
        """Publish many messages, pipelined; see :meth:`publish_many`. Takes an async iterable, too."""
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
        """Subscribe to topics. The subscriptions come back after every reconnect, until :meth:`unsubscribe`.

        What arrives is for :meth:`messages` and :meth:`on_message`; make an iterator before you subscribe, so that it
        misses nothing.

        Args:
            *topic_filters: Such as ``"plant/+/temperature"``, ``"plant/#"``, or ``"$share/group/plant/#"`` for a part
                of what all members of a group get.
            qos: The highest QoS at which messages are wanted. The following are of MQTT 5.
            no_local: Whether to leave out what this client publishes.
            retain_as_published: Whether messages keep their retain flag.
            retain_handling: Whether the broker sends what it keeps: 0 now, 1 if the subscription is new, 2 never.
            subscription_identifier: A number from 1 to 268,435,455 that the broker adds to the messages that match
                one of these filters: ``message.subscription_identifiers`` has those of all that a message matches.
            timeout: Seconds.

        Returns:
            The granted QoS for each filter, in their order.

        Raises:
            SubscribeRefused: The broker did not grant one of them; has the codes of all. The others are granted.
            NotSupported: The broker has no such subscriptions or no identifiers, or MQTT 3.1.1 not these options.
            ValueError: Names the filter that breaks a rule. Nothing was sent.
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
        """Give subscriptions up.

        Returns:
            The broker's code for each filter, in their order: 0, or 0x11 if there was no such subscription.

        Raises:
            SubscribeRefused: The broker did not take one of them back; has the codes of all.
            ValueError: Names the filter that breaks a rule. Nothing was sent.
        """
        return tuple(self._core.unsubscribe(self._filters(topic_filters, "unsubscribe"), timeout))

    async def unsubscribe_async(self, *topic_filters: str, timeout: float | None = None) -> tuple[int, ...]:
        """Give subscriptions up; see :meth:`unsubscribe`."""
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

        The answer is the message on the response topic with the request's correlation data, of which the client makes
        a new one each time. The response topic is subscribed to once.

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
            RequestTimeout: Nobody has answered.
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
        raise ValueError("request: the message has no response topic, so that nobody waits for an answer")
    return message.response_topic, message.correlation_data


def _unknown(options: Mapping[str, Any]) -> str:
    from difflib import get_close_matches

    name = next(name for name in options if name not in DEFAULTS)
    near = get_close_matches(name, DEFAULTS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(DEFAULTS)}"
    return f"unknown option {name!r}{hint}"
