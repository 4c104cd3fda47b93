"""The provisioning service of a local hub, from the side of those who run it."""

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

#: Seconds after which the thread that asks the allocation policy looks whether the hub still runs.
_TICK = 0.5
#: Requests that may be failed in advance.
_MOST_FAULTS = 1_000_000


class Policy:
    """The allocation policy of a hub, and whether a thread is there to ask it."""

    def __init__(self) -> None:
        """Begin without one."""
        self.now: Callable[[AllocationRequest], Any] | None = None
        self.is_asked = False


class ProvisioningMixin:
    """The part of :class:`~azmqtt.LocalHub` that is about provisioning."""

    _core: _core.Hub
    _provisioning: ProvisioningService
    _policy: Policy

    @property
    def id_scope(self) -> str:
        """Names this provisioning service to its devices. It stays the same with a state directory."""
        return self._provisioning.id_scope

    @property
    def provisioning_host(self) -> str:
        """The name or address by which devices reach the provisioning service."""
        return self._provisioning.host

    @property
    def provisioning_port(self) -> int:
        """The TCP port of the provisioning service: MQTT over TLS and over WebSockets, and its REST API."""
        return self._provisioning.port

    @property
    def provisioning_service_connection_string(self) -> str:
        """What back-end applications manage enrolments with, over REST on :attr:`provisioning_port`; a secret.

        In the form ``HostName=…:{port};SharedAccessKeyName=provisioningserviceowner;SharedAccessKey=…``, without the
        port if it is 443. Its key stays the same with a state directory.
        """
        return self._provisioning.service_connection_string

    @property
    def provisioning_options(self) -> dict[str, Any]:
        """What :meth:`azmqtt.DeviceClient.provision` needs to find this service and then this hub, by name.

        Over WebSockets both are on :attr:`~azmqtt.LocalHub.websocket_port`.
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
        """Let one device register.

        Args:
            registration_id: At most 128 ASCII letters, digits and ``- . _ :``, without regard to case.
            key: Its primary symmetric key in base64; a random one if absent. The device in the hub gets the same.
            secondary_key: Its secondary key, likewise. Either one signs.
            x509_thumbprint: It shows the certificate of this SHA-1 or SHA-256 thumbprint, in hexadecimal digits, in
                place of a key; a tuple for two, either of which is taken.
            ca: It shows a certificate that has its registration id as the common name and is signed by an authority of
                the hub: its own (:meth:`create_certificate`), or one that was added (:meth:`add_ca`).
            device_id: Its id in the hub; the registration id if absent.
            initial_twin: ``{"tags": …, "properties": {"desired": …}}``, either part absent, for a device that is made.
            enabled: Whether it may register now.

        Raises:
            ValueError: There is such an enrolment already, or an argument breaks a rule.
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
        """Let all devices register whose keys are derived from one, or whose certificates an authority signed.

        Args:
            name: At most 128 ASCII letters, digits and ``- . _ :``.
            key: The group's primary symmetric key in base64; a random one if absent.
            secondary_key: The group's secondary key, likewise.
            ca: They show certificates in place of keys, each with the registration id as its common name, signed by an
                authority of the hub: its own (:meth:`create_certificate`), or one that was added (:meth:`add_ca`).
            initial_twin: ``{"tags": …, "properties": {"desired": …}}``, either part absent, for devices that are made.
            enabled: Whether they may register now.

        Raises:
            ValueError: There is such a group already, or an argument breaks a rule.
        """
        from azmqtt._hub_provisioning import EnrollmentGroup

        self._provisioning.create_group(name, _shown(key, secondary_key, None, ca=ca), initial_twin, enabled)
        return EnrollmentGroup(name, *(self._provisioning.group_keys(name) or (None, None)))

    def set_enrollment_enabled(self, registration_id: str, enabled: bool) -> None:  # noqa: FBT001 - its meaning is plain
        """Let the device of an enrolment register or not. The device in the hub stays as it is.

        Raises:
            LookupError: There is no such enrolment.
        """
        self._provisioning.set_enrollment_enabled(registration_id, enabled)

    def set_enrollment_group_enabled(self, name: str, enabled: bool) -> None:  # noqa: FBT001 - the same
        """Let the devices of a group register or not. The devices in the hub stay as they are.

        Raises:
            LookupError: There is no such group.
        """
        self._provisioning.set_group_enabled(name, enabled)

    def remove_enrollment(self, registration_id: str) -> None:
        """Forget an enrolment. The device in the hub stays.

        Raises:
            LookupError: There is no such enrolment.
        """
        self._provisioning.remove_enrollment(registration_id)

    def remove_enrollment_group(self, name: str) -> None:
        """Forget an enrolment group. The devices in the hub stay.

        Raises:
            LookupError: There is no such group.
        """
        self._provisioning.remove_group(name)

    def registrations(self) -> list[LocalRegistration]:
        """Return the devices that were assigned, in the order of their registration ids."""
        from azmqtt._hub_provisioning import LocalRegistration

        return [LocalRegistration(*record) for record in self._provisioning.registrations()]

    def remove_registration(self, registration_id: str) -> None:
        """Forget that a device was assigned. Its enrolment stays, and so does the device in the hub.

        Raises:
            LookupError: There is no such registration.
        """
        self._provisioning.remove_registration(registration_id)

    def set_provisioning_pace(self, *, polls: int = 0, retry_after: int = 0) -> None:
        """Say how long registrations take from now on.

        Args:
            polls: How often a device that asks how far it is hears "assigning" before it hears the end.
            retry_after: The seconds that it is told to wait before it asks. The service says 3.
        """
        within("polls", polls, 0, 2**32 - 1)
        within("retry_after", retry_after, 0, 10**9)
        self._provisioning.set_pace(polls, retry_after)

    def fail_provisioning(
        self, error_code: int, *, count: int = 1, retry_after: int | None = None, message: str = "as the test wants"
    ) -> None:
        """Answer the next requests to the provisioning service with an error.

        Args:
            error_code: Six digits of which the first three are the status, such as 429001.
            count: How many requests.
            retry_after: The seconds that the device is told to wait.
            message: For people.
        """
        within("error_code", error_code, 0, 2**32 - 1)
        within("count", count, 0, _MOST_FAULTS)
        if retry_after is not None:
            within("retry_after", retry_after, 0, 10**9)
        self._provisioning.add_errors(count, error_code, message, retry_after)

    def mute_provisioning(self, *, count: int = 1, close: bool = False) -> None:
        """Do not answer the next requests to the provisioning service, or with ``close`` end their connections."""
        within("count", count, 0, _MOST_FAULTS)
        self._provisioning.add_silence(count, close)

    def on_allocation(self, policy: Callable[[AllocationRequest], Any] | None) -> None:
        """Ask ``policy`` before a device is assigned, as the service asks a webhook for custom allocation.

        Args:
            policy: Called on a thread of the hub's, one call at a time, with an :class:`AllocationRequest`. It returns
                what the device gets as payload, or an :class:`Allocation`. If it raises, the registration fails with
                400207 as for a webhook that answers with 500, and :attr:`~azmqtt.LocalHub.last_refusal` has the
                exception's text. ``None`` removes it.

        Raises:
            TypeError: ``policy`` is not callable, or an ``async def``.
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
        # The thread has no reference to this object, which it would keep alive.
        arguments = (self._provisioning, self._core, self._policy)
        Thread(target=_allocate, args=arguments, name="azmqtt-allocation", daemon=True).start()


def _shown(
    key: str | None, secondary_key: str | None, thumbprint: str | tuple[str, str] | None, *, ca: bool
) -> tuple[tuple[str | None, str | None], tuple[str, str | None] | None, bool]:
    """Lay out for the core what devices show."""
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
            # It may have been taken back meanwhile.
            answer = ask(AllocationRequest(registration_id, group, payload)) if ask else None
            if not isinstance(answer, Allocation):
                answer = Allocation(payload=answer)
            service.allocate(operation_id, answer.payload, answer.device_id, answer.initial_twin)
        except BaseException as error:  # whatever a policy raises fails its registration, and no other
            logging.getLogger("azmqtt.hub").exception("the allocation policy failed for %s", registration_id)
            service.refuse(operation_id, f"{type(error).__name__}: {error}")
