"""The programs of the page about watching, for a shell and for Node.js: they assert what they sent."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "watching.md"


def program(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return found


def run(command: list[str | Path], folder: Path) -> str:
    """Run a program, which finds the command ``azmqtt``; what it prints."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(not (shutil.which("jq") and shutil.which("curl")), reason="jq and curl are needed")
@pytest.mark.parametrize("script", ["as it is", "wrong"])
def test_the_shell_script_asserts_what_it_sent(tmp_path: Path, script: str) -> None:
    text = "set -euo pipefail\n" + program("sh")
    command: list[str | Path] = [shutil.which("bash") or "bash", "-c", text]
    if script == "as it is":
        run(command, tmp_path)
    else:
        command[-1] = text.replace(".body.temperature == 21.5", ".body.temperature == 99")
        with pytest.raises(AssertionError):
            run(command, tmp_path)


@pytest.mark.skipif(not shutil.which("node"), reason="Node.js is needed")
def test_the_node_program_asserts_what_it_sent(tmp_path: Path) -> None:
    script = tmp_path / "watch.js"
    script.write_text(program("js"), encoding="utf-8")
    assert run([shutil.which("node") or "node", script], tmp_path) == "dev1 7\n"
