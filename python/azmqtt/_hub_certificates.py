"""A client certificate created by a local hub or namespace."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class DeviceCertificate:
    """A client certificate with its key, as ``create_certificate`` of a local hub or namespace returns it.

    Attributes:
        certificate: In PEM.
        private_key: In PEM, PKCS #8, not encrypted. ``repr`` leaves it out.
        thumbprint: SHA-256, in hexadecimal digits.
        not_before: The start of its validity, in UTC.
        not_after: The end of its validity, in UTC.
    """

    certificate: str
    private_key: str = field(repr=False)
    thumbprint: str
    not_before: datetime
    not_after: datetime

    def save(self, directory: str | os.PathLike[str], name: str = "client") -> tuple[str, str]:
        """Write ``{name}.pem`` and ``{name}-key.pem`` for clients that read files; return both paths.

        Args:
            directory: The directory; created if it is missing.
            name: The beginning of both file names.

        Raises:
            OSError: A file cannot be written.
        """
        os.makedirs(directory, exist_ok=True)  # noqa: PTH103 - pathlib takes longer to import than this to write
        certificate = os.path.join(os.fspath(directory), f"{name}.pem")  # noqa: PTH118 - the same
        private_key = os.path.join(os.fspath(directory), f"{name}-key.pem")  # noqa: PTH118 - the same
        with open(certificate, "w", encoding="ascii") as file:  # noqa: PTH123 - the same
            file.write(self.certificate)
        # An existing file may be readable by others.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(private_key)  # noqa: PTH108 - the same
        number = os.open(private_key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(number, "w", encoding="ascii") as file:  # noqa: PTH123 - the same
            file.write(self.private_key)
        return certificate, private_key
