"""What the provisioning service of a local hub hands out and asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azmqtt import _core

if TYPE_CHECKING:
    from azmqtt._types import JsonObject


@dataclass(frozen=True)
class Enrollment:
    """A device that may register with the provisioning service of a local hub.

    Attributes:
        registration_id: Names it, without regard to case.
        key: Its primary symmetric key, in base64; ``None`` for one that shows a certificate. ``repr`` leaves it out.
        secondary_key: The secondary one: either is taken.
    """

    registration_id: str
    key: str | None = field(repr=False)
    secondary_key: str | None = field(repr=False, default=None)


@dataclass(frozen=True)
class EnrollmentGroup:
    """Devices that may register with keys derived from one.

    Attributes:
        name: Names the group.
        key: Its primary symmetric key, in base64; ``None`` for one of certificates. ``repr`` leaves it out.
        secondary_key: The secondary one: a key derived from either is taken.
    """

    name: str
    key: str | None = field(repr=False)
    secondary_key: str | None = field(repr=False, default=None)

    def device_key(self, registration_id: str, *, secondary: bool = False) -> str:
        """Return the key of one device, in base64, derived from the group's primary or secondary key.

        Raises:
            ValueError: The group has none, or the registration id breaks a rule.
        """
        key = self.secondary_key if secondary else self.key
        if key is None:
            raise ValueError(f"the group {self.name} is one of certificates, not of keys")
        return _core.derive_device_key(key, registration_id)


@dataclass(frozen=True)
class LocalRegistration:
    """A device that the provisioning service of a local hub has assigned.

    Attributes:
        registration_id: As the device spelled it.
        device_id: Its id in the hub.
        group: The enrolment group that let it in; ``None`` for an enrolment of its own.
        substatus: ``"initialAssignment"`` for a device that was new in the hub, else
            ``"reprovisionedToInitialAssignment"``, which clients of api-version 2019-03-31 are not told.
        payload: What the device sent along the last time.
        count: How often it was assigned.
    """

    registration_id: str
    device_id: str
    group: str | None
    substatus: str
    payload: Any
    count: int


@dataclass(frozen=True)
class AllocationRequest:
    """What a custom allocation policy is asked.

    Attributes:
        registration_id: Who registers.
        group: The enrolment group that lets it in; ``None`` for an enrolment of its own.
        payload: What the device sent along.
    """

    registration_id: str
    group: str | None
    payload: Any


@dataclass(frozen=True)
class Allocation:
    """What a custom allocation policy answers.

    Attributes:
        payload: Goes to the device; anything JSON-able.
        device_id: The id in the hub, in place of the enrolment's.
        initial_twin: ``{"tags": …, "properties": {"desired": …}}`` for a device that is made, in place of the
            enrolment's.
    """

    payload: Any = None
    device_id: str | None = None
    initial_twin: JsonObject | None = None
