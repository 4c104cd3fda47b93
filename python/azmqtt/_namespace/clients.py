"""The clients of a local namespace: made, changed, listed, deleted; and certificates for them."""

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
    """The part of :class:`~azmqtt.LocalNamespace` that knows its clients."""

    _core: _core.Namespace
    #: Those that were made with their clients.
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
        """Make a client.

        Without a scheme and thumbprints it gets a certificate of its own, self-signed and known by its thumbprint: the
        ``certificate`` of what is returned. :meth:`mqtt_client` connects with it.

        Args:
            name: 1 to 128 letters, digits and ``- : . _``.
            authentication_name: The name under which it connects, 1 to 128 characters; ``name`` if absent. It never
                changes.
            validation_scheme: What of its certificate shows who it is: ``"SubjectMatchesAuthenticationName"``, or with
                ``Dns``, ``Uri``, ``Ip`` or ``Email`` in place of ``Subject``, for certificates that an authority of the
                namespace signed (:meth:`add_ca`); or ``"ThumbprintMatch"``, the default with ``allowed_thumbprints``.
            allowed_thumbprints: One or two, of its certificates: SHA-256 or SHA-1, in hexadecimal digits.
            attributes: Keys of letters, digits and ``_``; values are ``int``, ``str`` or lists of ``str``; less than
                4 KB in all.
            description: For people.
            enabled: Whether it may connect.

        Raises:
            ValueError: There is such a client already, or an argument breaks a rule.
        """
        self._check_running()
        if self._core.clients(name):
            raise ValueError(f"there is a client {name} already")
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
        """Change what is given of a client, and leave the rest. Sessions that lose a right by it end.

        Raises:
            LookupError: There is no such client.
            ValueError: An argument breaks a rule.
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
            LookupError: There is no such client.
        """
        for client in self._core.clients(name):
            return self._as_client(client)
        raise LookupError(f"there is no client {name}")

    def list_clients(self) -> list[NamespaceClient]:
        """Return all clients, in the order of their names."""
        return [self._as_client(client) for client in self._core.clients()]

    def delete_client(self, name: str) -> None:
        """Delete a client. Its connections end.

        Raises:
            LookupError: There is no such client.
        """
        self._check_running()
        if not self._core.delete_client(name):
            raise LookupError(f"there is no client {name}")
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
        """Return an :class:`azmqtt.MqttClient` for a client, created if necessary; it connects on its first call.

        Args:
            name: The client's name.
            client_id: The name of its session; ``name`` if absent.
            **options: See :class:`azmqtt.MqttOptions`; they go before what the namespace says. A client that was made
                without a certificate needs ``certificate`` and ``private_key``.

        Raises:
            ValueError: The client has no certificate that the namespace knows the key of.
            RuntimeError: The namespace is stopped.
        """
        from azmqtt._mqtt import MqttClient

        self._check_running()
        client = self.get_client(name) if self._core.clients(name) else self.create_client(name)
        shown: dict[str, Any] = {}
        if client.certificate is not None:
            shown = {"certificate": client.certificate.certificate, "private_key": client.certificate.private_key}
        elif not {"certificate", "authentication"} & options.keys():
            raise ValueError(f"certificate: the client {name} was made without one by the namespace; pass its own")
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
