"""Who a client is, and how it comes and goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azmqtt import _core
from azmqtt._client.observed import Observed
from azmqtt._options import GLOBAL_HOST, POLL_INTERVAL, core_options
from azmqtt._support.arguments import texts, texts_or_none

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from typing_extensions import Self, Unpack

    from azmqtt._client.credential_callbacks import Callback
    from azmqtt._core import Access, Certificate
    from azmqtt._options import ClientOptions
    from azmqtt._support.pem import Pem
    from azmqtt.provisioning import Registering, Registration


class Connection(Observed):
    """The part of :class:`~azmqtt.DeviceClient` that is about its connection."""

    __slots__ = ()

    def __init__(self, access: Access, /, **options: Unpack[ClientOptions]) -> None:
        """Take an identity with its credentials. The constructors with names make one."""
        self._closed = True
        given: object = access
        if not isinstance(given, _core.Access):
            name = type(self).__name__
            raise TypeError(
                f"make a client with {name}.from_connection_string, {name}.provision or another {name}.from_…"
            )
        self._begin(_core.Client(access, core_options(options)))
        self._registration = None
        self._watch()

    @classmethod
    def from_connection_string(
        cls,
        connection_string: str,
        /,
        *,
        certificate: Pem | None = None,
        private_key: Pem | None = None,
        passphrase: str | bytes | None = None,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """Make a client from a device's or module's connection string.

        Args:
            connection_string: ``HostName=…;DeviceId=…;SharedAccessKey=…``, also with ``ModuleId``, ``GatewayHostName``,
                and ``SharedAccessSignature`` or ``x509=true`` in place of the key (IoT Hub docs, "connection string").
            certificate: For ``x509=true``; see :meth:`from_certificate`.
            private_key: The same.
            passphrase: The same.
            **options: See :class:`~azmqtt.ClientOptions`.

        Raises:
            ValueError: Says which part is missing, doubled or malformed, never showing a key; or names the argument
                that is out of its bounds.
            TypeError: Names an option that is unknown or of the wrong type.
        """
        texts(connection_string=connection_string)
        loaded = _certificate(certificate, private_key, passphrase)
        return cls(_core.Access.from_connection_string(connection_string, loaded), **options)

    @classmethod
    def from_symmetric_key(
        cls,
        hostname: str,
        device_id: str,
        key: str,
        *,
        secondary_key: str | None = None,
        module_id: str | None = None,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """Make a client from a device's or module's own key.

        Args:
            hostname: The hub's name, such as ``myhub.azure-devices.net``.
            device_id: The device, case-sensitive.
            key: Its primary or secondary key, in base64.
            secondary_key: The other one: it is used from when the hub refuses the first, as while keys are replaced.
            module_id: The module, if it is one.
            **options: See :class:`~azmqtt.ClientOptions`.

        Raises:
            ValueError: A malformed name or key, or an option out of its bounds.
            TypeError: An option that is unknown or of the wrong type.
        """
        texts(hostname=hostname, device_id=device_id, key=key)
        texts_or_none(secondary_key=secondary_key, module_id=module_id)
        return cls(_core.Access.from_symmetric_key(hostname, device_id, key, secondary_key, module_id), **options)

    @classmethod
    def from_sas_token(
        cls,
        token: str,
        *,
        on_token_needed: Callable[[], str | Awaitable[str]] | None = None,
        hostname: str | None = None,
        device_id: str | None = None,
        module_id: str | None = None,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """Make a client from a token that was signed elsewhere.

        Args:
            token: ``SharedAccessSignature sr=…&sig=…&se=…``.
            on_token_needed: A function, plain or ``async def``, that returns a new token for the same device. It is
                called when 85 % of the token's life is over, and once when the hub refuses a token, on a thread of the
                client's; it has 20 seconds. Without it the connection ends with the token.
            hostname: The hub; by default the one in the token.
            device_id: The device; by default the one in the token.
            module_id: The module; by default the one in the token, if any.
            **options: See :class:`~azmqtt.ClientOptions`.

        Raises:
            ValueError: A malformed token, one that is for something else, or an option out of its bounds.
            TypeError: An option that is unknown or of the wrong type.
        """
        texts(token=token)
        texts_or_none(hostname=hostname, device_id=device_id, module_id=module_id)
        if on_token_needed is None:
            return cls(_core.Access.from_sas_token(token, None, hostname, device_id, module_id), **options)
        callback = _callback("on_token_needed", on_token_needed, str)
        access = _core.Access.from_sas_token(token, callback.calls, hostname, device_id, module_id)
        return cls._with_callback(access, callback, options)

    @classmethod
    def from_certificate(
        cls,
        hostname: str,
        device_id: str,
        *,
        certificate: Pem,
        private_key: Pem | None = None,
        passphrase: str | bytes | None = None,
        module_id: str | None = None,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """Make a client from an X.509 client certificate (IoT Hub docs, "Authenticate identities with X.509").

        A ``CertificateExpiresSoon`` warning tells of a certificate that expires within 30 days.

        Args:
            hostname: The hub's name, such as ``myhub.azure-devices.net``.
            device_id: The device, case-sensitive.
            certificate: The device's certificate, with those of its issuers if the hub needs them to find the
                authority that it knows: the path of a file in PEM or DER, or its content.
            private_key: The certificate's private key, the same way; it may also stand in the certificate's file.
                PKCS #8, PKCS #1 and SEC 1 are read; RSA of 2,048 bits or more, EC on P-256 or P-384, Ed25519.
            passphrase: The one that the key is encrypted with, if it is (PKCS #8, "ENCRYPTED PRIVATE KEY").
            module_id: The module, if it is one.
            **options: See :class:`~azmqtt.ClientOptions`.

        Raises:
            ValueError: Names the argument and what is wrong: a file that cannot be read, no certificate
                or key in it, a passphrase that is wrong, missing or not needed, a certificate and key that do not
                belong together, a certificate that has expired; or an option out of its bounds.
            TypeError: An option that is unknown or of the wrong type.
        """
        texts(hostname=hostname, device_id=device_id)
        texts_or_none(module_id=module_id)
        loaded = _certificate(certificate, private_key, passphrase)
        if loaded is None:
            raise TypeError("certificate must be a path, PEM text or bytes, not None")
        return cls(_core.Access.from_certificate(hostname, device_id, loaded, module_id), **options)

    @classmethod
    def from_signer(
        cls,
        hostname: str,
        device_id: str,
        sign: Callable[[bytes], bytes | Awaitable[bytes]],
        *,
        module_id: str | None = None,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """Make a client whose symmetric key is kept elsewhere, such as in a TPM or an HSM.

        Args:
            hostname: The hub's name, such as ``myhub.azure-devices.net``.
            device_id: The device, case-sensitive.
            sign: A function, plain or ``async def``, that takes the bytes to sign and returns their HMAC-SHA256 with
                the device's key: 32 bytes, as they are. It is called for every connection, on a thread of the client's;
                it has 20 seconds.
            module_id: The module, if it is one.
            **options: See :class:`~azmqtt.ClientOptions`.

        Raises:
            ValueError: A malformed name, or an option out of its bounds.
            TypeError: ``sign`` is not a function, or an option is unknown or of the wrong type.
        """
        texts(hostname=hostname, device_id=device_id)
        texts_or_none(module_id=module_id)
        callback = _callback("sign", sign, bytes)
        access = _core.Access.from_signer(hostname, device_id, callback.calls, module_id)
        return cls._with_callback(access, callback, options)

    @classmethod
    def _with_callback(cls, access: Access, callback: Callback, options: ClientOptions) -> Self:
        client = cls(access, **options)
        client._callback = callback
        callback.start()
        return client

    @classmethod
    def from_environment(cls, **options: Unpack[ClientOptions]) -> Self:
        """Make a client from what the environment variables say, inside IoT Edge or outside.

        The first of these counts:

        1. ``EdgeHubConnectionString`` or ``IotHubConnectionString``, a connection string, as the IoT Edge tools set
           them for debugging; with ``EdgeModuleCACertificateFile``, a PEM file with the roots to trust, if it is set.
        2. ``IOTEDGE_WORKLOADURI``, ``IOTEDGE_DEVICEID``, ``IOTEDGE_MODULEID``, ``IOTEDGE_MODULEGENERATIONID``,
           ``IOTEDGE_IOTHUBHOSTNAME``, ``IOTEDGE_GATEWAYHOSTNAME`` and ``IOTEDGE_APIVERSION``, as the IoT Edge runtime
           sets them for its modules. The client then connects to the gateway, trusts the roots that the runtime names,
           and has the runtime sign its tokens. It is asked at each connection, not here; if it does not answer, the
           call fails with ``ConnectionFailed``, whose ``step`` is ``"trust bundle"`` or ``"credentials"``.
        3. ``IOTHUB_DEVICE_CONNECTION_STRING``, a connection string, as Microsoft's samples have it.

        Args:
            **options: See :class:`~azmqtt.ClientOptions`. They go before what the environment says.

        Raises:
            ValueError: Names each variable that is missing, or the one that is malformed; or the option that is out of
                its bounds.
            TypeError: An option that is unknown or of the wrong type.
        """
        from azmqtt._client.environment import from_environment

        access, trust = from_environment()
        if trust is not None:
            options.setdefault("trust", trust)
        return cls(access, **options)

    @classmethod
    def provision(
        cls,
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
    ) -> Self:
        """Ask the Device Provisioning Service for this device's hub and make a client for it.

        This does talk to the service, and waits for its decision. The client then connects with its first call, like
        any other; what the service said is in its :attr:`registration`.

        Args:
            id_scope: Names the instance of the service, such as ``0ne0012ABCD``.
            registration_id: The device, at most 128 ASCII letters, digits and ``- . _ :``, without regard to case.
            symmetric_key: The key of its own enrolment, in base64.
            group_key: The key of its enrolment group, in base64; the device's is derived from it. A device in the field
                had better know only its own, see :func:`azmqtt.provisioning.derive_device_key`.
            certificate: Its client certificate, see :meth:`from_certificate`; the registration id must be its common
                name.
            private_key: The same.
            passphrase: The same.
            payload: Anything JSON-able, for a custom allocation policy.
            provisioning_host: The service, or a private endpoint of it.
            provisioning_port: Its port: by default 8883, or 443 with ``websocket``.
            poll_interval: Seconds between two questions how far the registration is. The service's own wish is obeyed
                where it is longer, up to a minute.
            **options: See :class:`~azmqtt.ClientOptions`. Those of the connection (``trust``, ``retry``, …) go for the
                service and for the hub; ``port`` is the hub's alone. ``timeout`` goes for this call, which has 120 s
                without it, and for those of the client.

        Raises:
            ProvisioningFailed: The service said no, and why.
            Throttled: It asks to wait for longer than ``timeout`` allows.
            AuthenticationFailed: It refused the connection for its credentials.
            ConnectionFailed: No connection could be made. The first one is tried once, unless ``retry`` says otherwise.
            RequestTimeout: There is no decision yet.
            ValueError: Names the argument that breaks a rule; nothing was sent.
            TypeError: Names the argument, or the part of the payload, that is of a wrong type.
        """
        from azmqtt.provisioning import Registering

        loaded = _certificate(certificate, private_key, passphrase)
        registering = Registering(
            id_scope, registration_id, symmetric_key, group_key, loaded, payload, provisioning_host, provisioning_port,
            poll_interval, options,
        )  # fmt: skip
        return cls._provisioned(registering, registering.run())

    @classmethod
    async def provision_async(
        cls,
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
    ) -> Self:
        """Ask for this device's hub and make a client for it; see :meth:`provision`. Cancelling it ends it."""
        from azmqtt.provisioning import Registering

        loaded = _certificate(certificate, private_key, passphrase)
        registering = Registering(
            id_scope, registration_id, symmetric_key, group_key, loaded, payload, provisioning_host, provisioning_port,
            poll_interval, options,
        )  # fmt: skip
        return cls._provisioned(registering, await registering.run_async())

    @classmethod
    def _provisioned(cls, registering: Registering, registration: Registration) -> Self:
        access = registering.core.access(registration.assigned_hub, registration.device_id)
        client = cls(access, **registering.options)
        client._registration = registration
        return client

    # Life

    def connect(self, *, timeout: float | None = None) -> None:
        """Connect, unless connected already, and wait for the subscriptions of everything registered before.

        Other calls connect by themselves. Whichever comes first: when it returns, the hub has granted the subscriptions
        of every handler and iterator that was made before it, so that no direct method, message or change of the
        desired properties after it is missed. A handler that is registered while the client is connected counts from
        the return of the next call, this one among them.

        Raises:
            RequestTimeout: Names the subscription that the hub has not granted. The connection stays.
            RequestFailed: The hub refused to read the twin for :meth:`~azmqtt.DeviceClient.on_desired_properties`, as
                one of a Basic tier does. The connection stays.
            BadAnswer: The hub refused a subscription, which is named. The connection stays.
        """
        self._watch()
        self._core.connect(timeout)

    async def connect_async(self, *, timeout: float | None = None) -> None:
        """Connect, and wait for the subscriptions of everything registered before; see :meth:`connect`."""
        self._watch()
        await self._core.connect_async(timeout)

    def disconnect(self, *, timeout: float | None = None) -> None:
        """Send what was accepted, within the timeout, then disconnect until the next call or :meth:`connect`.

        For devices that sleep, or pay for the line by the minute. Handlers and iterators stay, and hear of what came
        for the device with the next connection; by themselves they do not connect. What was not acknowledged in time
        waits for the next connection, within its own timeout.
        """
        self._core.disconnect(timeout)

    async def disconnect_async(self, *, timeout: float | None = None) -> None:
        """Disconnect until the next call; see :meth:`disconnect`."""
        await self._core.disconnect_async(timeout)


# These wait with the import until somebody needs it.


def _certificate(certificate: Pem | None, private_key: Pem | None, passphrase: Any) -> Certificate | None:
    if certificate is None and private_key is None and passphrase is None:
        return None
    from azmqtt._client.certificates import load_certificate

    return load_certificate(certificate, private_key, passphrase)


def _callback(field: str, function: Callable[..., Any], returns: type[bytes | str]) -> Callback:
    from azmqtt._client.credential_callbacks import Callback

    return Callback(field, function, returns)
