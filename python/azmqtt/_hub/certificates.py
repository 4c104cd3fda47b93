"""X.509 on a local hub: authorities that it takes, certificates for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._local.certificates import make_certificate

if TYPE_CHECKING:
    import os

    from azmqtt import _core
    from azmqtt._hub_certificates import DeviceCertificate


def both_thumbprints(thumbprint: str | tuple[str, str]) -> tuple[str, str | None]:
    """Return one thumbprint, or two, as the core takes them."""
    return (thumbprint, None) if isinstance(thumbprint, str) else thumbprint


class CertificatesMixin:
    """The part of :class:`LocalHub` that is about X.509."""

    _core: _core.Hub

    def add_ca(self, certificate: str | bytes | os.PathLike[str]) -> None:
        """Take client certificates that this authority signed, besides those that the hub's own signed.

        The service asks for a proof that one has the authority's key; this hub does not.

        Args:
            certificate: The path of a file in PEM or DER, or its content.

        Raises:
            ValueError: There is no certificate in it, or the hub has 25 already.
        """
        from azmqtt._support.pem import read_pem

        self._core.add_ca(read_pem("certificate", certificate))

    def create_certificate(
        self, device_id: str, *, module_id: str | None = None, days: float = 90, self_signed: bool = False
    ) -> DeviceCertificate:
        """Make a client certificate for tests, with a new key (ECDSA, P-256).

        It does for devices that were created with ``ca=True``, because the hub's own authority signs it, and with its
        thumbprint for those that were created with ``x509_thumbprint``.

        Args:
            device_id: Becomes the common name. There need not be such a device yet.
            module_id: For a module: the common name is then ``device/module``.
            days: How long it is valid; 0 or less for one that has expired.
            self_signed: Whether its own key signs it, so that only its thumbprint can be of use.

        Raises:
            ValueError: An argument breaks a rule.
        """
        name = device_id if module_id is None else f"{device_id}/{module_id}"
        return make_certificate(self._core, name, days=days, self_signed=self_signed)
