"""X.509 on a local namespace: authorities that it takes, certificates for tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from azmqtt._local.certificates import make_certificate

if TYPE_CHECKING:
    from azmqtt import _core
    from azmqtt._hub_certificates import DeviceCertificate


class CertificatesMixin:
    """The part of :class:`~azmqtt.LocalNamespace` that is about X.509."""

    _core: _core.Namespace

    if TYPE_CHECKING:

        def _check_running(self) -> None: ...

    def add_ca(self, certificate: str | bytes | os.PathLike[str], name: str | None = None) -> str:
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
        self._core.put_ca_certificate(name, read_pem("certificate", certificate))
        return name

    def delete_ca(self, name: str) -> None:
        """Take no more client certificates that this authority signed. Connections stay.

        Raises:
            LookupError: There is no such authority.
        """
        self._check_running()
        if not self._core.delete_ca_certificate(name):
            raise LookupError(f"there is no CA certificate {name}")

    def create_certificate(self, common_name: str, *, days: float = 90, self_signed: bool = False) -> DeviceCertificate:
        """Make a client certificate for tests, with a new key (ECDSA, P-256).

        Args:
            common_name: For ``SubjectMatchesAuthenticationName`` the client's authentication name.
            days: How long it is valid; 0 or less for one that has expired.
            self_signed: Whether its own key signs it, so that only its thumbprint can be of use. Otherwise the
                authority in :attr:`ca_pem` does.

        Raises:
            ValueError: An argument breaks a rule.
        """
        return make_certificate(self._core, common_name, days=days, self_signed=self_signed)
