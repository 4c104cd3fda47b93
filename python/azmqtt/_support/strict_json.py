"""JSON from outside, read as RFC 8259 has it."""

from __future__ import annotations

import json
from typing import Any


def read(text: str | bytes) -> Any:
    """Read JSON.

    Raises:
        ValueError: It is none, is nested too deeply, or holds NaN or an infinity, which Python's reader takes and JSON
            does not have (RFC 8259 §6).
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
