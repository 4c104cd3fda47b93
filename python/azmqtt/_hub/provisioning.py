"""The provisioning service of a local hub, from the operator's side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azmqtt._support.arguments import function, one_way_to_authenticate, within
from azmqtt._support.waiting import look

if TYPE_CHECKING:
    from collections.abc import Callable

    from azmqtt import _core
    from azmqtt._core import ProvisioningService
    from azmqtt._hub_provisioning import AllocationRequest, Enrollment, EnrollmentGroup, LocalRegistration
    from azmqtt._types import JsonObject

#: Seconds between checks of the allocation policy's thread whether the hub still runs.
_TICK = 0.5
#: How many future requests may be set to fail.
_MOST_FAULTS = 1_000_000


class Policy:
    """The allocation policy of a hub, and whether a thread calls it."""

    def __init__(self) -> None:
        """Start without a policy."""
        self.now: Callable[[AllocationRequest], Any] | None = None
        self.is_asked = False


class ProvisioningMixin:
    """The provisioning methods of :class:`~azmqtt.LocalHub`."""

    _core: _core.Hub
    _provisioning: ProvisioningService
    _policy: Policy

    @property
    def id_scope(self) -> str:
        """The ID scope that identifies this provisioning service to devices. A state directory keeps it."""
        return self._provisioning.id_scope

    @property
    def provisioning_host(self) -> str:
        """The host name or address of the provisioning service."""
        return self._provisioning.host

    @property
    def provisioning_port(self) -> int:
        """The TCP port of the provisioning service: MQTT over TLS and over WebSockets, and its REST API."""
        return self._provisioning.port

    @property
    def provisioning_service_connection_string(self) -> str:
        """The connection string with which back-end applications manage enrolments over REST, a secret.

        It reads ``HostName=…:{port};SharedAccessKeyName=provisioningserviceowner;SharedAccessKey=…``, with
        :attr:`provisioning_port`, unless that is 443. A state directory keeps its key.
        """
        return self._provisioning.service_connection_string

    @property
    def provisioning_options(self) -> dict[str, Any]:
        """The arguments with which :meth:`azmqtt.DeviceClient.provision` reaches this service and then this hub.

        For WebSockets, both use :attr:`~azmqtt.LocalHub.websocket_port`.
        """
        return {
            "provisioning_host": self.provisioning_host,
            "provisioning_port": self.provisioning_port,
            "poll_interval": 0.05,
            "trust": self._core.ca_file,
            "port": self._core.port,
            "https_port": self._core.websocket_port,
        }

    def create_enrollment(
        self,
        registration_id: str,
        key: str | None = None,
        *,
        secondary_key: str | None = None,
        x509_thumbprint: str | tuple[str, str] | None = None,
        ca: bool = False,
        device_id: str | None = None,
        initial_twin: JsonObject | None = None,
        enabled: bool = True,
    ) -> Enrollment:
        """Create an individual enrolment, which allows one device to register.

        Args:
            registration_id: At most 128 ASCII letters, digits and ``- . _ :``; case does not matter.
            key: The primary symmetric key in base64; random by default. The device in the hub gets the same key.
            secondary_key: The secondary symmetric key in base64; random by default. The device may use either key.
            x509_thumbprint: The SHA-1 or SHA-256 thumbprint, in hexadecimal digits, of the certificate that the device
                authenticates with instead of a key; a tuple of two allows either certificate.
            ca: Whether the device authenticates with a certificate that has its registration id as the common name and
                is signed by an authority of the hub: the hub's own (:meth:`create_certificate`) or an added one
                (:meth:`add_ca`).
            device_id: The device's id in the hub; the registration id by default.
            initial_twin: The twin of a new device: ``{"tags": …, "properties": {"desired": …}}``. Both parts are
                optional.
            enabled: Whether the device may register now.

        Raises:
            ValueError: The enrolment already exists, or an argument is invalid.
        """
        from azmqtt._hub_provisioning import Enrollment

        self._provisioning.create_enrollment(
            registration_id, _shown(key, secondary_key, x509_thumbprint, ca=ca), device_id, initial_twin, enabled
        )
        return Enrollment(registration_id, *(self._provisioning.enrollment_keys(registration_id) or (None, None)))

    def create_enrollment_group(
        self,
        name: str,
        key: str | None = None,
        *,
        secondary_key: str | None = None,
        ca: bool = False,
        initial_twin: JsonObject | None = None,
        enabled: bool = True,
    ) -> EnrollmentGroup:
        """Create an enrolment group for devices with derived keys, or with certificates signed by an authority.

        Args:
            name: At most 128 ASCII letters, digits and ``- . _ :``.
            key: The group's primary symmetric key in base64; random by default.
            secondary_key: The group's secondary symmetric key in base64; random by default.
            ca: Whether the devices authenticate with certificates instead of keys. A certificate has the registration
                id as its common name and is signed by an authority of the hub: the hub's own
                (:meth:`create_certificate`) or an added one (:meth:`add_ca`).
            initial_twin: The twin of new devices: ``{"tags": …, "properties": {"desired": …}}``. Both parts are
                optional.
            enabled: Whether the devices may register now.

        Raises:
            ValueError: The group already exists, or an argument is invalid.
        """
        from azmqtt._hub_provisioning import EnrollmentGroup

        self._provisioning.create_group(name, _shown(key, secondary_key, None, ca=ca), initial_twin, enabled)
        return EnrollmentGroup(name, *(self._provisioning.group_keys(name) or (None, None)))

    def set_enrollment_enabled(self, registration_id: str, enabled: bool) -> None:  # noqa: FBT001 - its meaning is plain
        """Allow or forbid the device of an enrolment to register. The device in the hub stays as it is.

        Raises:
            LookupError: The enrolment does not exist.
        """
        self._provisioning.set_enrollment_enabled(registration_id, enabled)

    def set_enrollment_group_enabled(self, name: str, enabled: bool) -> None:  # noqa: FBT001 - the same
        """Allow or forbid the devices of a group to register. The devices in the hub stay as they are.

        Raises:
            LookupError: The group does not exist.
        """
        self._provisioning.set_group_enabled(name, enabled)

    def remove_enrollment(self, registration_id: str) -> None:
        """Remove an enrolment. The device in the hub stays.

        Raises:
            LookupError: The enrolment does not exist.
        """
        self._provisioning.remove_enrollment(registration_id)

    def remove_enrollment_group(self, name: str) -> None:
        """Remove an enrolment group. The devices in the hub stay.

        Raises:
            LookupError: The group does not exist.
        """
        self._provisioning.remove_group(name)

    def registrations(self) -> list[LocalRegistration]:
        """Return the assigned devices, in the order of their registration ids."""
        from azmqtt._hub_provisioning import LocalRegistration

        return [LocalRegistration(*record) for record in self._provisioning.registrations()]

    def remove_registration(self, registration_id: str) -> None:
        """Remove a device's registration. Its enrolment and the device in the hub stay.

        Raises:
            LookupError: The registration does not exist.
        """
        self._provisioning.remove_registration(registration_id)

    def set_provisioning_pace(self, *, polls: int = 0, retry_after: int = 0) -> None:
        """Set how long future registrations take.

        Args:
            polls: How many status requests of a device are answered "assigning" before the final answer.
            retry_after: The ``retry-after`` of these answers in seconds. The service sends 3.
        """
        within("polls", polls, 0, 2**32 - 1)
        within("retry_after", retry_after, 0, 10**9)
        self._provisioning.set_pace(polls, retry_after)

    def fail_provisioning(
        self, error_code: int, *, count: int = 1, retry_after: int | None = None, message: str = "as the test wants"
    ) -> None:
        """Answer the next requests to the provisioning service with an error.

        Args:
            error_code: Six digits, of which the first three are the status, such as 429001.
            count: The number of requests.
            retry_after: The ``retry-after`` of the answers in seconds.
            message: A human-readable text.
        """
        within("error_code", error_code, 0, 2**32 - 1)
        within("count", count, 0, _MOST_FAULTS)
        if retry_after is not None:
            within("retry_after", retry_after, 0, 10**9)
        self._provisioning.add_errors(count, error_code, message, retry_after)

    def mute_provisioning(self, *, count: int = 1, close: bool = False) -> None:
        """Leave the next requests to the provisioning service unanswered, or with ``close`` end their connections."""
        within("count", count, 0, _MOST_FAULTS)
        self._provisioning.add_silence(count, close)

    def on_allocation(self, policy: Callable[[AllocationRequest], Any] | None) -> None:
        """Call ``policy`` before a device is assigned, as the service calls a webhook for custom allocation.

        Args:
            policy: A function that takes an :class:`AllocationRequest` and returns the payload for the device, or an
                :class:`Allocation`. The hub calls it on its own thread, one call at a time. If it raises, the
                registration fails with 400207, as for a webhook that answers 500, and
                :attr:`~azmqtt.LocalHub.last_refusal` contains the exception's text. ``None`` removes the policy.

        Raises:
            TypeError: ``policy`` is not callable, or is an ``async def``.
        """
        from inspect import iscoroutinefunction
        from threading import Thread

        if policy is not None:
            function("policy", policy)
        if iscoroutinefunction(policy):
            raise TypeError("policy must be a plain function, not an async def")
        self._policy.now = policy
        self._provisioning.set_custom_allocation(policy is not None)
        if policy is None or self._policy.is_asked:
            return
        self._policy.is_asked = True
        # The thread holds no reference to this object, because that would keep the object alive.
        arguments = (self._provisioning, self._core, self._policy)
        Thread(target=_allocate, args=arguments, name="azmqtt-allocation", daemon=True).start()


def _shown(
    key: str | None, secondary_key: str | None, thumbprint: str | tuple[str, str] | None, *, ca: bool
) -> tuple[tuple[str | None, str | None], tuple[str, str | None] | None, bool]:
    """Return the credentials of an enrolment in the form that the core expects."""
    by_key = key is not None or secondary_key is not None
    one_way_to_authenticate(by_key, thumbprint is not None, ca)
    return (key, secondary_key), (thumbprint, None) if isinstance(thumbprint, str) else thumbprint, ca


def _allocate(service: _core.ProvisioningService, hub: _core.Hub, policy: Policy) -> None:
    import logging

    from azmqtt._hub_provisioning import Allocation, AllocationRequest

    while not hub.stopped:
        asked = look(service.next_allocation, _TICK)
        if asked is None:
            continue
        operation_id, registration_id, group, payload = asked
        try:
            ask = policy.now
            # The policy may have been removed meanwhile.
            answer = ask(AllocationRequest(registration_id, group, payload)) if ask else None
            if not isinstance(answer, Allocation):
                answer = Allocation(payload=answer)
            service.allocate(operation_id, answer.payload, answer.device_id, answer.initial_twin)
        except BaseException as error:  # an exception of the policy fails this registration only
            logging.getLogger("azmqtt.hub").exception("the allocation policy failed for %s", registration_id)
            service.refuse(operation_id, f"{type(error).__name__}: {error}")
