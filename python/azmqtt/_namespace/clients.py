"""The clients of a local namespace: creating, changing, listing and deleting them, and their certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from azmqtt._local.certificates import make_certificate
from azmqtt._support.arguments import brief, list_of_texts, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from azmqtt import _core
    from azmqtt._hub_certificates import DeviceCertificate
    from azmqtt._mqtt import MqttClient
    from azmqtt._namespace_types import AttributeValue, NamespaceClient, ValidationScheme


class ClientsMixin:
    """The methods of :class:`~azmqtt.LocalNamespace` that manage clients."""

    _core: _core.Namespace
    #: The certificates that were created together with a client.
    _certificates: dict[str, DeviceCertificate]

    if TYPE_CHECKING:

        def _check_running(self) -> None: ...
        @property
        def hostname(self) -> str: ...
        @property
        def port(self) -> int: ...
        @property
        def https_port(self) -> int: ...
        @property
        def ca_file(self) -> str: ...

    def create_client(
        self,
        name: str,
        *,
        authentication_name: str | None = None,
        validation_scheme: ValidationScheme | None = None,
        allowed_thumbprints: Sequence[str] = (),
        attributes: Mapping[str, AttributeValue] | None = None,
        description: str = "",
        enabled: bool = True,
    ) -> NamespaceClient:
        """Create a client.

        Without ``validation_scheme`` and ``allowed_thumbprints``, the namespace creates a self-signed certificate for
        the client and allows its thumbprint. The returned client has it as ``certificate``, and :meth:`mqtt_client`
        connects with it.

        Args:
            name: 1 to 128 letters, digits and ``- : . _``.
            authentication_name: The name with which the client connects, 1 to 128 characters; defaults to ``name``. It
                cannot be changed later.
            validation_scheme: The field of the client's certificate that must match the authentication name:
                ``"SubjectMatchesAuthenticationName"``, or ``Dns``, ``Uri``, ``Ip`` or ``Email`` in place of
                ``Subject``, for certificates signed by an authority of the namespace (:meth:`add_ca`); or
                ``"ThumbprintMatch"``, the default with ``allowed_thumbprints``.
            allowed_thumbprints: One or two SHA-256 or SHA-1 thumbprints of certificates, in hexadecimal digits.
            attributes: The client's attributes. Keys consist of letters, digits and ``_``; values are ``int``, ``str``
                or lists of ``str``. Together they have less than 4 KB.
            description: A human-readable description.
            enabled: Whether the client may connect.

        Raises:
            ValueError: The client already exists, or an argument is invalid.
        """
        self._check_running()
        if self._core.clients(name):
            raise ValueError(f"the client {name} already exists")
        certificate = None
        if validation_scheme is None and not allowed_thumbprints:
            certificate = make_certificate(self._core, authentication_name or name, self_signed=True)
            allowed_thumbprints = (certificate.thumbprint,)
        scheme = validation_scheme or "ThumbprintMatch"
        shown = authentication_name or name
        self._put_client(name, shown, scheme, allowed_thumbprints, attributes or {}, description, enabled=enabled)
        self._certificates.pop(name, None)
        if certificate is not None:
            self._certificates[name] = certificate
        return self.get_client(name)

    def update_client(
        self,
        name: str,
        *,
        validation_scheme: ValidationScheme | None = None,
        allowed_thumbprints: Sequence[str] | None = None,
        attributes: Mapping[str, AttributeValue] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> NamespaceClient:
        """Change a client; fields that are not given stay as they are.

        Sessions that lose the right to one of their subscriptions end.

        Raises:
            LookupError: The client does not exist.
            ValueError: An argument is invalid.
        """
        self._check_running()
        old = self.get_client(name)
        scheme = validation_scheme or old.validation_scheme
        if allowed_thumbprints is None:
            allowed_thumbprints = old.allowed_thumbprints if scheme == old.validation_scheme else ()
        self._put_client(
            name,
            old.authentication_name,
            scheme,
            allowed_thumbprints,
            old.attributes if attributes is None else attributes,
            old.description if description is None else description,
            enabled=old.enabled if enabled is None else enabled,
        )
        return self.get_client(name)

    def _put_client(
        self,
        name: str,
        authentication_name: str,
        scheme: str,
        thumbprints: Sequence[str],
        attributes: Mapping[str, AttributeValue],
        description: str,
        *,
        enabled: bool,
    ) -> None:
        from azmqtt._namespace_types import ValidationScheme

        if scheme not in get_args(ValidationScheme):
            raise ValueError(
                f"validation_scheme must be one of {', '.join(get_args(ValidationScheme))}, not {scheme!r}"
            )
        prints = list_of_texts("allowed_thumbprints", thumbprints)
        if prints and scheme != "ThumbprintMatch":
            raise ValueError(f"allowed_thumbprints are for ThumbprintMatch, not for {scheme}")
        given = [(text("attributes: a key", key), _attribute(key, value)) for key, value in attributes.items()]
        self._core.put_client(name, authentication_name, scheme, prints, given, description, enabled)

    def get_client(self, name: str) -> NamespaceClient:
        """Return a client.

        Raises:
            LookupError: The client does not exist.
        """
        for client in self._core.clients(name):
            return self._as_client(client)
        raise LookupError(f"the client {name} does not exist")

    def list_clients(self) -> list[NamespaceClient]:
        """Return all clients, in the order of their names."""
        return [self._as_client(client) for client in self._core.clients()]

    def delete_client(self, name: str) -> None:
        """Delete a client. Its connections end.

        Raises:
            LookupError: The client does not exist.
        """
        self._check_running()
        if not self._core.delete_client(name):
            raise LookupError(f"the client {name} does not exist")
        self._certificates.pop(name, None)

    def _as_client(self, found: Any) -> NamespaceClient:
        from azmqtt._namespace_types import NamespaceClient

        name, authentication_name, scheme, thumbprints, attributes, description, enabled = found
        return NamespaceClient(
            name,
            authentication_name,
            scheme,
            tuple(thumbprints),
            dict(attributes),
            description,
            enabled,
            self._certificates.get(name),
        )

    def mqtt_client(self, name: str, client_id: str | None = None, **options: Any) -> MqttClient:
        """Return an :class:`azmqtt.MqttClient` for a client. It connects on its first call.

        The namespace creates the client if it does not exist.

        Args:
            name: The client's name.
            client_id: The client identifier of the session; defaults to ``name``.
            **options: See :class:`azmqtt.MqttOptions`; they override the namespace's values. A client that was created
                without a certificate needs ``certificate`` and ``private_key``.

        Raises:
            ValueError: The namespace does not have the private key of the client's certificate.
            RuntimeError: The namespace is stopped.
        """
        from azmqtt._mqtt import MqttClient

        self._check_running()
        client = self.get_client(name) if self._core.clients(name) else self.create_client(name)
        shown: dict[str, Any] = {}
        if client.certificate is not None:
            shown = {"certificate": client.certificate.certificate, "private_key": client.certificate.private_key}
        elif not {"certificate", "authentication"} & options.keys():
            raise ValueError(
                f"certificate: the namespace created the client {name} without a certificate; pass its own"
            )
        port = self.https_port if options.get("websocket") else self.port
        known = {"username": client.authentication_name, "port": port, "trust": self.ca_file, **shown}
        return MqttClient(self.hostname, name if client_id is None else client_id, **{**known, **options})


def _attribute(key: str, value: Any) -> AttributeValue:
    """Check the value of an attribute."""
    if isinstance(value, bool) or not isinstance(value, int | str | list | tuple):
        raise TypeError(f"attributes[{key!r}] must be int, str or a list of str, not {type(value).__name__}")
    if isinstance(value, list | tuple):
        return [text(f"attributes[{key!r}]: an item", item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"attributes[{key!r}] needs more than 64 bits: {brief(value)}")
    return value
