"""Prints what CHANGELOG.md says of a version: ``python packaging/release_notes.py 0.1.0``.

Fails where the version has no section, an empty one or one without a date, or where Cargo.toml has another version:
then nothing is released.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADING = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>\d{4}-\d\d-\d\d))?$", re.MULTILINE)


def notes(changelog: str, version: str) -> str:
    """Return the section of a version.

    Raises:
        ValueError: There is none, it has no date, or it is empty.
    """
    found = next((each for each in HEADING.finditer(changelog) if each["version"] == version), None)
    if found is None:
        raise ValueError(f"CHANGELOG.md has no section [{version}]")
    if found["date"] is None:
        raise ValueError(f"the section [{version}] of CHANGELOG.md has no date")
    text = changelog[found.end() :]
    following = HEADING.search(text)
    text = (text[: following.start()] if following else text).strip()
    if not text:
        raise ValueError(f"the section [{version}] of CHANGELOG.md is empty")
    return text + "\n"


def check_version(version: str) -> None:
    """Compare a version with that of Cargo.toml, which is what is built.

    Raises:
        ValueError: It is another one.
    """
    text = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    (current,) = re.findall(r'^\[workspace\.package\]\nversion = "(.+)"$', text, re.MULTILINE)
    if version != current:
        raise ValueError(f"the version in Cargo.toml is {current}, not {version}")


def main(arguments: list[str]) -> int:
    """Print the notes; return the exit code."""
    if len(arguments) != 1:
        print("usage: release_notes.py VERSION", file=sys.stderr)
        return 2
    version = arguments[0].removeprefix("v")
    try:
        check_version(version)
        text = notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    except ValueError as error:
        print(f"release_notes.py: {error}", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
