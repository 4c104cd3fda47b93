"""No file is so long that nobody reads it as a whole."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Lines that a file may have, tests included.
LONGEST = 600

#: What is written elsewhere, or built.
NOT_OURS = {".venvs", "node_modules", "target"}


def test_no_file_has_more_than_six_hundred_lines():
    tops = [ROOT / top for top in ("benches", "crates", "examples", "fuzz", "packaging", "python", "src", "tests")]
    files = [file for top in tops for kind in ("*.rs", "*.py", "*.pyi") for file in top.rglob(kind)]
    files = [file for file in files if not NOT_OURS & set(file.relative_to(ROOT).parts)]
    assert len(files) > 500
    lines = {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8").count("\n") for file in files}
    assert {name: count for name, count in lines.items() if count > LONGEST} == {}
