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
from azmqtt._options import core_options
from azmqtt._support.arguments import seconds_within, texts, texts_or_none

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Unpack

    from azmqtt._core import Certificate
    from azmqtt._options import ClientOptions
    from azmqtt._support.pem import Pem

__all__ = ["GLOBAL_HOST", "Registration", "derive_device_key", "register", "register_async"]

#: The service's host name for every public region.
GLOBAL_HOST = "global.azure-devices-provisioning.net"

#: Seconds that a registration may take by default: the service needs 5 to 20 as a rule, and may be busy.
TIMEOUT = 120.0

#: Seconds between two questions how far a registration is, as in the service's own clients.
POLL_INTERVAL = 2.0

#: Bounds of that, in seconds.
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
    core = provisioning(
        id_scope, registration_id, symmetric_key, group_key, loaded, payload, provisioning_host, provisioning_port,
        poll_interval, options,
    )  # fmt: skip
    return run(core, options)


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
    core = provisioning(
        id_scope, registration_id, symmetric_key, group_key, loaded, payload, provisioning_host, provisioning_port,
        poll_interval, options,
    )  # fmt: skip
    return await run_async(core, options)


def derive_device_key(group_key: str, registration_id: str) -> str:
    """Return the key of one device of an enrolment group, in base64: HMAC-SHA256 of its registration id.

    Do this where the group's key is safe, and give each device only its own.

    Args:
        group_key: The group's primary or secondary key, in base64.
        registration_id: The device, spelled as it will register.

    Raises:
        ValueError: The key is not base64, or the registration id breaks a rule.
        TypeError: An argument is no ``str``.
    """
    texts(group_key=group_key, registration_id=registration_id)
    return _core.derive_device_key(group_key, registration_id)


def provisioning(
    id_scope: str,
    registration_id: str,
    symmetric_key: str | None,
    group_key: str | None,
    certificate: Certificate | None,
    payload: Any,
    host: str,
    port: int | None,
    poll_interval: float,
    options: Mapping[str, Any],
) -> _core.Provisioning:
    """Check the arguments of a registration. No I/O but reading files."""
    texts(id_scope=id_scope, registration_id=registration_id, provisioning_host=host)
    texts_or_none(symmetric_key=symmetric_key, group_key=group_key)
    seconds_within("poll_interval", poll_interval, _SHORTEST_POLL, _LONGEST_POLL)
    # The hub's options are checked along, so that a slip shows before anything is registered.
    core_options(options)
    own = {name: value for name, value in options.items() if name not in _OF_THE_HUB}
    try:
        connection = core_options(own if port is None else {**own, "port": port})
    except (TypeError, ValueError) as error:
        # The others were found good above.
        raise type(error)(f"provisioning_{error}") from None
    return _core.Provisioning(
        id_scope, registration_id, symmetric_key, group_key, certificate, host, payload, poll_interval, connection
    )


def run(core: _core.Provisioning, options: Mapping[str, Any]) -> Registration:
    """Run a registration; when it is interrupted, its connection ends."""
    try:
        return core.run(options.get("timeout", TIMEOUT))
    finally:
        core.abandon()


async def run_async(core: _core.Provisioning, options: Mapping[str, Any]) -> Registration:
    """Run a registration; when it is cancelled, its connection ends."""
    try:
        return await core.run_async(options.get("timeout", TIMEOUT))
    finally:
        core.abandon()
