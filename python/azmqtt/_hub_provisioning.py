"""The types of a local hub's provisioning service."""

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
        registration_id: The registration id; case does not matter.
        key: The primary symmetric key, in base64; ``None`` if the device authenticates with a certificate. ``repr``
            leaves it out.
        secondary_key: The secondary symmetric key. The device may use either key.
    """

    registration_id: str
    key: str | None = field(repr=False)
    secondary_key: str | None = field(repr=False, default=None)


@dataclass(frozen=True)
class EnrollmentGroup:
    """A group of devices that may register with keys derived from the group's key.

    Attributes:
        name: The group's name.
        key: The primary symmetric key, in base64; ``None`` if its devices authenticate with certificates. ``repr``
            leaves it out.
        secondary_key: The secondary symmetric key. Devices may use a key derived from either.
    """

    name: str
    key: str | None = field(repr=False)
    secondary_key: str | None = field(repr=False, default=None)

    def device_key(self, registration_id: str, *, secondary: bool = False) -> str:
        """Return a device's key in base64, derived from the group's primary or secondary key.

        Raises:
            ValueError: The group has no such key, or the registration id is invalid.
        """
        key = self.secondary_key if secondary else self.key
        if key is None:
            raise ValueError(f"the group {self.name} uses certificates, not keys")
        return _core.derive_device_key(key, registration_id)


@dataclass(frozen=True)
class LocalRegistration:
    """A device that the provisioning service of a local hub has assigned.

    Attributes:
        registration_id: The registration id as the device spelled it.
        device_id: The device's id in the hub.
        group: The enrolment group that the device belongs to; ``None`` for an individual enrolment.
        substatus: ``"initialAssignment"`` if the device was new in the hub, otherwise
            ``"reprovisionedToInitialAssignment"``, which clients of api-version 2019-03-31 do not receive.
        payload: The payload of the device's last registration.
        count: How often the device was assigned.
    """

    registration_id: str
    device_id: str
    group: str | None
    substatus: str
    payload: Any
    count: int


@dataclass(frozen=True)
class AllocationRequest:
    """The argument of a custom allocation policy: the device that registers.

    Attributes:
        registration_id: The device's registration id.
        group: The enrolment group that the device belongs to; ``None`` for an individual enrolment.
        payload: The payload of the device's registration.
    """

    registration_id: str
    group: str | None
    payload: Any


@dataclass(frozen=True)
class Allocation:
    """The result of a custom allocation policy.

    Attributes:
        payload: The payload that the device receives; any value that can be encoded as JSON.
        device_id: The device's id in the hub, instead of the enrolment's.
        initial_twin: ``{"tags": …, "properties": {"desired": …}}`` for a device that the hub creates, instead of the
            enrolment's.
    """

    payload: Any = None
    device_id: str | None = None
    initial_twin: JsonObject | None = None
