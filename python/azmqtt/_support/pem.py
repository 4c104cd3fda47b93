"""Certificates and keys as arguments: the path of a file, or its content."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

Pem: TypeAlias = "str | bytes | os.PathLike[str]"

#: A path is no longer than so many characters; what is may be a key.
_LONGEST_PATH = 1024


def read_pem(name: str, value: Any) -> bytes:
    """Return PEM text or DER that is given as such or as the path of a file.

    Raises:
        TypeError: It is neither.
        ValueError: The file cannot be read.
    """
    if isinstance(value, bytes):
        return value
    # The NULs are of UTF-16 that was read as something else; the core passes over them.
    if isinstance(value, str) and "-----BEGIN" in value.replace("\0", ""):
        return value.encode(errors="replace")
    if not isinstance(value, str | os.PathLike):
        msg = f"{name} must be a path, PEM text or bytes, not {type(value).__name__}"
        raise TypeError(msg)
    try:
        with open(value, "rb") as file:  # noqa: PTH123 - pathlib would double the time of the import
            return file.read()
    except (OSError, ValueError) as error:
        if isinstance(value, str) and _may_be_secret(value):
            msg = (
                f"{name}: neither PEM text (-----BEGIN …) nor the path of a file that can be read; not shown, it may "
                "be a secret"
            )
            raise ValueError(msg) from None
        reason = getattr(error, "strerror", None) or error
        msg = f"{name}: {os.fspath(value)!r} cannot be read: {reason}"
        raise ValueError(msg) from error


def _may_be_secret(path: str) -> bool:
    """Whether what is not a path looks like a key: several lines, or the base64 of one."""
    return "\n" in path or len(path) > _LONGEST_PATH or path.lstrip().startswith(("MI", "MC", "MH", "LS0t"))
