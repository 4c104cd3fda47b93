"""A resolver that hangs, for real: the system's own call never returns for some names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parents[1] / "support"
COMPILER = shutil.which("cc")


@pytest.mark.skipif(sys.platform != "linux" or COMPILER is None, reason="it needs LD_PRELOAD and a C compiler")
def test_names_that_hang_delay_no_other(tmp_path: Path):
    library = tmp_path / "resolver.so"
    subprocess.run(
        [str(COMPILER), "-shared", "-fPIC", "-o", library, SUPPORT / "stuck_resolver.c", "-ldl"], check=True, timeout=60
    )
    done = subprocess.run(
        [sys.executable, SUPPORT / "stuck_resolver.py"],
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.stdout == "all of it connected\n", done.stderr
    assert done.returncode == 0
