"""The page on other clients names tests that there are, and all of them."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "interoperability.md").read_text(encoding="utf-8")


def test_every_test_is_in_the_tables_and_every_entry_is_a_test():
    """A cell without its test would be a promise that nobody keeps."""
    files = sorted(set(HERE.glob("test_interop_*.py")) - {Path(__file__)})
    files.append(HERE.parent / "namespace" / "test_namespace_clients.py")
    there = {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)}
    # Of that file, what runs other people's clients.
    management = (HERE.parent / "namespace" / "test_management.py").read_text("utf-8")
    there |= set(re.findall(r"^def (test_az\w+)", management, re.MULTILINE))
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert (named - there, there - named) == (set(), set()), "docs/interoperability.md: no such test, or not in a table"


def test_the_versions_are_those_that_are_installed():
    """The page, the fixtures and Node's package file agree."""
    package = (HERE / "package.json").read_text(encoding="utf-8")
    pinned = re.findall(
        r"azure-iot-(?:device|hub)==([\d.]+)", (HERE.parent / "support" / "environments.py").read_text(encoding="utf-8")
    )
    namespaces = (HERE.parent / "namespace" / "test_management.py").read_text(encoding="utf-8")
    pinned += re.findall(r"azure-mgmt-eventgrid==([\w.]+)", namespaces)
    for version in [*pinned, *re.findall(r'"azure[\w-]+": "([\d.]+)"', package)]:
        assert version in PAGE
