"""Changes a file in a wheel, and leaves the rest of it as it is."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def replace_in_wheel(wheel: Path, path: str, content: bytes) -> None:
    """Write a file of a wheel anew, with its line in RECORD."""
    record = path.split("/", 1)[0] + "/RECORD"
    changed = wheel.with_suffix(".changed")
    with zipfile.ZipFile(wheel) as before, zipfile.ZipFile(changed, "w") as after:
        files = {path: content, record: record_with(before.read(record).decode(), path, content)}
        for entry in before.infolist():
            after.writestr(entry, files.get(entry.filename) or before.read(entry))
    changed.replace(wheel)


def record_with(record: str, path: str, content: bytes) -> bytes:
    """RECORD with the digest and size of one file's new content."""
    rows = [
        [path, digest_of(content), str(len(content))] if row[0] == path else row
        for row in csv.reader(io.StringIO(record))
    ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def digest_of(content: bytes) -> str:
    """Return the digest of a file as RECORD has it."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
