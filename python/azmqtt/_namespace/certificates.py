"""X.509 on a local namespace: trusted authorities, and certificates for tests."""

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
    """The X.509 methods of :class:`~azmqtt.LocalNamespace`."""

    _core: _core.Namespace

    if TYPE_CHECKING:

        def _check_running(self) -> None: ...

    def add_ca(self, certificate: Certificate, name: str | None = None) -> str:
        """Accept client certificates signed by this authority, or replace the authority with this name.

        An intermediate authority does not need its root. To accept certificates of :meth:`create_certificate`, call
        ``namespace.add_ca(namespace.ca_pem)``.

        Args:
            certificate: The path of a file in PEM or DER, or its content: one certificate.
            name: 3 to 50 letters, digits and hyphens; random by default.

        Returns:
            The name.

        Raises:
            ValueError: The file contains no certificate, or the namespace already has 10 authorities.
        """
        from azmqtt._support.pem import read_pem

        self._check_running()
        name = f"ca-{os.urandom(4).hex()}" if name is None else name
        self._core.put_ca_certificate(name, read_pem("certificate", certificate), "")
        return name

    def delete_ca(self, name: str) -> None:
        """Accept no more client certificates signed by this authority; see :meth:`delete_ca_certificate`."""
        self.delete_ca_certificate(name)

    def create_ca_certificate(
        self, name: str, encoded_certificate: Certificate, *, description: str = ""
    ) -> CaCertificate:
        """Accept client certificates signed by this authority.

        Args:
            name: 3 to 50 letters, digits and hyphens.
            encoded_certificate: The path of a file in PEM or DER, or its content: one certificate. An intermediate
                authority does not need its root.
            description: A human-readable description.

        Raises:
            ValueError: An authority with this name already exists, the namespace has 10, or an argument is invalid.
        """
        from azmqtt._support.pem import read_pem

        self._check_running()
        if any(known.name == name for known in self.list_ca_certificates()):
            raise ValueError(f"the CA certificate {name} already exists")
        self._core.put_ca_certificate(name, read_pem("encoded_certificate", encoded_certificate), description)
        return self.get_ca_certificate(name)

    def update_ca_certificate(
        self, name: str, *, encoded_certificate: Certificate | None = None, description: str | None = None
    ) -> CaCertificate:
        """Change an authority; fields that are not given stay as they are. Connections stay open.

        Raises:
            LookupError: The authority does not exist.
            ValueError: An argument is invalid.
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
            LookupError: The authority does not exist.
        """
        for certificate in self.list_ca_certificates():
            if certificate.name == name:
                return certificate
        raise LookupError(f"the CA certificate {name} does not exist")

    def list_ca_certificates(self) -> list[CaCertificate]:
        """Return all authorities, in the order of their names."""
        from azmqtt._namespace_types import CaCertificate

        return [
            CaCertificate(name, encoded, utc(issued), utc(expires), description)
            for name, description, (encoded, issued, expires) in self._core.ca_certificates()
        ]

    def delete_ca_certificate(self, name: str) -> None:
        """Accept no more client certificates signed by this authority. Connections stay open.

        Raises:
            LookupError: The authority does not exist.
        """
        self._check_running()
        if not self._core.delete_ca_certificate(name):
            raise LookupError(f"the CA certificate {name} does not exist")

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
        """Create a client certificate for tests, with a new key (ECDSA, P-256).

        Args:
            common_name: The common name. For ``SubjectMatchesAuthenticationName`` it is the client's authentication
                name.
            days: The validity in days; 0 or less creates an expired certificate.
            self_signed: Whether to sign it with its own key. Only its thumbprint can then authenticate a client.
                Otherwise the authority in :attr:`ca_pem` signs it.
            dns_names: For ``DnsMatchesAuthenticationName``. These names and the following are in ASCII.
            uris: For ``UriMatchesAuthenticationName``.
            ip_addresses: For ``IpMatchesAuthenticationName``, such as ``"10.0.0.1"`` or ``"::1"``.
            email_addresses: For ``EmailMatchesAuthenticationName``.

        Raises:
            ValueError: An argument is invalid.
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
