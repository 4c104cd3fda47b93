"""The TLS options of `tls_set` and similar calls, in the form of the core."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from azmqtt import _core

if TYPE_CHECKING:
    import os


#: The core's names for the arguments of `tls_set`.
_ARGUMENTS = {"certificate": "certfile", "private_key": "keyfile", "passphrase": "keyfile_password"}


def _read(path: str | os.PathLike[str]) -> bytes:
    return Path(path).read_bytes()


@dataclass
class Tls:
    """The TLS options of a client."""

    #: A PEM text, or certificates in DER; `None` for the bundled roots and the system's.
    roots: bytes | list[bytes] | None = None
    check_chain: bool = True
    check_name: bool = True
    common_name: bool = False
    only_tls12: bool = False
    certificate: _core.Certificate | None = field(default=None, repr=False)
    alpn: list[str] = field(default_factory=list)

    _built: _core.TlsOptions | None = field(default=None, repr=False)

    def build(self) -> _core.TlsOptions:
        """Return the core's TLS options, which also store sessions to resume."""
        if self._built is None:
            self._built = _core.TlsOptions(
                self.roots,
                self.check_chain,
                self.check_name,
                self.common_name,
                self.only_tls12,
                self.certificate,
                self.alpn,
            )
        return self._built

    def allow_common_name(self, allowed: bool) -> None:
        """Set whether the common name counts in a certificate without subjectAltName."""
        self.common_name = allowed
        self._built = None

    def allow_any_name(self, allowed: bool) -> None:
        """Set whether any name in the certificate is accepted."""
        self.check_name = not allowed
        self._built = None


def _only_tls12(tls_version: int | None) -> bool:
    if tls_version is None or tls_version in {ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS}:
        return False
    if tls_version == ssl.PROTOCOL_TLSv1_2:
        return True
    raise ValueError("tls_version: only TLS 1.2 and 1.3 are supported; omit it, or pass ssl.PROTOCOL_TLSv1_2")


def from_arguments(
    ca_certs: str | None,
    certfile: str | None,
    keyfile: str | None,
    cert_reqs: ssl.VerifyMode | None,
    tls_version: int | None,
    ciphers: str | None,
    keyfile_password: str | bytes | None,
    alpn_protocols: list[str] | None,
) -> Tls:
    """Return the options for the arguments of `tls_set`.

    Raises:
        OSError: A file cannot be read.
        ValueError: A file's content or an argument is invalid.
        NotImplementedError: `ciphers` is given.
    """
    if ciphers is not None:
        raise NotImplementedError("ciphers: TLS cipher suites cannot be chosen; all supported suites are safe. Omit it")
    if certfile is None and keyfile is not None:
        raise ValueError("certfile must be given with keyfile")
    certificate = None
    if certfile is not None:
        passphrase = keyfile_password.encode() if isinstance(keyfile_password, str) else keyfile_password
        key = None if keyfile is None else _read(keyfile)
        try:
            certificate = _core.Certificate(_read(certfile), key, passphrase)
        except ValueError as error:
            argument, colon, rest = str(error).partition(": ")
            raise ValueError(f"{_ARGUMENTS.get(argument, argument)}{colon}{rest}") from None
    checked = cert_reqs != ssl.CERT_NONE
    tls = Tls(
        roots=None if ca_certs is None else _read(ca_certs),
        check_chain=checked,
        check_name=checked,
        only_tls12=_only_tls12(tls_version),
        certificate=certificate,
        alpn=list(alpn_protocols or []),
    )
    try:
        tls.build()
    except ValueError as error:
        raise ValueError(f"ca_certs: {error}") from None
    return tls


def from_context(context: ssl.SSLContext | None) -> Tls:
    """Return the options of an `SSLContext`. Its client certificate and a directory of roots cannot be read.

    Raises:
        ValueError: The roots cannot be read from the context, or it allows only unsupported versions.
    """
    if context is None:
        return Tls()
    newest, oldest = context.maximum_version, context.minimum_version
    if newest not in {ssl.TLSVersion.MAXIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3}:
        raise ValueError("context: its maximum_version is too old; TLS 1.2 and 1.3 are supported")
    if oldest == ssl.TLSVersion.TLSv1_3:
        raise ValueError("context: a minimum_version of TLS 1.3 is not supported; TLS 1.2 would be offered, too")
    roots = context.get_ca_certs(binary_form=True)
    check_chain = context.verify_mode != ssl.CERT_NONE
    if check_chain and not roots:
        raise ValueError(
            "context: an ssl.SSLContext cannot be used directly, and the roots of this one cannot be read: "
            "it has loaded no certificates, or reads them from a directory. Call tls_set() for the bundled and "
            "the system's roots, tls_set(ca_certs=...) for a file of roots, and "
            "tls_set(certfile=..., keyfile=...) for a client certificate"
        )
    return Tls(
        roots=roots if check_chain else None,
        check_chain=check_chain,
        check_name=check_chain and context.check_hostname,
        only_tls12=newest == ssl.TLSVersion.TLSv1_2,
    )
