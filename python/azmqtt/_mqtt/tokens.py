"""JSON Web Tokens (RFC 7519), as far as a client looks into its own: without verification, which is the broker's."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from contextlib import suppress
from typing import Any

#: MQTT 5 §1.5.6: authentication data is no longer than so many bytes.
LONGEST = 65_535
_BASE64URL = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
#: Seconds since 1970 that no clock is at, and no sum of times overflows.
_LATEST = 2**40


def claims(token: str) -> dict[str, Any]:
    """Read the claims of a token.

    Raises:
        ValueError: It is not a whole JSON Web Token in compact form. The text never quotes it.
    """
    parts = token.split(".")
    if len(token) > LONGEST or len(parts) != 3 or not all(parts):  # noqa: PLR2004 - header, claims, signature
        raise ValueError("it is not a JSON Web Token, which has three parts with dots in between")
    header, payload = _part("header", parts[0]), _part("claims", parts[1])
    if not (isinstance(header, dict) and isinstance(payload, dict)):
        raise ValueError("header and claims of the JSON Web Token are not JSON objects")  # noqa: TRY004 - of its text
    if not _BASE64URL.issuperset(parts[2]) or len(parts[2]) % 4 == 1:
        raise ValueError("the signature of the JSON Web Token is incomplete")
    return payload


def expiry(token: str) -> float | None:
    """Read when a token expires, in Unix seconds: its claim ``exp``, if it has one.

    Raises:
        ValueError: It is not a JSON Web Token, or ``exp`` is not a time.
    """
    exp = claims(token).get("exp")
    if exp is None:
        return None
    if isinstance(exp, bool) or not isinstance(exp, int | float) or not 0 <= exp <= _LATEST:
        raise ValueError("the claim 'exp' of the JSON Web Token must be a number of seconds since 1970")
    return float(exp)


def _part(name: str, text: str) -> Any:
    if _BASE64URL.issuperset(text):
        with suppress(ValueError, RecursionError, binascii.Error):
            return json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    raise ValueError(f"the {name} of the JSON Web Token cannot be read")
