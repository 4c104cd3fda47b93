"""How clients of a local namespace may show who they are besides a certificate: tokens, a webhook."""

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
    """The part of :class:`~azmqtt.LocalNamespace` that is about tokens and webhooks."""

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
        """Know clients that send no user name by a field of their certificates.

        Args:
            sources: ``"ClientCertificateSubject"``, or with ``Dns``, ``Uri``, ``Ip`` or ``Email`` in place of
                ``Subject``. The first of these fields that is not empty is the authentication name. Without a source
                the client id is.
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
        """Take the tokens of an issuer, as :class:`azmqtt.JsonWebToken` shows them (method ``CUSTOM-JWT``).

        A token is signed with RS256. ``iss`` is the issuer, ``sub`` the authentication name, ``aud`` the namespace's
        host name; ``nbf`` and ``exp`` are checked. Every other claim that is a ``str``, a list of ``str`` or an ``int``
        of 32 bits becomes an attribute of the client. There need be no client of that name.

        Args:
            token_issuer: What ``iss`` must be.
            issuer_certificates: One or two certificates with RSA keys, each the path of a PEM file or its content; a
                dict gives the ``kid`` of each.
            custom_domains: What ``aud`` may be besides the host name.

        Raises:
            ValueError: A certificate cannot be read, or its key is not of RSA.
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
        """Take no more tokens of that issuer. Connections stay."""
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

        It gets a POST with all that the client has shown, and answers within 5 seconds ``{"decision": "allow",
        "clientAuthenticationName": …, "attributes": {…}, "expiration": …}``, of which the last two may be missing, or
        ``{"decision": "deny", "errorReason": …}``. Whatever else it does makes the client hear "server unavailable"
        (0x88). It is not asked about clients with ``OAUTH2-JWT``, nor about those with ``CUSTOM-JWT`` after
        :meth:`set_custom_jwt`.

        Args:
            endpoint_url: Its address, ``http://`` or ``https://``.
            application: Its application id or URI: ``aud`` of the token that it is shown (``Authorization: Bearer``),
                which :attr:`token_key_pem` checks.
            trust: The roots of its certificate: the path of a PEM file, or its content. The default are those of the
                system, this namespace's own authority, and what :class:`~azmqtt.LocalNamespace` has as
                ``webhook_trust``.
            allow_remote: Whether it may be elsewhere than on this machine; always with
                ``LocalNamespace(allow_remote=True)``.

        Raises:
            ValueError: The address is invalid, or not of this machine.
        """
        from azmqtt._support.pem import read_pem

        roots = None if trust is None else read_pem("trust", trust)
        webhook = (text("endpoint_url", endpoint_url), text("application", application), roots)
        self._authentication.set_webhook(webhook, allow_remote or self._allow_remote)

    def remove_webhook(self) -> None:
        """Ask no webhook any more. Connections stay."""
        self._authentication.set_webhook(None, allow_remote=False)

    def entra_token(self, object_id: str, *, expires_in: float = 3600) -> str:
        """Make a token of Entra ID for a managed identity or service principal, from an issuer of this namespace's own.

        A client shows it by :class:`azmqtt.EntraToken`, and may do what its roles say (:meth:`assign_role`)::

            namespace.assign_role(object_id, "Publisher")
            namespace.mqtt_client(
                "client1", authentication=azmqtt.EntraToken(lambda: namespace.entra_token(object_id))
            )

        The first takes a moment: the issuer's key is made. It stays in the ``state`` directory, if there is one.

        Args:
            object_id: A GUID.
            expires_in: Seconds, at most a year.

        Raises:
            ValueError: The object id is no GUID.
        """
        seconds_within("expires_in", expires_in, 0, _YEAR)
        return self._authentication.entra_token(text("object_id", object_id), expires_in)

    @property
    def token_key_pem(self) -> str:
        """The public key that checks the tokens of :meth:`entra_token`, and those that a webhook is shown; in PEM."""
        return self._authentication.public_key()

    def assign_role(
        self, object_id: str, role: Permission, *, topic_space_name: str | None = None, scope: str | None = None
    ) -> None:
        """Give an identity of Entra ID the role *EventGrid TopicSpaces Publisher* or *… Subscriber*.

        Permission bindings are not for such identities.

        Args:
            object_id: A GUID.
            role: ``"Publisher"`` or ``"Subscriber"``.
            topic_space_name: Where: in this topic space, or in all.
            scope: Where, in place of that, as Azure writes it: the resource id of a topic space of this namespace, of
                the namespace (:attr:`~azmqtt.LocalNamespace.resource_id`), its resource group or its subscription.

        Raises:
            ValueError: An argument breaks a rule.
        """
        where = _where(topic_space_name, scope)
        self._authentication.put_role(text("object_id", object_id), _role(role), where)

    def remove_role(
        self, object_id: str, role: Permission, *, topic_space_name: str | None = None, scope: str | None = None
    ) -> None:
        """Take a role away again. Sessions that lose the right to a subscription by it end.

        Raises:
            LookupError: The identity does not have the role there.
        """
        where = _where(topic_space_name, scope)
        if not self._authentication.delete_role(text("object_id", object_id), _role(role), where):
            raise LookupError(f"the identity {object_id} does not have the role {role} there")

    def list_roles(self) -> list[tuple[str, Permission, str | None]]:
        """Return object id, role and topic space of each assignment; the space is ``None`` for all of them."""
        return self._authentication.roles()


def _where(topic_space_name: str | None, scope: str | None) -> str | None:
    if scope is None:
        return topic_space_name
    if topic_space_name is not None:
        raise TypeError("scope takes the place of topic_space_name: give one of them")
    if not text("scope", scope).startswith("/"):
        raise ValueError(f"scope must be a resource id, such as /subscriptions/…, not {scope!r}")
    return scope


def _role(role: str) -> str:
    from azmqtt._namespace_types import Permission

    if role not in get_args(Permission):
        raise ValueError(f"role must be {' or '.join(map(repr, get_args(Permission)))}, not {role!r}")
    return role
