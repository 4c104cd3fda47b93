"""Client certificates that a local hub or namespace makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._support.arguments import within

if TYPE_CHECKING:
    from datetime import datetime

    from azmqtt import _core
    from azmqtt._hub_certificates import DeviceCertificate

_DAY = 86_400.0

#: Days before now from which a new certificate is valid, for clocks that differ.
_MARGIN = 1


def make_certificate(
    core: _core.Hub | _core.Namespace, common_name: str, *, days: float = 90, self_signed: bool
) -> DeviceCertificate:
    """Make a certificate with a new key.

    Raises:
        ValueError: An argument breaks a rule.
    """
    from azmqtt._hub_certificates import DeviceCertificate

    within("days", days, -36_500, 36_500)
    ago = (_MARGIN - min(days, 0)) * _DAY
    certificate, private_key, thumbprint, not_before, not_after = core.create_certificate(
        common_name, ago, ago + days * _DAY, self_signed
    )
    return DeviceCertificate(certificate, private_key, thumbprint, _utc(not_before), _utc(not_after))


def _utc(seconds: int) -> datetime:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(seconds, timezone.utc)
