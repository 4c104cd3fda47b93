"""Faults on demand: what a local hub does wrong when a test asks for it.

    import azmqtt
    from azmqtt import faults

    with azmqtt.LocalHub() as hub, hub.device_client("dev1") as client:
        hub.inject_fault(faults.Lose("puback"))
        client.send_message("arrives, although its acknowledgement was lost")

Each class is a fault; ``on`` is the moment at which it happens. A device sees every one of them across its socket only.

=====================  ===========================================================================================
``on``                 when
=====================  ===========================================================================================
``now``                at once, to the live connection
``accept``             a TCP connection to the MQTT port opens; its client is unknown
``connect``            CONNECT comes in
``received``           any other packet comes in, pings excepted; or, by kind: ``telemetry``, ``twin_get``,
                       ``twin_patch``, ``method_response``, ``subscribe``, ``acknowledgement`` (PUBACK)
``sent``               any packet is about to go out; or, by kind: ``connack``, ``puback``, ``suback``,
                       ``twin_answer``, ``desired_patch``, ``cloud_message``, ``method_request``
``request``            a request over HTTPS comes in
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
    """What all faults have in common."""

    name: ClassVar[str] = ""

    def document(self) -> dict[str, Any]:
        """Return the fault as a hub's REST API takes it."""
        members = {each.name: getattr(self, each.name) for each in fields(self)}
        return {"fault": self.name, **{name: value for name, value in members.items() if value is not None}}


@dataclass(frozen=True)
class Drop(Fault):
    """The connection closes without words. The packet, if it is on one, has no effect, or is not sent."""

    name: ClassVar[str] = "drop"
    on: Incoming | Outgoing | Literal["now", "accept", "connect", "request"] = "now"


@dataclass(frozen=True)
class Reset(Fault):
    """A TCP connection is reset as soon as it is open."""

    name: ClassVar[str] = "reset"
    on: Literal["accept"] = "accept"


@dataclass(frozen=True)
class ShutDown(Fault):
    """The connection closes in an orderly way: TLS sends close_notify (RFC 8446 §6.1), then TCP ends."""

    name: ClassVar[str] = "shut_down"
    on: Literal["now"] = "now"


@dataclass(frozen=True)
class Refuse(Fault):
    """CONNECT is refused with a return code from 1 to 5 (MQTT 3.1.1 §3.2.2.3)."""

    name: ClassVar[str] = "refuse"
    code: int = 5
    on: Literal["connect"] = "connect"


@dataclass(frozen=True)
class Silence(Fault):
    """The hub neither reads nor writes, for ``seconds`` or to the connection's end: a half-open connection."""

    name: ClassVar[str] = "silence"
    on: Incoming | Literal["now", "accept", "connect"] = "now"
    seconds: float | None = None


@dataclass(frozen=True)
class Delay(Fault):
    """A packet is read or sent ``seconds`` later, with those behind it.

    On a packet to the device: those of its kind behind it wait too; after ``connack`` and ``sent``, all. On a packet
    from the device, or ``now``: the hub stops reading.
    """

    name: ClassVar[str] = "delay"
    on: Incoming | Outgoing | Literal["now", "accept", "connect", "request"]
    seconds: float


@dataclass(frozen=True)
class Lose(Fault):
    """A packet from the device has no effect and no answer, or one to it is not sent.

    With ``puback`` the message is there and its acknowledgement is not; with ``telemetry`` neither is. With ``request``
    the request is carried out, and its connection closes without an answer.
    """

    name: ClassVar[str] = "lose"
    on: Incoming | Outgoing | Literal["request"]


@dataclass(frozen=True)
class Duplicate(Fault):
    """A packet comes twice; a message at QoS 1 with DUP the second time."""

    name: ClassVar[str] = "duplicate"
    on: Outgoing


@dataclass(frozen=True)
class Cut(Fault):
    """Half of a packet is sent, and the connection closes."""

    name: ClassVar[str] = "cut"
    on: Outgoing


@dataclass(frozen=True)
class Corrupt(Fault):
    """Bytes that are not MQTT come in place of a packet."""

    name: ClassVar[str] = "corrupt"
    on: Outgoing | Literal["now"] = "now"


