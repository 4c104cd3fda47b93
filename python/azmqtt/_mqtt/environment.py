"""What the environment says about a client: the names that Azure IoT Operations' clients have in common.

They are those of Microsoft's SDKs for .NET, Go and Rust ("Azure IoT Operations SDKs", connection settings).
"""

from __future__ import annotations

import os
from typing import Any

from azmqtt._mqtt.service_account import ServiceAccountToken

_REQUIRED = ("AIO_BROKER_HOSTNAME", "AIO_MQTT_CLIENT_ID")
#: A password or token is not longer than so many bytes.
_LONGEST = 65_536


def from_environment() -> dict[str, Any]:
    """Read the arguments of a client.

    Returns:
        By name, as the constructor has them; only what is set, and what differs from the constructor's own defaults.

    Raises:
        ValueError: Names each variable that is missing, or the one that is malformed.
    """
    missing = [name for name in _REQUIRED if not _text(name)]
    if missing:
        raise ValueError(f"the environment is not complete: {', '.join(missing)} must be set")
    found: dict[str, Any] = {
        "hostname": _text("AIO_BROKER_HOSTNAME"),
        "client_id": _text("AIO_MQTT_CLIENT_ID"),
        "port": _whole("AIO_BROKER_TCP_PORT", 8883, 1, 65_535),
        "tls": _truth("AIO_MQTT_USE_TLS", default=True),
        "trust": _text("AIO_TLS_CA_FILE"),
        "certificate": _text("AIO_TLS_CERT_FILE"),
        "private_key": _text("AIO_TLS_KEY_FILE"),
        "passphrase": _content("AIO_TLS_KEY_PASSWORD_FILE"),
        "clean_start": _truth("AIO_MQTT_CLEAN_START", default=False),
        "keep_alive": _whole("AIO_MQTT_KEEP_ALIVE", 60, 0, 65_535),
        "session_expiry": _whole("AIO_MQTT_SESSION_EXPIRY", 3600, 0, 2**32 - 1),
        "username": _text("AIO_MQTT_USERNAME"),
        "password": _content("AIO_MQTT_PASSWORD_FILE"),
        "lost_session": "fail",
    }
    token = _text("AIO_SAT_FILE")
    if token is not None:
        for name in ("AIO_MQTT_USERNAME", "AIO_MQTT_PASSWORD_FILE"):
            if _text(name):
                raise ValueError(f"AIO_SAT_FILE and {name} exclude each other")
        found["authentication"] = ServiceAccountToken(token)
    return {name: value for name, value in found.items() if value is not None}


def _text(name: str) -> str | None:
    return os.environ.get(name) or None


def _whole(name: str, default: int, least: int, most: int) -> int:
    text = _text(name)
    if text is None:
        return default
    if not text.strip().isdecimal() or not text.isascii() or len(text) > 20 or not least <= int(text) <= most:  # noqa: PLR2004 - longer than any bound
        raise ValueError(f"{name} must be a whole number from {least} to {most}, not {text[:50]!r}")
    return int(text)


def _truth(name: str, *, default: bool) -> bool:
    text = _text(name)
    if text is None:
        return default
    if text.strip().lower() not in {"true", "false"}:
        raise ValueError(f"{name} must be 'true' or 'false', not {text[:50]!r}")
    return text.strip().lower() == "true"


def _content(name: str) -> str | None:
    """Read a secret from the file that a variable names, without the line end that editors add."""
    path = _text(name)
    if path is None:
        return None
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib would double the time of the import
            content = file.read(_LONGEST + 1)
    except (OSError, ValueError) as error:
        raise ValueError(f"{name}: {path!r} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > _LONGEST:
        raise ValueError(f"{name}: {path!r} has more than {_LONGEST:,} bytes, which no password has")
    try:
        return content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{name}: {path!r} is not UTF-8") from None
