"""The part of the compiled core that `azmqtt.MqttClient` stands on; for ``_core.pyi``, there is no such module."""

from asyncio import Future
from collections.abc import Callable, Iterator
from typing import Any, final

from typing_extensions import Self

from azmqtt._mqtt.layout import BrokerOptions
from azmqtt._mqtt.properties import Fields, UserProperties

@final
class AuthenticationCalls:
    """Questions of a client to what it authenticates with. Shows no secret."""

    def __new__(cls, method: str, name: str, waits: bool) -> Self: ...
    def take(self, timeout: float) -> tuple[int, str, bytes | None] | None: ...
    def answer(self, number: int, data: bytes, renew_after: float | None, expiry: int | None) -> None: ...
    def fail(self, number: int, reason: str) -> None: ...
    def changed(self) -> None: ...
    def close(self) -> None: ...
    @property
    def closed(self) -> bool: ...

@final
class BrokerClient:
    """One client of a broker."""

    def __new__(cls, options: BrokerOptions) -> Self: ...
    def connect(self, timeout: float | None) -> None: ...
    def connect_async(self, timeout: float | None) -> Future[None]: ...
    def close(self, timeout: float | None) -> int: ...
    def close_async(self, timeout: float | None) -> Future[int]: ...
    def abandon(self) -> None: ...
    def publish(
        self, topic: str, payload: Any, qos: int, retain: bool, fields: Fields | None, timeout: float | None
    ) -> int: ...
    def publish_async(
        self, topic: str, payload: Any, qos: int, retain: bool, fields: Fields | None, timeout: float | None
    ) -> Future[int]: ...
    def publishing(self, qos: int, timeout: float | None) -> Publishing: ...
    def subscribe(
        self,
        filters: list[str],
        qos: int,
        no_local: bool,
        retain_as_published: bool,
        retain_handling: int,
        identifier: int | None,
        timeout: float | None,
    ) -> list[int]: ...
    def subscribe_async(
        self,
        filters: list[str],
        qos: int,
        no_local: bool,
        retain_as_published: bool,
        retain_handling: int,
        identifier: int | None,
        timeout: float | None,
    ) -> Future[list[int]]: ...
    def unsubscribe(self, filters: list[str], timeout: float | None) -> list[int]: ...
    def unsubscribe_async(self, filters: list[str], timeout: float | None) -> Future[list[int]]: ...
    def request(
        self,
        topic: str,
        payload: Any,
        qos: int,
        fields: Fields | None,
        response_topic: str | None,
        timeout: float | None,
    ) -> MqttMessage: ...
    def request_async(
        self,
        topic: str,
        payload: Any,
        qos: int,
        fields: Fields | None,
        response_topic: str | None,
        timeout: float | None,
    ) -> Future[MqttMessage]: ...
    @property
    def state(self) -> str: ...
    @property
    def last_error(self) -> str | None: ...
    @property
    def closed_error(self) -> Exception: ...
    def stats(self) -> dict[str, Any]: ...
    def log_to(self, log: Any, client: str) -> None: ...
    @property
    def hostname(self) -> str: ...
    @property
    def client_id(self) -> str: ...

@final
class Publishing:
    """One call to `publish_many`."""

    def run(self, messages: Iterator[Any], progress: Callable[[], object] | None) -> None: ...
    def pull(self, messages: Iterator[Any]) -> bool: ...
    def push(self, message: Any) -> bool: ...
    def room_async(self) -> Future[None]: ...
    def settled_async(self) -> Future[None]: ...
    @property
    def acknowledged(self) -> int: ...
    @property
    def refused(self) -> tuple[int, Exception | None]: ...

@final
class MqttMessage:
    """A message of an MQTT client: one that came in, or one for :meth:`~azmqtt.MqttClient.publish_many`.

    The properties are of MQTT 5; they are read when they are asked for. Times are in seconds.
    """

    def __new__(
        cls,
        topic: str,
        payload: Any = None,
        *,
        qos: int | None = None,
        retain: bool = False,
        user_properties: UserProperties | None = None,
        content_type: str | None = None,
        response_topic: str | None = None,
        correlation_data: bytes | None = None,
        message_expiry: int | None = None,
        payload_format: int | None = None,
        json_default: Callable[[Any], Any] | None = None,
    ) -> Self:
        """Make a message to be published; the arguments are those of :meth:`~azmqtt.MqttClient.publish`.

        The payload is written now, so that ``json_default`` is an argument here: see :class:`~azmqtt.ClientOptions`.
        """

    @property
    def topic(self) -> str:
        """Where it was published to."""

    @property
    def payload(self) -> bytes:
        """The payload as it came."""

    def text(self) -> str:
        """Return the payload as text in UTF-8; ``ValueError`` if it is not."""

    def json(self) -> Any:
        """Return the payload read as JSON; ``ValueError`` if it is not."""

    @property
    def qos(self) -> int:
        """At which QoS it came: 0, 1 or 2."""

    @property
    def retain(self) -> bool:
        """Whether the broker had kept it, or is to keep it."""

    @property
    def duplicate(self) -> bool:
        """Whether it may have come before: the DUP flag."""

    @property
    def user_properties(self) -> list[tuple[str, str]]:
        """Names and values, in their order; a name may occur more than once."""

    @property
    def content_type(self) -> str | None:
        """Such as ``"application/json"``."""

    @property
    def response_topic(self) -> str | None:
        """Where an answer is wanted."""

    @property
    def correlation_data(self) -> bytes | None:
        """What an answer is to carry."""

    @property
    def message_expiry(self) -> int | None:
        """For how many seconds it was still worth delivering when it came."""

    @property
    def payload_format(self) -> int | None:
        """1 if the payload is UTF-8, 0 for any bytes."""

    @property
    def subscription_identifiers(self) -> tuple[int, ...]:
        """Those of the subscriptions that it matched, where they have one."""

    def ack(self) -> None:
        """Acknowledge it, for a client with ``ack="manual"``. Once is enough; at QoS 0 there is nothing to do.

        Acknowledgements leave in the order of arrival: this one waits for those before it. One for a connection that
        has ended does nothing: the broker sends the message again.

        Raises:
            RuntimeError: The client acknowledges by itself.
        """

    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
