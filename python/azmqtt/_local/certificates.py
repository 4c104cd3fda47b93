"""Client certificates that a local hub or namespace creates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._support.arguments import within

if TYPE_CHECKING:
    from datetime import datetime

    from azmqtt import _core
    from azmqtt._hub_certificates import DeviceCertificate

_DAY = 86_400.0

#: How many days before now the validity of a new certificate begins, because clocks differ.
_MARGIN = 1


def make_certificate(
    core: _core.Hub | _core.Namespace,
    common_name: str,
    *,
    days: float = 90,
    self_signed: bool,
    names: tuple[list[str], list[str], list[str], list[str]] | None = None,
) -> DeviceCertificate:
    """Create a certificate with a new key.

    Args:
        core: The service that creates it.
        common_name: The subject's common name.
        days: The validity in days; 0 or less creates an expired certificate.
        self_signed: Whether to sign it with its own key.
        names: Subject alternative names for clients of a namespace: host names, URIs, IP addresses, e-mail addresses.

    Raises:
        ValueError: An argument is invalid.
    """
    from azmqtt._hub_certificates import DeviceCertificate

    within("days", days, -36_500, 36_500)
    ago = (_MARGIN - min(days, 0)) * _DAY
    more = () if names is None else (names,)
    certificate, private_key, thumbprint, not_before, not_after = core.create_certificate(
        common_name, ago, ago + days * _DAY, self_signed, *more
    )
    return DeviceCertificate(certificate, private_key, thumbprint, utc(not_before), utc(not_after))


def utc(seconds: int) -> datetime:
    """Return a Unix time as a UTC ``datetime``."""
    from datetime import datetime, timezone

    return datetime.fromtimestamp(seconds, timezone.utc)
