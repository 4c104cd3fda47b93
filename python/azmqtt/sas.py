"""Shared access signatures (IoT Hub docs, "Control access to IoT Hub with shared access signatures")."""

from __future__ import annotations

from typing import NamedTuple

from azmqtt import _core
from azmqtt._support.arguments import seconds_within, texts, texts_or_none

__all__ = ["SasToken", "generate", "parse"]

_LONGEST_TTL = 2**32 - 1


class SasToken(NamedTuple):
    """What a token says. The signature is left out: it is a secret.

    Attributes:
        resource: What the token is for, decoded: ``{hub}/devices/{device}`` for a device.
        expiry: When it expires, in seconds of Unix time. The service accepts it for 5 minutes longer.
        policy: The hub policy whose key signed it; ``None`` for a device's own key.
    """

    resource: str
    expiry: int
    policy: str | None


def generate(resource: str, key: str, *, ttl: int = 3600, policy: str | None = None) -> str:
    """Sign a token.

    Args:
        resource: What it is for, not percent-encoded: ``{hub}/devices/{device}[/modules/{module}]`` for a device or
            module, ``{hub}`` for the whole hub.
        key: The key in base64, as the service hands it out.
        ttl: For how many seconds it is valid, from now.
        policy: The name of the hub policy whose key this is; ``None`` for a device's own key.

    Returns:
        ``SharedAccessSignature sr=…&sig=…&se=…[&skn=…]``. It is a secret.

    Raises:
        TypeError: Names the argument of the wrong type.
        ValueError: The key is not base64, or ``ttl`` is not from 1 to 4294967295.
    """
    texts(resource=resource, key=key)
    texts_or_none(policy=policy)
    seconds_within("ttl", ttl, 1, _LONGEST_TTL)
    return _core.sas_generate(resource, key, int(ttl), policy)


def parse(token: str) -> SasToken:
    """Read a token, without judging whether it is valid.

    Raises:
        ValueError: It is not a token; says what is missing or malformed, without showing it.
    """
    texts(token=token)
    return SasToken(*_core.sas_parse(token))
