"""The compiled core. Not for use from outside: the package's face is stable, this is not."""

from asyncio import Future
from collections.abc import Iterator
from typing import Any, TypedDict, final

from typing_extensions import Self

from azmqtt._types import ReportedPatch, Twin

__version__: str

class Options(TypedDict):
    """The options as `azmqtt._options` lays them out; not a class of the compiled module."""

    port: int
    trust: bytes | None
    keep_alive: int
    sas_ttl: float
    retry_base: float
    retry_max: float
    retry_first_connect: bool
    outbox_messages: int
    outbox_bytes: int
    resend: bool
    max_in_flight: int
    model_id: str | None
    product_info: str | None
    timeout: float
    auto_connect: bool

@final
class Access:
    """An identity with its credentials. Shows no secret."""

    @staticmethod
    def from_connection_string(text: str) -> Access: ...
    @staticmethod
    def from_symmetric_key(hostname: str, device_id: str, key: str, module_id: str | None) -> Access: ...
    @staticmethod
    def from_sas_token(
        token: str, hostname: str | None, device_id: str | None, module_id: str | None
    ) -> Access: ...

@final
class Client:
    """One device's client."""

    def __new__(cls, access: Access, options: Options) -> Self: ...
    def connect(self, timeout: float | None) -> None: ...
    def connect_async(self, timeout: float | None) -> Future[None]: ...
    def close(self, timeout: float | None) -> int: ...
    def close_async(self, timeout: float | None) -> Future[int]: ...
    def abandon(self) -> None: ...
    def send_message(self, message: Any, timeout: float | None) -> None: ...
    def send_message_async(self, message: Any, timeout: float | None) -> Future[None]: ...
    def sending(self, timeout: float | None) -> Sending: ...
    def get_twin(self, timeout: float | None) -> Twin: ...
    def get_twin_async(self, timeout: float | None) -> Future[Twin]: ...
    def patch_reported_properties(
        self, patch: dict[str, Any], if_version: int | None, timeout: float | None
    ) -> ReportedPatch: ...
    def patch_reported_properties_async(
        self, patch: dict[str, Any], if_version: int | None, timeout: float | None
    ) -> Future[ReportedPatch]: ...
    def wait_events(self, messages: bool, desired: bool, timeout: float) -> bool: ...
    def wake(self) -> None: ...
    @property
    def state(self) -> str: ...
    @property
    def last_error(self) -> str | None: ...
    def stats(self) -> dict[str, int]: ...
    @property
    def hostname(self) -> str: ...
    @property
    def device_id(self) -> str: ...
    @property
    def module_id(self) -> str | None: ...

@final
class Sending:
    """One call to `send_messages`."""

    def run(self, messages: Iterator[Any]) -> None: ...
    def pull(self, messages: Iterator[Any]) -> bool: ...
    def push(self, message: Any) -> bool: ...
    def room_async(self) -> Future[None]: ...
    def settled_async(self) -> Future[None]: ...
    @property
    def acknowledged(self) -> int: ...

class Events:
    """An iterator over cloud messages or over changes of the desired properties."""

    def __new__(cls, client: Client, kind: str, timeout: float | None) -> Self: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Any: ...
    def take(self) -> Any: ...
    def subscribed(self) -> None: ...
    def subscribed_async(self) -> Future[None]: ...
    def ready_async(self) -> tuple[int, Future[None]]: ...
    def forget(self, key: int) -> None: ...
    def done(self) -> None: ...

@final
class CloudMessage:
    """A cloud-to-device message. Its properties are read when they are asked for.

    Any of them raises ``ValueError`` when the property bag on the topic is malformed.
    """

    @property
    def body(self) -> bytes:
        """The body as it came."""

    def text(self) -> str:
        """The body as text in UTF-8; ``ValueError`` if it is not."""

    def json(self) -> Any:
        """The body read as JSON; ``ValueError`` if it is not."""

    @property
    def properties(self) -> dict[str, str]:
        """The application's names and values, a new dictionary each time. One without a value is ""."""

    @property
    def message_id(self) -> str | None:
        """``$.mid``."""

    @property
    def correlation_id(self) -> str | None:
        """``$.cid``."""

    @property
    def user_id(self) -> str | None:
        """``$.uid``."""

    @property
    def to(self) -> str | None:
        """``$.to``, such as ``/devices/d1/messages/deviceBound``."""

    @property
    def content_type(self) -> str | None:
        """``$.ct``."""

    @property
    def content_encoding(self) -> str | None:
        """``$.ce``."""

    @property
    def creation_time(self) -> str | None:
        """``$.ctime``: ISO 8601 in UTC, as the service wrote it."""

    @property
    def expiry(self) -> str | None:
        """``$.exp``: ISO 8601 in UTC, as the service wrote it."""

    @property
    def ack(self) -> str | None:
        """``iothub-ack``: the feedback that the sender asked for."""

    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...

@final
class Bridge:
    """Wakes one event loop; found on it as ``_azmqtt_bridge``."""

    def drain(self) -> None: ...
    def tick(self) -> None: ...

def sas_generate(resource: str, key: str, ttl: int, policy: str | None) -> str: ...
def sas_parse(token: str) -> tuple[str, int, str | None]: ...
