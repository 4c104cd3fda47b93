"""The part of the compiled core behind `azmqtt.MqttClient`.

Only ``_core.pyi`` imports this stub; no module of this name exists.
"""

from asyncio import Future
from collections.abc import Callable, Iterator
from typing import Any, final

from typing_extensions import Self

from azmqtt._mqtt.layout import BrokerOptions
from azmqtt._mqtt.properties import Fields, UserProperties

@final
class AuthenticationCalls:
    """The calls that a client makes to its authenticator. Its ``repr`` contains no secret."""

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
    """The client of one broker."""

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
    """One call of `publish_many`."""

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
    """A message of an MQTT client: a received one, or one for :meth:`~azmqtt.MqttClient.publish_many`.

    The properties are those of MQTT 5 and are parsed on access. Times are in seconds.
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
        """Create a message to publish; the arguments are those of :meth:`~azmqtt.MqttClient.publish`.

        The constructor encodes the payload, so it takes ``json_default`` too: see :class:`~azmqtt.ClientOptions`.
        """

    @property
    def topic(self) -> str:
        """The topic that the message was published to."""

    @property
    def payload(self) -> bytes:
        """The payload, as received."""

    def text(self) -> str:
        """Return the payload decoded as UTF-8; raise ``ValueError`` if it is not UTF-8."""

    def json(self) -> Any:
        """Return the payload parsed as JSON; raise ``ValueError`` if it is not JSON."""

    @property
    def qos(self) -> int:
        """The QoS of the message: 0, 1 or 2."""

    @property
    def retain(self) -> bool:
        """The RETAIN flag: a received message was retained by the broker; a message to publish shall be retained."""

    @property
    def duplicate(self) -> bool:
        """The DUP flag: the message may be a repetition of an earlier one."""

    @property
    def user_properties(self) -> list[tuple[str, str]]:
        """The names and values in the order of the packet; a name may occur more than once."""

    @property
    def content_type(self) -> str | None:
        """The media type of the payload, such as ``"application/json"``."""

    @property
    def response_topic(self) -> str | None:
        """The topic to publish a response to."""

    @property
    def correlation_data(self) -> bytes | None:
        """The bytes that a response must carry to be matched with the request."""

    @property
    def message_expiry(self) -> int | None:
        """The seconds that were left until the message expired when it arrived."""

    @property
    def payload_format(self) -> int | None:
        """1 if the payload is UTF-8 text, 0 for arbitrary bytes."""

    @property
    def subscription_identifiers(self) -> tuple[int, ...]:
        """The identifiers of the subscriptions that the message matched, for subscriptions that have one."""

    def ack(self) -> None:
        """Acknowledge the message, for a client with ``ack="manual"``.

        Further calls have no effect; neither has a call for a message at QoS 0. The client sends acknowledgements in
        the order in which the messages arrived, so this one waits for those of earlier messages. If the message's
        connection has ended, the call has no effect: the broker sends the message again.

        Raises:
            RuntimeError: The client acknowledges messages automatically.
        """

    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
