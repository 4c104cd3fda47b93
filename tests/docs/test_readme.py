"""What the README and the pages show runs, and prints what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def examples(page: str) -> list[str]:
    """Every Python block of a page."""
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def run(code: str) -> str:
    """Run code with warnings as errors and return what it printed."""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_first_example():
    code = examples("README.md")[0]
    printed = run(code).splitlines()
    assert len(printed) == 3
    for line in printed:
        assert f"  # {line}" in code


#: Pages whose Python blocks make one script.
PAGES = sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md") if examples(f"docs/{path.name}"))


@pytest.mark.parametrize("page", PAGES)
def test_the_page_from_top_to_bottom(page: str):
    # Nobody sends anything, so that its iterators would wait for as long as they may.
    code = "\n".join(examples(page)).replace("timeout=10)", "timeout=0.3)")
    run(f"{code}\nif 'client' in globals():\n    client.close(timeout=0)\n")
