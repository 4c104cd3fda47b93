"""The Device Provisioning Service: which hub is a device's, and under which id (IoT Hub DPS docs).

:meth:`azmqtt.DeviceClient.provision` does it all; here is what it is made of::

    import azmqtt.provisioning

    key = azmqtt.provisioning.derive_device_key(group_key, "my-device")
    registration = azmqtt.provisioning.register("0ne0012ABCD", "my-device", symmetric_key=key)
    print(registration.assigned_hub, registration.device_id)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azmqtt import _core
from azmqtt._client.certificates import load_certificate
from azmqtt._options import GLOBAL_HOST, POLL_INTERVAL, core_options
from azmqtt._support.arguments import seconds_within, texts, texts_or_none

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from azmqtt._core import Certificate
    from azmqtt._options import ClientOptions, CoreOptions
    from azmqtt._support.pem import Pem

__all__ = ["GLOBAL_HOST", "Registration", "derive_device_key", "register", "register_async"]

#: Seconds that a registration may take by default: the service needs 5 to 20 as a rule, and may be busy.
TIMEOUT = 120.0

#: Bounds of ``poll_interval``, in seconds.
_SHORTEST_POLL, _LONGEST_POLL = 0.01, 3600.0

#: Options of a client that concern its hub alone.
_OF_THE_HUB = ("port", "gateway_hostname", "timeout")


@dataclass(frozen=True)
class Registration:
    """What the service said.

    Attributes:
        registration_id: Who registered, as the service spells it.
        assigned_hub: The host name of the hub.
        device_id: The device's id there.
        substatus: ``"initialAssignment"``, ``"deviceDataMigrated"``, ``"deviceDataReset"`` or
            ``"reprovisionedToInitialAssignment"``; ``None`` if the service said nothing.
        payload: What a custom allocation policy returned, as plain ``dict``, ``list``, ``str``, ``int``, ``float``,
            ``bool``; ``None`` for nothing.
        created: When the registration was first made: ISO 8601 in UTC, as the service wrote it.
        last_updated: When it last changed, the same way.
        etag: Changes with every change.
    """

    registration_id: str | None
    assigned_hub: str
    device_id: str
    substatus: str | None = None
    payload: Any = field(default=None)
    created: str | None = None
    last_updated: str | None = None
    etag: str | None = None


def register(
    id_scope: str,
    registration_id: str,
    *,
    symmetric_key: str | None = None,
    group_key: str | None = None,
    certificate: Pem | None = None,
    private_key: Pem | None = None,
    passphrase: str | bytes | None = None,
    payload: Any = None,
    provisioning_host: str = GLOBAL_HOST,
    provisioning_port: int | None = None,
    poll_interval: float = POLL_INTERVAL,
    **options: Unpack[ClientOptions],
) -> Registration:
    """Register a device and return its hub, without connecting there.

    Args:
        id_scope: Names the instance of the service, such as ``0ne0012ABCD``.
        registration_id: The device, at most 128 ASCII letters, digits and ``- . _ :``, without regard to case.
        symmetric_key: The key of its own enrolment, in base64.
        group_key: The key of its enrolment group, in base64; the device's is derived from it. A device in the field had
            better know only its own, see :func:`derive_device_key`.
        certificate: Its client certificate: the path of a file in PEM or DER, or its content, with those of
            its issuers if the service needs them. The registration id must be its common name.
        private_key: The certificate's private key, the same way; it may also stand in the certificate's file.
        passphrase: The one that the private key is encrypted with, if it is.
        payload: Anything JSON-able, for a custom allocation policy.
        provisioning_host: The service, or a private endpoint of it.
        provisioning_port: Its port: by default 8883, or 443 with ``websocket``.
        poll_interval: Seconds between two questions how far the registration is. The service's own wish is obeyed
            where it is longer, up to a minute.
        **options: See :class:`~azmqtt.ClientOptions`: those of the connection (``trust``, ``retry``, ``sas_ttl``, …),
            and ``timeout``, the seconds that it may take (120). Those of the hub alone, such as ``port``, are not used.

    Raises:
        ProvisioningFailed: The service said no, and why.
        Throttled: It asks to wait for longer than ``timeout`` allows.
        AuthenticationFailed: It refused the connection for its credentials.
        ConnectionFailed: No connection could be made.
        RequestTimeout: There is no decision yet.
        ValueError: Names the argument that breaks a rule; nothing was sent.
        TypeError: Names the argument, or the part of the payload, that is of a wrong type.
    """
    loaded = load_certificate(certificate, private_key, passphrase)
    return Registering(
        id_scope, registration_id, symmetric_key, group_key, loaded, payload, provisioning_host, provisioning_port,
        poll_interval, options,
    ).run()  # fmt: skip


async def register_async(
    id_scope: str,
    registration_id: str,
    *,
    symmetric_key: str | None = None,
    group_key: str | None = None,
    certificate: Pem | None = None,
    private_key: Pem | None = None,
    passphrase: str | bytes | None = None,
    payload: Any = None,
    provisioning_host: str = GLOBAL_HOST,
    provisioning_port: int | None = None,
    poll_interval: float = POLL_INTERVAL,
    **options: Unpack[ClientOptions],
) -> Registration:
    """Register a device; see :func:`register`. Cancelling it ends the connection."""
    loaded = load_certificate(certificate, private_key, passphrase)
    return await Registering(
        id_scope, registration_id, symmetric_key, group_key, loaded, payload, provisioning_host, provisioning_port,
        poll_interval, options,
    ).run_async()  # fmt: skip


def derive_device_key(group_key: str, registration_id: str) -> str:
    """Return the key of one device of an enrolment group, in base64: HMAC-SHA256 of its registration id.

    Do this where the group's key is safe, and give each device only its own.

    Args:
        group_key: The group's primary or secondary key, in base64.
        registration_id: The device, spelled as it will register.

    Raises:
        ValueError: The key is not base64, or the registration id breaks a rule.
        TypeError: An argument is not a ``str``.
    """
    texts(group_key=group_key, registration_id=registration_id)
    return _core.derive_device_key(group_key, registration_id)


@dataclass(frozen=True, repr=False)
class Registering:
    """A registration to be made: what all its forms take, blocking or not, with a client or without.

    The core reads the fields by their names. Making one checks everything, without I/O.
    """

    id_scope: str
    registration_id: str
    symmetric_key: str | None
    group_key: str | None
    certificate: Certificate | None
    payload: Any
    provisioning_host: str
    provisioning_port: int | None
    poll_interval: float
    options: ClientOptions
    core: _core.Provisioning = field(init=False)

    def __post_init__(self) -> None:
        """Check what Python checks; the core judges the rest."""
        texts(id_scope=self.id_scope, registration_id=self.registration_id, provisioning_host=self.provisioning_host)
        texts_or_none(symmetric_key=self.symmetric_key, group_key=self.group_key)
        seconds_within("poll_interval", self.poll_interval, _SHORTEST_POLL, _LONGEST_POLL)
        object.__setattr__(self, "core", _core.Provisioning(self, self._connection()))

    def _connection(self) -> CoreOptions:
        """Check the options, and lay out those of the connection to the service."""
        # The hub's options are checked along, so that a slip shows before anything is registered.
        core_options(self.options)
        own: dict[str, Any] = {name: value for name, value in self.options.items() if name not in _OF_THE_HUB}
        try:
            return core_options(own if self.provisioning_port is None else {**own, "port": self.provisioning_port})
        except (TypeError, ValueError) as error:
            # The others were found good above.
            raise type(error)(f"provisioning_{error}") from None

    def run(self) -> Registration:
        """Run it; when it is interrupted, its connection ends."""
        try:
            return self.core.run(self.options.get("timeout", TIMEOUT))
        finally:
            self.core.abandon()

    async def run_async(self) -> Registration:
        """Run it; when it is cancelled, its connection ends."""
        try:
            return await self.core.run_async(self.options.get("timeout", TIMEOUT))
        finally:
            self.core.abandon()
