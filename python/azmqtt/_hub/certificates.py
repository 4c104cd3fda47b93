"""X.509 on a local hub: trusted authorities, and certificates for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._local.certificates import make_certificate

if TYPE_CHECKING:
    import os

    from azmqtt import _core
    from azmqtt._hub_certificates import DeviceCertificate


def both_thumbprints(thumbprint: str | tuple[str, str]) -> tuple[str, str | None]:
    """Return one or two thumbprints in the form that the core expects."""
    return (thumbprint, None) if isinstance(thumbprint, str) else thumbprint


class CertificatesMixin:
    """The X.509 methods of :class:`LocalHub`."""

    _core: _core.Hub

    def add_ca(self, certificate: str | bytes | os.PathLike[str]) -> None:
        """Accept client certificates signed by this authority, besides those signed by the hub's own.

        The service requires a proof of possession of the authority's key; this hub does not.

        Args:
            certificate: The path of a file in PEM or DER, or its content.

        Raises:
            ValueError: The file contains no certificate, or the hub already has 25 authorities.
        """
        from azmqtt._support.pem import read_pem

        self._core.add_ca(read_pem("certificate", certificate))

    def create_certificate(
        self, device_id: str, *, module_id: str | None = None, days: float = 90, self_signed: bool = False
    ) -> DeviceCertificate:
        """Create a client certificate for tests, with a new key (ECDSA, P-256).

        The hub's own authority signs it, so devices created with ``ca=True`` can use it. A device created with
        ``x509_thumbprint`` can use it if that is the certificate's thumbprint.

        Args:
            device_id: The common name. The device need not exist yet.
            module_id: The module's id; the common name is then ``device/module``.
            days: The validity in days; 0 or less creates an expired certificate.
            self_signed: Whether to sign it with its own key. Only its thumbprint can then authenticate a device.

        Raises:
            ValueError: An argument is invalid.
        """
        name = device_id if module_id is None else f"{device_id}/{module_id}"
        return make_certificate(self._core, name, days=days, self_signed=self_signed)
