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
    from azmqtt._client.dev_hub import DevIdentity
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
        """Create a client from the key of a device or module.

        Args:
            hostname: The hub's name, such as ``myhub.azure-devices.net``.
            device_id: The device, case-sensitive.
            key: Its primary or secondary key, in base64.
            secondary_key: The other key. The client uses it after the hub has refused the first, for key rotation.
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
        """Create a client from a SAS token of another system.

        Args:
            token: ``SharedAccessSignature sr=…&sig=…&se=…``.
            on_token_needed: A function, plain or ``async def``, that returns a new token for the same device. The
                client calls it after 85 % of the token's lifetime, and once when the hub refuses a token, on a thread
                of its own. It may take 20 seconds. Without it, the connection ends when the token expires.
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
        """Create a client from an X.509 client certificate (IoT Hub docs, "Authenticate identities with X.509").

        A certificate that expires within 30 days causes the warning ``CertificateExpiresSoon``.

        Args:
            hostname: The hub's name, such as ``myhub.azure-devices.net``.
            device_id: The device, case-sensitive.
            certificate: The device's certificate, followed by those of its issuers if the hub needs them: the path of
                a file in PEM or DER, or its content.
            private_key: The certificate's private key, in the same forms. It may also be in the certificate's file.
                Formats: PKCS #8, PKCS #1 and SEC 1. Keys: RSA with at least 2,048 bits, EC P-256 or P-384, Ed25519.
            passphrase: The passphrase of an encrypted private key (PKCS #8, "ENCRYPTED PRIVATE KEY").
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
        """Create a client whose symmetric key is in a TPM or an HSM.

        Args:
            hostname: The hub's name, such as ``myhub.azure-devices.net``.
            device_id: The device, case-sensitive.
            sign: A function, plain or ``async def``, that takes the bytes to sign and returns their HMAC-SHA256 with
                the device's key: 32 raw bytes. The client calls it for every connection, on a thread of its own. It
                may take 20 seconds.
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
        """Create a client from environment variables, inside IoT Edge or outside.

        The first of these has precedence:

        1. ``EdgeHubConnectionString`` or ``IotHubConnectionString``, a connection string, as the IoT Edge tools set
           them for debugging; with ``EdgeModuleCACertificateFile``, a PEM file with the roots to trust, if it is set.
        2. ``IOTEDGE_WORKLOADURI``, ``IOTEDGE_DEVICEID``, ``IOTEDGE_MODULEID``, ``IOTEDGE_MODULEGENERATIONID``,
           ``IOTEDGE_IOTHUBHOSTNAME``, ``IOTEDGE_GATEWAYHOSTNAME`` and ``IOTEDGE_APIVERSION``, as the IoT Edge runtime
           sets them for its modules. The client then connects to the gateway, trusts the roots that the runtime
           returns, and lets the runtime sign its tokens. It asks the runtime at each connection, not here. If the
           runtime does not answer, calls raise ``ConnectionFailed`` with the ``step`` ``"trust bundle"`` or
           ``"credentials"``.
        3. ``IOTHUB_DEVICE_CONNECTION_STRING``, a connection string, as in Microsoft's samples.

        Args:
            **options: See :class:`~azmqtt.ClientOptions`. They have precedence over the environment.

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
    def from_dev_hub(
        cls, device_id: str = "my-device", /, *, module_id: str | None = None, **options: Unpack[ClientOptions]
    ) -> Self:
        """Create a client for a device of this user's development hub, which ``azmqtt hub --dev`` runs.

        The device is created on the hub if it is missing: it is a hub for development. That asks the hub over HTTPS on
        this machine, and takes a few milliseconds; :meth:`from_dev_hub_async` leaves the event loop free meanwhile.

        Args:
            device_id: The device, case-sensitive. The default is the device of a new hub.
            module_id: The module, if it is one; created as the device is.
            **options: See :class:`~azmqtt.ClientOptions`. Where to connect, and what to trust, is known.

        Raises:
            FileNotFoundError: This user has never run ``azmqtt hub --dev``.
            PermissionError: Others can read or write the state with its keys.
            OSError: The hub is not running.
            RequestFailed: The hub refuses the device's or module's id.
            ValueError: The device connects with a certificate; the state is damaged; or an option is out of its bounds.
            TypeError: An option that is unknown or of the wrong type.
        """
        from azmqtt._client.dev_hub import identity

        texts(device_id=device_id)
        texts_or_none(module_id=module_id)
        return cls._of_dev_hub(identity(device_id, module_id, options.get("timeout")), options)

    @classmethod
    async def from_dev_hub_async(
        cls, device_id: str = "my-device", /, *, module_id: str | None = None, **options: Unpack[ClientOptions]
    ) -> Self:
        """Create a client for a device of the development hub; see :meth:`from_dev_hub`."""
        from asyncio import to_thread

        from azmqtt._client.dev_hub import identity

        texts(device_id=device_id)
        texts_or_none(module_id=module_id)
        return cls._of_dev_hub(await to_thread(identity, device_id, module_id, options.get("timeout")), options)

    @classmethod
    def _of_dev_hub(cls, found: DevIdentity, options: ClientOptions) -> Self:
        where = found.options(websocket=bool(options.get("websocket")))
        return cls.from_connection_string(found.connection_string, **{**where, **options})

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
        """Register the device at the Device Provisioning Service and create a client for the assigned hub.

        Unlike the other factories, this one does I/O: it waits for the decision of the service. The client then
        connects on its first call. Its :attr:`registration` has the answer of the service.

        Args:
            id_scope: The id scope of the service instance, such as ``0ne0012ABCD``.
            registration_id: The device: at most 128 ASCII letters, digits and ``- . _ :``, case-insensitive.
            symmetric_key: The key of its individual enrolment, in base64.
            group_key: The key of its enrolment group, in base64, from which the client derives the device's key. A
                device in the field should only know its own key; see
                :func:`azmqtt.provisioning.derive_device_key`.
            certificate: Its client certificate, see :meth:`from_certificate`; the registration id must be its common
                name.
            private_key: The same.
            passphrase: The same.
            payload: Any JSON-serializable value, for a custom allocation policy.
            provisioning_host: The service, or a private endpoint of it.
            provisioning_port: Its port. Default: 8883, or 443 with ``websocket``.
            poll_interval: Seconds between two status requests. If the service asks for a longer interval, the client
                uses that, up to a minute.
            **options: See :class:`~azmqtt.ClientOptions`. Connection options (``trust``, ``retry``, …) apply to the
                service and to the hub; ``port`` only to the hub. ``timeout`` applies to this call (default: 120 s) and
                to the calls of the client.

        Raises:
            ProvisioningFailed: The service refused; the error has its reason.
            Throttled: The service asks to wait longer than ``timeout`` allows.
            AuthenticationFailed: The service refused the credentials.
            ConnectionFailed: No connection could be made. The first one is tried once, unless ``retry`` says otherwise.
            RequestTimeout: The service has not decided yet.
            ValueError: An argument violates a rule; the error names it. Nothing was sent.
            TypeError: An argument, or a part of the payload, has the wrong type; the error names it.
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
        """Register the device and create a client; see :meth:`provision`. Cancelling the call ends it."""
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
        """Connect if necessary, and wait for the subscriptions of all handlers and iterators.

        Other calls also connect. When the first of them returns, the hub has granted the subscriptions of all handlers
        and iterators that existed before the call. From then on, no direct method, message or change of the desired
        properties is missed. A handler that is registered on a connected client is active after the next call.

        Raises:
            RequestTimeout: The hub has not granted a subscription; the error names it. The connection stays open.
            RequestFailed: The hub refused to read the twin for :meth:`~azmqtt.DeviceClient.on_desired_properties`, as
                on a Basic tier. The connection stays open.
            BadAnswer: The hub refused a subscription; the error names it. The connection stays open.
        """
        self._watch()
        self._core.connect(timeout)

    async def connect_async(self, *, timeout: float | None = None) -> None:
        """Connect and wait for the subscriptions; see :meth:`connect`."""
        self._watch()
        await self._core.connect_async(timeout)

    def disconnect(self, *, timeout: float | None = None) -> None:
        """Send accepted messages, within the timeout, then disconnect until the next call.

        Use it for devices that sleep, or that pay for the time of the connection. Handlers and iterators stay
        registered and get their items after the next connection; they do not connect on their own. Messages without
        acknowledgement wait for the next connection, within their own timeout.
        """
        self._core.disconnect(timeout)

    async def disconnect_async(self, *, timeout: float | None = None) -> None:
        """Disconnect until the next call; see :meth:`disconnect`."""
        await self._core.disconnect_async(timeout)


# These import on first use.


def _certificate(certificate: Pem | None, private_key: Pem | None, passphrase: Any) -> Certificate | None:
    if certificate is None and private_key is None and passphrase is None:
        return None
    from azmqtt._client.certificates import load_certificate

    return load_certificate(certificate, private_key, passphrase)


def _callback(field: str, function: Callable[..., Any], returns: type[bytes | str]) -> Callback:
    from azmqtt._client.credential_callbacks import Callback

    return Callback(field, function, returns)
