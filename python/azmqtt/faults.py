"""Faults on demand: errors that a test can inject into a local hub or namespace.

    import azmqtt
    from azmqtt import faults

    with azmqtt.LocalHub() as hub, hub.device_client("dev1") as client:
        hub.inject_fault(faults.Lose("puback"))
        client.send_message("arrives, although its acknowledgement was lost")

Each class is a fault. ``on`` is the event at which it occurs. A device sees a fault only through its socket.

=====================  ===========================================================================================
``on``                 event
=====================  ===========================================================================================
``now``                none: the fault occurs at once, on the open connection
``accept``             a TCP connection to the MQTT port opens; the client is not known yet
``connect``            a CONNECT arrives
``received``           any other packet except a ping arrives. For one kind: ``telemetry``, ``twin_get``,
                       ``twin_patch``, ``method_response``, ``subscribe``, ``acknowledgement`` (PUBACK)
``sent``               any packet is about to be sent. For one kind: ``connack``, ``puback``, ``suback``,
                       ``twin_answer``, ``desired_patch``, ``cloud_message``, ``method_request``
``request``            a request over HTTPS arrives
=====================  ===========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from azmqtt import _core
from azmqtt._support import strict_json
from azmqtt._support.arguments import document_text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Answer",
    "ChangeTwin",
    "Corrupt",
    "Cut",
    "Delay",
    "Drop",
    "Duplicate",
    "ExpireToken",
    "Fault",
    "FaultSchedule",
    "FiredFault",
    "Lose",
    "PlannedFault",
    "QuotaExceeded",
    "Refuse",
    "Reset",
    "ShutDown",
    "Silence",
    "TakeOver",
    "Throttle",
    "parse",
]

Incoming = Literal["received", "telemetry", "twin_get", "twin_patch", "method_response", "subscribe", "acknowledgement"]
Outgoing = Literal[
    "sent", "connack", "puback", "suback", "twin_answer", "desired_patch", "cloud_message", "method_request"
]


@dataclass(frozen=True)
class Fault:
    """The base class of faults."""

    name: ClassVar[str] = ""

    def document(self) -> dict[str, Any]:
        """Return the fault in the form of a hub's REST API."""
        members = {each.name: getattr(self, each.name) for each in fields(self)}
        return {"fault": self.name, **{name: value for name, value in members.items() if value is not None}}


@dataclass(frozen=True)
class Drop(Fault):
    """The connection closes without a packet. If the event is a packet, it has no effect or is not sent."""

    name: ClassVar[str] = "drop"
    on: Incoming | Outgoing | Literal["now", "accept", "connect", "request"] = "now"


@dataclass(frozen=True)
class Reset(Fault):
    """A TCP connection is reset as soon as it is open."""

    name: ClassVar[str] = "reset"
    on: Literal["accept"] = "accept"


@dataclass(frozen=True)
class ShutDown(Fault):
    """The connection closes cleanly: TLS sends close_notify (RFC 8446 §6.1), then TCP ends."""

    name: ClassVar[str] = "shut_down"
    on: Literal["now"] = "now"


@dataclass(frozen=True)
class Refuse(Fault):
    """The hub refuses CONNECT with a return code from 1 to 5 (MQTT 3.1.1 §3.2.2.3)."""

    name: ClassVar[str] = "refuse"
    code: int = 5
    on: Literal["connect"] = "connect"


@dataclass(frozen=True)
class Silence(Fault):
    """The hub neither reads nor writes for ``seconds``, or until the connection ends: a half-open connection."""

    name: ClassVar[str] = "silence"
    on: Incoming | Literal["now", "accept", "connect"] = "now"
    seconds: float | None = None


@dataclass(frozen=True)
class Delay(Fault):
    """A packet and those behind it are delayed by ``seconds``.

    For a packet to the device, later packets of its kind wait too; with ``connack`` and ``sent``, all packets wait. For
    a packet from the device, and for ``now``, the hub stops reading.
    """

    name: ClassVar[str] = "delay"
    on: Incoming | Outgoing | Literal["now", "accept", "connect", "request"]
    seconds: float


@dataclass(frozen=True)
class Lose(Fault):
    """A packet from the device is ignored, or a packet to the device is not sent.

    With ``puback`` the hub has the message, but the acknowledgement is lost. With ``telemetry`` the message itself is
    lost. With ``request`` the hub carries out the request and closes its connection without an answer.
    """

    name: ClassVar[str] = "lose"
    on: Incoming | Outgoing | Literal["request"]


@dataclass(frozen=True)
class Duplicate(Fault):
    """A packet is sent or handled twice. The copy of a message at QoS 1 has the DUP flag."""

    name: ClassVar[str] = "duplicate"
    on: Outgoing


@dataclass(frozen=True)
class Cut(Fault):
    """The hub sends half of a packet and closes the connection."""

    name: ClassVar[str] = "cut"
    on: Outgoing


@dataclass(frozen=True)
class Corrupt(Fault):
    """The hub sends bytes that are not MQTT instead of a packet."""

    name: ClassVar[str] = "corrupt"
    on: Outgoing | Literal["now"] = "now"


@dataclass(frozen=True)
class Answer(Fault):
    """The hub refuses a twin request or an HTTPS request with a status from 400 to 599.

    Attributes:
        status: The status.
        retry_after: Seconds in the body's ``retryAfter`` and, over HTTPS, in ``Retry-After``.
        on: The kind of request.
        method: For HTTPS, the method of affected requests; any method by default.
        path: For HTTPS, the beginning of the path of affected requests; any path by default.
    """

    name: ClassVar[str] = "answer"
    status: int = 429
    retry_after: int | None = None
    on: Literal["twin_request", "twin_get", "twin_patch", "request"] = "twin_request"
    method: str | None = None
    path: str | None = None


