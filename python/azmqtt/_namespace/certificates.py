"""X.509 on a local namespace: authorities that it takes, certificates for tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from azmqtt._local.certificates import make_certificate, utc
from azmqtt._support.arguments import list_of_texts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from azmqtt import _core
    from azmqtt._hub_certificates import DeviceCertificate
    from azmqtt._namespace_types import CaCertificate

    Certificate: TypeAlias = str | bytes | os.PathLike[str]


class CertificatesMixin:
    """The part of :class:`~azmqtt.LocalNamespace` that is about X.509."""

    _core: _core.Namespace

    if TYPE_CHECKING:

        def _check_running(self) -> None: ...

    def add_ca(self, certificate: Certificate, name: str | None = None) -> str:
        """Take client certificates that this authority signed, or replace the authority of this name.

        An intermediate authority needs no root. For certificates of :meth:`create_certificate` it is
        ``namespace.add_ca(namespace.ca_pem)``.

        Args:
            certificate: The path of a file in PEM or DER, or its content: one certificate.
            name: 3 to 50 letters, digits and hyphens; a random one if absent.

        Returns:
            The name.

        Raises:
            ValueError: There is no certificate in it, or the namespace has 10 already.
        """
        from azmqtt._support.pem import read_pem

        self._check_running()
        name = f"ca-{os.urandom(4).hex()}" if name is None else name
        self._core.put_ca_certificate(name, read_pem("certificate", certificate), "")
        return name

    def delete_ca(self, name: str) -> None:
        """Take no more client certificates that this authority signed; see :meth:`delete_ca_certificate`."""
        self.delete_ca_certificate(name)

    def create_ca_certificate(
        self, name: str, encoded_certificate: Certificate, *, description: str = ""
    ) -> CaCertificate:
        """Take client certificates that this authority signed.

        Args:
            name: 3 to 50 letters, digits and hyphens.
            encoded_certificate: The path of a file in PEM or DER, or its content: one certificate. An intermediate
                authority needs no root.
            description: For people.

        Raises:
            ValueError: There is one of this name already, the namespace has 10, or an argument breaks a rule.
        """
        from azmqtt._support.pem import read_pem

        self._check_running()
        if any(known.name == name for known in self.list_ca_certificates()):
            raise ValueError(f"there is a CA certificate {name} already")
        self._core.put_ca_certificate(name, read_pem("encoded_certificate", encoded_certificate), description)
        return self.get_ca_certificate(name)

    def update_ca_certificate(
        self, name: str, *, encoded_certificate: Certificate | None = None, description: str | None = None
    ) -> CaCertificate:
        """Change what is given of an authority. Connections stay.

        Raises:
            LookupError: There is no such authority.
            ValueError: An argument breaks a rule.
        """
        from azmqtt._support.pem import read_pem

        self._check_running()
        old = self.get_ca_certificate(name)
        certificate = old.encoded_certificate if encoded_certificate is None else encoded_certificate
        self._core.put_ca_certificate(
            name,
            read_pem("encoded_certificate", certificate),
            old.description if description is None else description,
        )
        return self.get_ca_certificate(name)

    def get_ca_certificate(self, name: str) -> CaCertificate:
        """Return an authority.

        Raises:
            LookupError: There is no such authority.
        """
        for certificate in self.list_ca_certificates():
            if certificate.name == name:
                return certificate
        raise LookupError(f"there is no CA certificate {name}")

    def list_ca_certificates(self) -> list[CaCertificate]:
        """Return all authorities, in the order of their names."""
        from azmqtt._namespace_types import CaCertificate

        return [
            CaCertificate(name, encoded, utc(issued), utc(expires), description)
            for name, description, (encoded, issued, expires) in self._core.ca_certificates()
        ]

    def delete_ca_certificate(self, name: str) -> None:
        """Take no more client certificates that this authority signed. Connections stay.

        Raises:
            LookupError: There is no such authority.
        """
        self._check_running()
        if not self._core.delete_ca_certificate(name):
            raise LookupError(f"there is no CA certificate {name}")

    def create_certificate(
        self,
        common_name: str,
        *,
        days: float = 90,
        self_signed: bool = False,
        dns_names: Sequence[str] = (),
        uris: Sequence[str] = (),
        ip_addresses: Sequence[str] = (),
        email_addresses: Sequence[str] = (),
    ) -> DeviceCertificate:
        """Make a client certificate for tests, with a new key (ECDSA, P-256).

        Args:
            common_name: For ``SubjectMatchesAuthenticationName`` the client's authentication name.
            days: How long it is valid; 0 or less for one that has expired.
            self_signed: Whether its own key signs it, so that only its thumbprint can be of use. Otherwise the
                authority in :attr:`ca_pem` does.
            dns_names: For ``DnsMatchesAuthenticationName``; these and the following in ASCII.
            uris: For ``UriMatchesAuthenticationName``.
            ip_addresses: For ``IpMatchesAuthenticationName``, such as ``"10.0.0.1"`` or ``"::1"``.
            email_addresses: For ``EmailMatchesAuthenticationName``.

        Raises:
            ValueError: An argument breaks a rule.
        """
        names = (
            list_of_texts("dns_names", dns_names),
            list_of_texts("uris", uris),
            [_address(text) for text in list_of_texts("ip_addresses", ip_addresses)],
            list_of_texts("email_addresses", email_addresses),
        )
        return make_certificate(self._core, common_name, days=days, self_signed=self_signed, names=names)


def _address(text: str) -> str:
    from ipaddress import ip_address

    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(f"ip_addresses: {text!r} is not an address of IPv4 or IPv6") from None
