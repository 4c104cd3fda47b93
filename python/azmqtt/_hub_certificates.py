"""A client certificate that a local hub has made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class DeviceCertificate:
    """A client certificate with its key, as :meth:`LocalHub.create_certificate` makes it.

    Attributes:
        certificate: In PEM.
        private_key: In PEM, PKCS #8, not encrypted. ``repr`` leaves it out.
        thumbprint: SHA-256, in hexadecimal digits.
        not_before: From when on it is valid, in UTC.
        not_after: Up to when it is valid, in UTC.
    """

    certificate: str
    private_key: str = field(repr=False)
    thumbprint: str
    not_before: datetime
    not_after: datetime
