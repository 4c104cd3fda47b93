"""What the README and the pages show runs, and prints what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mosquitto import Mosquitto, needs_mosquitto

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


#: Pages that need a broker.
WITH_BROKER = {"docs/mqtt-client.md"}
#: Pages whose Python blocks make one script.
PAGES = sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md") if examples(f"docs/{path.name}"))


@pytest.mark.parametrize("page", sorted(set(PAGES) - WITH_BROKER))
def test_the_page_from_top_to_bottom(page: str):
    # Nobody sends anything, so that its iterators would wait for as long as they may.
    code = "\n".join(examples(page)).replace("timeout=10)", "timeout=0.3)")
    run(f"{code}\nif 'client' in globals():\n    client.close(timeout=0)\n")


@needs_mosquitto
@pytest.mark.parametrize("page", sorted(WITH_BROKER))
def test_the_page_against_a_broker(page: str, tmp_path: Path):
    code = "\n".join(examples(page))
    with Mosquitto(tmp_path) as broker:
        plain, encrypted = "port=1883, tls=False", f"port={broker.tls_port}, trust={str(broker.ca_file)!r}"
        assert plain in code
        printed = run(code.replace(plain, encrypted))
    said = [line.partition("# ")[2] for line in code.splitlines() if line.startswith("print(")]
    assert [said_line for said_line in said if said_line.partition(":")[0] not in printed] == []
