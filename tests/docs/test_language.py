"""Pages, notebooks, docstrings and error texts avoid phrases that a reader has to read twice."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "crates").glob("*/README.md")])
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
MODULES = sorted(
    path
    for path in [*(ROOT / "python").rglob("*.py*"), *(ROOT / "examples").glob("*.py")]
    if path.suffix in {".py", ".pyi"}
)
RUST = sorted(
    path
    for path in [*(ROOT / "crates").glob("*/src/**/*.rs"), *(ROOT / "src").rglob("*.rs")]
    if not {"tests", "tests.rs"} & {*path.relative_to(ROOT).parts}
)
AVOIDED = re.compile(
    r"\b[Ww]hoever\b|\b[Ww]hom\b|\b[Ww]hosever\b|\b[Ww]hat there is\b|\bthat there (?:is|are)\b|\bas there[,;.]"
    r"|\bis none\b|\b[Ff]or ever\b|\bhas it that\b|\bas \w+ has it\b|\bto be had\b|\bmade? anew\b|\bin the place of\b"
    r"|\bis let in\b|\bwithout (?:a word|words)\b|\b[Ww]hat (?:comes|came) in\b|\bThere is no such\b"
)
#: Errors also avoid these, which are fine in a longer text.
AVOIDED_IN_ERRORS = re.compile(
    AVOIDED.pattern + r"|\bthere is (?:no|an?) \{|\balready\b.*\balready\b|\bmakes no sense\b|\bholds? U\+0000"
)


def avoided(text: str, phrases: re.Pattern[str] = AVOIDED) -> list[str]:
    """Each avoided phrase with the text around it."""
    plain = " ".join(text.split())
    return [plain[max(0, match.start() - 50) : match.end() + 20] for match in phrases.finditer(plain)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_language_of_a_page(page: Path):
    assert avoided(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.name)
def test_the_language_of_a_notebook(notebook: Path):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert [hit for cell in cells for hit in avoided("".join(cell["source"]))] == []


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


def test_the_language_of_errors_of_the_core():
    found = {}
    for module in RUST:
        code, _, _tests = module.read_text(encoding="utf-8").partition("#[cfg(test)]\nmod tests {")
        lines = [line for line in code.splitlines() if not line.lstrip().startswith("//")]
        hits = [
            hit
            for text in re.findall(r'"((?:[^"\\\n]|\\.)*)"', "\n".join(lines))
            for hit in avoided(re.sub(r"\{[^}]*\}", "{}", text), AVOIDED_IN_ERRORS)
        ]
        if hits:
            found[module.relative_to(ROOT).as_posix()] = hits
    assert found == {}


def test_an_avoided_phrase_is_found():
    assert avoided("It raises for\nwhoever asks.") == ["It raises for whoever asks."]
    assert avoided("The value is None.") == []
    assert avoided("there is no {kind} {name}", AVOIDED_IN_ERRORS) == ["there is no {kind} {name}"]
