"""What calls take and return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Twin:
    """A device twin as its device sees it: without tags and metadata (IoT Hub docs, "device twins").

    Attributes:
        desired: The desired properties, as plain ``dict``, ``list``, ``str``, ``int``, ``float``, ``bool``, ``None``.
        desired_version: ``$version`` of the desired properties.
        reported: The reported properties.
        reported_version: ``$version`` of the reported properties.
    """

    desired: dict[str, Any]
    desired_version: int
    reported: dict[str, Any]
    reported_version: int


@dataclass(frozen=True, slots=True)
class ReportedPatch:
    """An accepted change of the reported properties.

    Attributes:
        version: ``$version`` of the reported properties after the change.
        request_id: The ``$rid`` by which the answer was matched to the request.
        status: 204 from the service.
    """

    version: int
    request_id: str
    status: int


@dataclass(frozen=True, slots=True)
class DesiredPatch:
    """A change of the desired properties: a JSON merge patch (RFC 7396), in which ``None`` removes a property.

    Reads like the dictionary in ``patch``: ``change["interval"]``, ``"interval" in change``.

    Attributes:
        patch: The change.
        version: ``$version`` of the desired properties after it.
    """

    patch: dict[str, Any]
    version: int

    def __getitem__(self, name: str) -> Any:
        """Return the new value of a property."""
        return self.patch[name]

    def __contains__(self, name: object) -> bool:
        """Say whether a property changes."""
        return name in self.patch

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the properties that change."""
        return iter(self.patch)

    def __len__(self) -> int:
        """Count the properties that change."""
        return len(self.patch)

    def __bool__(self) -> bool:
        """Be true, even for a change of the version alone."""
        return True

    def get(self, name: str, default: Any = None) -> Any:
        """Return the new value of a property, or ``default`` if it does not change."""
        return self.patch.get(name, default)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When to try again after a lost connection: exponential backoff with full jitter.

    The n-th retry waits a random time from 0 to ``min(max, base * 2**n)`` seconds.

    Attributes:
        base: The bound of the first wait, in seconds.
        max: The bound of every wait, in seconds.
        first_connect: Whether the first connection is retried too, until the call's timeout. By default it fails
            at once with the reason.
    """

    base: float = 0.5
    max: float = 60.0
    first_connect: bool = False

    def __post_init__(self) -> None:
        """Check the fields."""
        if not 0 < self.base <= self.max <= 86_400:  # noqa: PLR2004 - a day
            msg = f"retry: 0 < base <= max <= 86400 s is needed, not base={self.base}, max={self.max}"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Outbox:
    """How much may wait to be acknowledged, in memory. More is an :class:`~azmqtt.OutboxFull`.

    Attributes:
        messages: Messages and twin requests.
        bytes: The size of their bodies and topics in bytes.
    """

    messages: int = 10_000
    bytes: int = 32 * 1024 * 1024

    def __post_init__(self) -> None:
        """Check the fields."""
        if self.messages < 1 or self.bytes < 1:
            msg = f"outbox: both bounds must be 1 or more, not messages={self.messages}, bytes={self.bytes}"
            raise ValueError(msg)
