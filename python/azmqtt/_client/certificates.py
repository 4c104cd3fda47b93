"""X.509 client certificates, as the constructors of a client take them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from azmqtt import _core
from azmqtt._errors import CertificateExpiresSoon
from azmqtt._support.pem import read_pem
from azmqtt._support.warnings import caller, warn_at

if TYPE_CHECKING:
    from azmqtt._support.pem import Pem

#: Seconds of a certificate's life that are worth a warning.
_SOON = 30 * 86_400


def load_certificate(certificate: Pem | None, private_key: Pem | None, passphrase: Any) -> _core.Certificate | None:
    """Read a certificate and its key, and warn the application if it expires soon.

    Returns:
        ``None`` if nothing is given at all.
    """
    if certificate is None:
        for field, value in (("private_key", private_key), ("passphrase", passphrase)):
            if value is not None:
                raise ValueError(f"{field} is for a certificate, which is not given")
        return None
    if passphrase is not None and not isinstance(passphrase, str | bytes):
        raise TypeError(f"passphrase must be str or bytes, not {type(passphrase).__name__}")
    key = None if private_key is None else read_pem("private_key", private_key)
    secret = passphrase.encode() if isinstance(passphrase, str) else passphrase
    loaded = _core.Certificate(read_pem("certificate", certificate), key, secret)
    left = loaded.not_after - time.time()
    if left < _SOON:
        date = time.strftime("%Y-%m-%d", time.gmtime(loaded.not_after))
        days = round(left / 86_400)
        soon = "within a day" if days <= 1 else f"in {days} days"
        message = f"the client certificate expires {soon}, on {date}"
        warn_at(caller(), message, CertificateExpiresSoon)
    return loaded
