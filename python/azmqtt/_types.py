"""What calls take and return.

Plain classes and named tuples rather than dataclasses, whose import alone would take a third of the package's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from _typeshed import DataclassInstance

#: What becomes a JSON object: its keys and values may be of any type that has a form in JSON (docs/data-types.md).
JsonObject: TypeAlias = "Mapping[Any, Any] | DataclassInstance"

State: TypeAlias = Literal["disconnected", "connecting", "connected", "reconnecting", "closed"]


class Twin(NamedTuple):
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

    def _repr_html_(self) -> str:
        """Show a table in Jupyter."""
        from azmqtt._support import html

        return html.table(
            "Twin",
            [
                (f"desired, version {self.desired_version}", html.json_text(self.desired)),
                (f"reported, version {self.reported_version}", html.json_text(self.reported)),
            ],
        )


class ReportedPatch(NamedTuple):
    """An accepted change of the reported properties.

    Attributes:
        version: ``$version`` of the reported properties after the change.
        request_id: The ``$rid`` by which the answer was matched to the request.
        status: 204 from the service.
    """

    version: int
    request_id: str
    status: int

    def _repr_html_(self) -> str:
        """Show a table in Jupyter."""
        from azmqtt._support import html

        return html.table("ReportedPatch", self._asdict().items())


class DesiredPatch:
    """A change of the desired properties: a JSON merge patch (RFC 7396), in which ``None`` removes a property.

    Reads like the dictionary in ``patch``: ``change["interval"]``, ``"interval" in change``.

    Attributes:
        patch: The change.
        version: ``$version`` of the desired properties after it.
    """

    __slots__ = ("patch", "version")

    def __init__(self, patch: dict[str, Any], version: int) -> None:
        """Take the change and the version after it."""
        self.patch: dict[str, Any] = patch
        self.version: int = version

    def __repr__(self) -> str:
        """Show the change."""
        return f"DesiredPatch({self.patch!r}, version={self.version})"

    def _repr_html_(self) -> str:
        """Show a table in Jupyter."""
        from azmqtt._support import html

        return html.table("DesiredPatch", [("version", self.version), ("patch", html.json_text(self.patch))])

    def __eq__(self, other: object) -> bool:
        """Compare with another change."""
        if not isinstance(other, DesiredPatch):
            return NotImplemented
        return (self.patch, self.version) == (other.patch, other.version)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

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


class MethodRequest(NamedTuple):
    """A call of a direct method (IoT Hub docs, "Understand and invoke direct methods from IoT Hub").

    Attributes:
        name: The method's name.
        payload: What the caller passed, read as JSON: ``dict``, ``list``, ``str``, ``int``, ``float``, ``bool`` or
            ``None``.
        body: The same as it came, at most 128 KiB; empty if the caller passed nothing.
    """

    name: str
    payload: Any
    body: bytes = b""


class MethodResponse(NamedTuple):
    """What a direct method answers.

    Attributes:
        status: The method's own status, any integer of 32 bits; by custom as in HTTP.
        payload: Anything JSON-able of at most 128 KiB.
    """

    status: int = 200
    payload: Any = None


class StateChange(NamedTuple):
    """The connection went from one state to another.

    Attributes:
        state: Where it stands now: ``disconnected``, ``connecting``, ``connected``, ``reconnecting`` or ``closed``.
        previous: Where it stood before.
        reason: What ended the connection or the attempt, when something did; never with a secret.
        time: When, in UTC.
    """

    state: State
    previous: State
    reason: str | None
    time: datetime


class RetryPolicy(NamedTuple):
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


class Outbox(NamedTuple):
    """How much may wait to be acknowledged, in memory. More is an :class:`~azmqtt.OutboxFull`.

    Attributes:
        messages: Messages and twin requests.
        bytes: The size of their bodies and topics in bytes.
    """

    messages: int = 10_000
    bytes: int = 32 * 1024 * 1024


class UploadResult(NamedTuple):
    """A file that was uploaded.

    Attributes:
        blob_name: The blob's whole name, ``{device id}/{name}``.
        size: Of the file, in bytes.
        sent: How many of them were sent; the others were there from an earlier upload that did not come to its end.
    """

    blob_name: str
    size: int
    sent: int


class MethodResult(NamedTuple):
    """What a device or module answered to a direct method.

    Attributes:
        status: The method's own status, any integer.
        payload: What it returned, read as JSON; ``None`` for nothing.
    """

    status: int
    payload: Any
