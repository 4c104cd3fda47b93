"""Pages, docstrings and error texts avoid phrases that make a reader stop."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
MODULES = sorted(path for path in (ROOT / "python").rglob("*.py*") if path.suffix in {".py", ".pyi"})
AVOIDED = re.compile(
    r"\b[Ww]hoever\b|\b[Ww]hat there is\b|\bthat there (?:is|are)\b|\bas there[,;.]|\bis none\b|\b[Ff]or ever\b",
)


def avoided(text: str) -> list[str]:
    """Each avoided phrase with what stands around it."""
    plain = " ".join(text.split())
    return [plain[max(0, match.start() - 50) : match.end() + 20] for match in AVOIDED.finditer(plain)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_language_of_a_page(page: Path):
    assert avoided(page.read_text(encoding="utf-8")) == []


def test_the_language_of_docstrings_and_errors():
    found = {}
    for module in MODULES:
        tree = ast.parse(module.read_text(encoding="utf-8"))
        texts = [
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        hits = [hit for text in texts for hit in avoided(text)]
        if hits:
            found[module.relative_to(ROOT).as_posix()] = hits
    assert found == {}


def test_an_avoided_phrase_is_found():
    assert avoided("It raises for\nwhoever asks.") == ["It raises for whoever asks."]
    assert avoided("The value is None.") == []