@dataclass(frozen=True)
class ChangeTwin(Fault):
    """Another writer changes the twin by merge patches between a packet and its answer."""

    name: ClassVar[str] = "change_twin"
    desired: Mapping[str, Any] | None = None
    reported: Mapping[str, Any] | None = None
    on: Incoming = "twin_patch"


@dataclass(frozen=True)
class ExpireToken(Fault):
    """The SAS token expires: the connection closes without a packet."""

    name: ClassVar[str] = "expire_token"
    on: Incoming | Literal["now"] = "now"


@dataclass(frozen=True)
class TakeOver(Fault):
    """Another connection of the same device takes over: this one closes without a packet."""

    name: ClassVar[str] = "take_over"
    on: Incoming | Literal["now"] = "now"


@dataclass(frozen=True)
class Throttle(Fault):
    """The device exceeds its rate: its telemetry is delayed, and its requests get 429. Inject it with ``lasting=``."""

    name: ClassVar[str] = "throttle"


@dataclass(frozen=True)
class QuotaExceeded(Fault):
    """The daily message quota is used up: telemetry ends the connection. Inject it with ``lasting=``."""

    name: ClassVar[str] = "quota_exceeded"


@dataclass(frozen=True)
class FiredFault:
    """A fault that has occurred.

    Attributes:
        sequence: The number of the occurrence on this hub, from 1.
        fault_id: The id of the rule; 0 for a fault that a device requested itself.
        device_id: The device of the connection, ``device`` or ``device/module``; on a namespace the client identifier.
            Empty if unknown.
        fault: The fault as text, such as ``lose on puback``.
        time: The time in Unix seconds.
    """

    sequence: int
    fault_id: int
    device_id: str
    fault: str
    time: float


@dataclass(frozen=True)
class PlannedFault:
    """A fault of a schedule.

    Attributes:
        at: Seconds from the start.
        rule: The rule to inject at that time, in the form of a hub's REST API.
    """

    at: float
    rule: dict[str, Any]


@dataclass(frozen=True)
class FaultSchedule:
    """Random faults, which are the same for the same seed.

    Each fault is a pair: a :class:`Fault` (or a text for :func:`parse`), and a dictionary that says how often it
    occurs. ``{"every": 2.5}`` is the average time between two faults in seconds; ``{"probability": 0.01}`` is the
    chance at each matching event. The dictionary may also contain ``device_id``, ``module_id`` (``client_id`` on a
    namespace) and ``count``. With ``every``, the seed determines all times at the start. With ``probability``, the n-th
    event of a device has the same outcome in every run.

    Attributes:
        seed: A non-negative integer.
        duration: The duration in seconds.
        faults: The faults, each with its frequency.
    """

    seed: int
    duration: float
    faults: Sequence[tuple[Fault | str, Mapping[str, Any]]] = field(default_factory=tuple)

    def document(self) -> dict[str, Any]:
        """Return the schedule in the form of a hub's REST API."""
        faults = [{**_document(fault), **how} for fault, how in map(_pair, self.faults)]
        return {"seed": self.seed, "duration": self.duration, "faults": faults}

    def plan(self, service: Literal["hub", "namespace"] = "hub") -> list[PlannedFault]:
        """Return the faults that a local hub or namespace would inject, without running one.

        Raises:
            ValueError: A fault is invalid. The text says why.
        """
        if service not in ("hub", "namespace"):
            raise ValueError(f"service must be 'hub' or 'namespace', not {service!r}")
        plan = _core.plan_faults if service == "hub" else _core.plan_namespace_faults
        return _planned(plan(document_text("faults", self.document())))


def parse(text: str) -> dict[str, Any]:
    """Parse a fault in the form of the command line: ``lose:on=puback,device_id=dev1,count=2``, or a JSON object.

    A value that is not JSON is taken as text.

    Raises:
        ValueError: A part of it is not ``name=value``.
    """
    if text.lstrip().startswith("{"):
        try:
            document: dict[str, Any] = strict_json.read(text)
        except ValueError as error:
            raise ValueError(f"{text!r} is not JSON: {error}") from None
        return document
    name, _, rest = text.partition(":")
    found: dict[str, Any] = {"fault": name.strip()}
    for part in filter(None, rest.split(",")):
        member, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} is not name=value")
        try:
            found[member.strip()] = strict_json.read(value)
        except ValueError:
            found[member.strip()] = value
    return found


def _pair(entry: Any) -> tuple[Fault | str, Mapping[str, Any]]:
    """Check an entry of a schedule."""
    if isinstance(entry, tuple | list) and len(entry) == 2 and isinstance(entry[1], Mapping):  # noqa: PLR2004 - a pair
        return entry[0], entry[1]
    raise TypeError(f'faults must be pairs of a fault and how often, such as (Drop(), {{"every": 2.5}}), not {entry!r}')


def _document(fault: Fault | str) -> dict[str, Any]:
    if isinstance(fault, str):
        return parse(fault)
    if not isinstance(fault, Fault):
        raise TypeError(f"fault must be a fault of azmqtt.faults or str, not {type(fault).__name__}")
    return fault.document()


def _planned(plan: list[str]) -> list[PlannedFault]:
    rules = [strict_json.read(planned) for planned in plan]
    return [PlannedFault(rule.pop("at"), rule) for rule in rules]
