"""JSON from outside, read as RFC 8259 has it."""

from __future__ import annotations

import json
from typing import Any


def read(text: str | bytes) -> Any:
    """Read JSON.

    Raises:
        ValueError: It is not JSON, is nested too deeply, or has NaN or an infinity, which Python's parser accepts but
            JSON does not have (RFC 8259 §6).
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