@dataclass(frozen=True)
class Answer(Fault):
    """A twin request, or one over HTTPS, is refused with a status from 400 to 599.

    Attributes:
        status: The status.
        retry_after: Seconds, in the body's ``retryAfter`` and over HTTPS in ``Retry-After``.
        on: Which requests.
        method: Over HTTPS: only with this method.
        path: Over HTTPS: only where the path begins like this.
    """

    name: ClassVar[str] = "answer"
    status: int = 429
    retry_after: int | None = None
    on: Literal["twin_request", "twin_get", "twin_patch", "request"] = "twin_request"
    method: str | None = None
    path: str | None = None


@dataclass(frozen=True)
class ChangeTwin(Fault):
    """Somebody else writes to the twin between a packet and its answer: merge patches."""

    name: ClassVar[str] = "change_twin"
    desired: Mapping[str, Any] | None = None
    reported: Mapping[str, Any] | None = None
    on: Incoming = "twin_patch"


@dataclass(frozen=True)
class ExpireToken(Fault):
    """The SAS token expires: the connection closes without words."""

    name: ClassVar[str] = "expire_token"
    on: Incoming | Literal["now"] = "now"


@dataclass(frozen=True)
class TakeOver(Fault):
    """Another connection comes for the same device: this one closes without words."""

    name: ClassVar[str] = "take_over"
    on: Incoming | Literal["now"] = "now"


@dataclass(frozen=True)
class Throttle(Fault):
    """The device is over its rate: its telemetry waits, and its requests are answered 429. Give it ``lasting=``."""

    name: ClassVar[str] = "throttle"


@dataclass(frozen=True)
class QuotaExceeded(Fault):
    """The messages of the day are used up: telemetry ends the connection. Give it ``lasting=``."""

    name: ClassVar[str] = "quota_exceeded"


@dataclass(frozen=True)
class FiredFault:
    """A fault that has happened.

    Attributes:
        sequence: Counts the faults of the hub, from 1.
        fault_id: The rule's id; 0 for one that a device asked for itself.
        device_id: Whose connection, ``device`` or ``device/module``, on a namespace the client id; empty where nobody
            knows.
        fault: What happened, as in ``lose on puback``.
        time: When, in Unix seconds.
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
        rule: What is set then, as a hub's REST API takes it.
    """

    at: float
    rule: dict[str, Any]


@dataclass(frozen=True)
class FaultSchedule:
    """Faults by chance, the same ones for the same seed.

    Each fault is a pair of a :class:`Fault` (or a text for :func:`parse`) and how often: ``{"every": 2.5}`` for seconds
    from one to the next on average, or ``{"probability": 0.01}`` for a chance at each occasion; also ``device_id``,
    ``module_id`` (``client_id`` on a namespace) and ``count``. By time, the plan is made by the seed at the start; by
    packet, the n-th occasion of a device falls alike in every run.

    Attributes:
        seed: Any whole number from 0.
        duration: Seconds.
        faults: Which, and how often.
    """

    seed: int
    duration: float
    faults: Sequence[tuple[Fault | str, Mapping[str, Any]]] = field(default_factory=tuple)

    def document(self) -> dict[str, Any]:
        """Return the schedule as a hub's REST API takes it."""
        faults = [{**_document(fault), **how} for fault, how in map(_pair, self.faults)]
        return {"seed": self.seed, "duration": self.duration, "faults": faults}

    def plan(self, service: Literal["hub", "namespace"] = "hub") -> list[PlannedFault]:
        """Return what a local hub would do, or a local namespace, without one.

        Raises:
            ValueError: A fault makes no sense; says why.
        """
        if service not in ("hub", "namespace"):
            raise ValueError(f"service must be 'hub' or 'namespace', not {service!r}")
        plan = _core.plan_faults if service == "hub" else _core.plan_namespace_faults
        return _planned(plan(document_text("faults", self.document())))


def parse(text: str) -> dict[str, Any]:
    """Read a fault as the command line has it: ``lose:on=puback,device_id=dev1,count=2``, or a JSON object.

    Values are read as JSON where they are, as text where they are not.

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
