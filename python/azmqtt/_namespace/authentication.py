"""Authentication of a local namespace's clients without certificates: tokens and a webhook."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, get_args

from azmqtt._support.arguments import seconds_within, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from azmqtt import _core
    from azmqtt._core import NamespaceAuthentication
    from azmqtt._namespace_types import NameSource, Permission

    Certificate: TypeAlias = str | bytes | os.PathLike[str]

_YEAR = 366 * 86_400


class AuthenticationMixin:
    """The token and webhook methods of :class:`~azmqtt.LocalNamespace`."""

    _core: _core.Namespace
    _allow_remote: bool

    if TYPE_CHECKING:

        def _check_running(self) -> None: ...

    @property
    def _authentication(self) -> NamespaceAuthentication:
        from azmqtt._core import NamespaceAuthentication

        self._check_running()
        return NamespaceAuthentication(self._core)

    def set_alternative_authentication_name_sources(self, sources: Sequence[NameSource]) -> None:
        """Identify clients that send no user name by a field of their certificates.

        Args:
            sources: ``"ClientCertificateSubject"``, or ``Dns``, ``Uri``, ``Ip`` or ``Email`` in place of ``Subject``.
                The authentication name is the first of these fields that is not empty. Without a source, it is the
                client identifier.
        """
        if isinstance(sources, str):
            raise TypeError("sources must be a list of str, not str")
        self._authentication.set_name_sources([text("sources", source) for source in sources])

    def set_custom_jwt(
        self,
        token_issuer: str,
        issuer_certificates: Sequence[Certificate] | Mapping[str, Certificate],
        *,
        custom_domains: Sequence[str] = (),
    ) -> None:
        """Accept the tokens of an issuer, as :class:`azmqtt.JsonWebToken` sends them (method ``CUSTOM-JWT``).

        A token is signed with RS256. ``iss`` is the issuer, ``sub`` the authentication name and ``aud`` the namespace's
        host name; the namespace also checks ``nbf`` and ``exp``. Every other claim that is a ``str``, a list of ``str``
        or a 32-bit ``int`` becomes an attribute of the client. A client resource with that name is not necessary.

        Args:
            token_issuer: The required value of ``iss``.
            issuer_certificates: One or two certificates with RSA keys, each as the path of a PEM file or its content; a
                dict maps ``kid`` values to certificates.
            custom_domains: Accepted values of ``aud`` besides the host name.

        Raises:
            ValueError: A certificate cannot be read, or its key is not an RSA key.
        """
        from azmqtt._support.pem import read_pem

        if isinstance(issuer_certificates, str | bytes | os.PathLike):
            raise TypeError("issuer_certificates must be a list or a dict of certificates, not a single one")
        pairs: list[tuple[str | None, Certificate]]
        if hasattr(issuer_certificates, "items"):
            pairs = [(text("issuer_certificates: a kid", kid), found) for kid, found in issuer_certificates.items()]
        else:
            pairs = [(None, found) for found in issuer_certificates]
        certificates = [(kid, read_pem("issuer_certificates", found)) for kid, found in pairs]
        if isinstance(custom_domains, str):
            raise TypeError("custom_domains must be a list of str, not str")
        authentication = self._authentication
        authentication.set_custom_jwt((text("token_issuer", token_issuer), certificates))
        authentication.set_custom_domains([text("custom_domains", name) for name in custom_domains])

    def remove_custom_jwt(self) -> None:
        """Accept no more tokens of that issuer. Connections stay open."""
        self._authentication.set_custom_jwt(None)

    def set_webhook(
        self,
        endpoint_url: str,
        *,
        application: str = "api://azmqtt-webhook",
        trust: Certificate | None = None,
        allow_remote: bool = False,
    ) -> None:
        """Ask a web service at each CONNECT whether the client may connect.

        The namespace sends a POST with the client's credentials. Within 5 seconds, the service must answer
        ``{"decision": "allow", "clientAuthenticationName": …, "attributes": {…}, "expiration": …}``, of which the last
        two members are optional, or ``{"decision": "deny", "errorReason": …}``. After any other answer, or none, the
        client gets "server unavailable" (0x88). The namespace does not call the webhook for clients with
        ``OAUTH2-JWT``, nor for clients with ``CUSTOM-JWT`` after :meth:`set_custom_jwt`.

        Args:
            endpoint_url: The address of the webhook, ``http://`` or ``https://``.
            application: The application id or URI of the webhook: the ``aud`` of the token in the request
                (``Authorization: Bearer``). Verify the token with :attr:`token_key_pem`.
            trust: The trusted roots for the webhook's certificate: the path of a PEM file, or its content. The default
                is the system's roots, this namespace's own authority, and the ``webhook_trust`` of
                :class:`~azmqtt.LocalNamespace`.
            allow_remote: Whether the webhook may be on another machine. ``LocalNamespace(allow_remote=True)`` always
                allows it.

        Raises:
            ValueError: The address is invalid, or is on another machine without ``allow_remote``.
        """
        from azmqtt._support.pem import read_pem

        roots = None if trust is None else read_pem("trust", trust)
        webhook = (text("endpoint_url", endpoint_url), text("application", application), roots)
        self._authentication.set_webhook(webhook, allow_remote or self._allow_remote)

    def remove_webhook(self) -> None:
        """Stop calling the webhook. Connections stay open."""
        self._authentication.set_webhook(None, allow_remote=False)

    def entra_token(self, object_id: str, *, expires_in: float = 3600) -> str:
        """Create an Entra ID token for a managed identity or service principal, signed by this namespace's own issuer.

        A client authenticates with it through :class:`azmqtt.EntraToken`. Its roles determine its rights
        (:meth:`assign_role`)::

            namespace.assign_role(object_id, "Publisher")
            namespace.mqtt_client(
                "client1", authentication=azmqtt.EntraToken(lambda: namespace.entra_token(object_id))
            )

        The first call takes a moment, because it creates the issuer's key. The ``state`` directory, if any, keeps the
        key.

        Args:
            object_id: A GUID.
            expires_in: Seconds, at most a year.

        Raises:
            ValueError: The object id is not a GUID.
        """
        seconds_within("expires_in", expires_in, 0, _YEAR)
        return self._authentication.entra_token(text("object_id", object_id), expires_in)

    @property
    def token_key_pem(self) -> str:
        """The public key, in PEM, that verifies tokens of :meth:`entra_token` and the tokens sent to a webhook."""
        return self._authentication.public_key()

    def assign_role(
        self, object_id: str, role: Permission, *, topic_space_name: str | None = None, scope: str | None = None
    ) -> None:
        """Assign an Entra ID identity the role *EventGrid TopicSpaces Publisher* or *… Subscriber*.

        Permission bindings do not apply to such identities.

        Args:
            object_id: A GUID.
            role: ``"Publisher"`` or ``"Subscriber"``.
            topic_space_name: The topic space that the role applies to; all topic spaces by default.
            scope: The resource id that the role applies to, instead of ``topic_space_name``: that of a topic space of
                this namespace, the namespace (:attr:`~azmqtt.LocalNamespace.resource_id`), its resource group or its
                subscription.

        Raises:
            ValueError: An argument is invalid.
        """
        where = _where(topic_space_name, scope)
        self._authentication.put_role(text("object_id", object_id), _role(role), where)

    def remove_role(
        self, object_id: str, role: Permission, *, topic_space_name: str | None = None, scope: str | None = None
    ) -> None:
        """Remove a role assignment. Sessions that lose the right to one of their subscriptions end.

        Raises:
            LookupError: The identity does not have the role there.
        """
        where = _where(topic_space_name, scope)
        if not self._authentication.delete_role(text("object_id", object_id), _role(role), where):
            raise LookupError(f"the identity {object_id} does not have the role {role} there")

    def list_roles(self) -> list[tuple[str, Permission, str | None]]:
        """Return the object id, role and topic space of each assignment; ``None`` means all topic spaces."""
        return self._authentication.roles()


def _where(topic_space_name: str | None, scope: str | None) -> str | None:
    if scope is None:
        return topic_space_name
    if topic_space_name is not None:
        raise TypeError("scope and topic_space_name exclude each other")
    if not text("scope", scope).startswith("/"):
        raise ValueError(f"scope must be a resource id, such as /subscriptions/…, not {scope!r}")
    return scope


def _role(role: str) -> str:
    from azmqtt._namespace_types import Permission

    if role not in get_args(Permission):
        raise ValueError(f"role must be {' or '.join(map(repr, get_args(Permission)))}, not {role!r}")
    return role
