"""What is loaded with the package, and with a local hub: nothing that few need."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: What each takes: a third of the package's import and more.
HEAVY = "argparse asyncio dataclasses datetime inspect json logging pathlib socket ssl threading urllib uuid"


def loaded(code: str) -> set[str]:
    """Return which of the heavy modules are there after a program."""
    program = f"{code}\nimport sys; print(*sys.modules.keys() & {set(HEAVY.split())!r})"
    command = [sys.executable, "-S", "-c", f"import sys; sys.path = {sys.path!r}\n{program}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return set(done.stdout.split())


def test_the_list_is_looked_for():
    assert loaded("import json, inspect") == {"json", "inspect"}


@pytest.mark.parametrize("code", ["import azmqtt", "import azmqtt\nazmqtt.LocalHub().close()"], ids=["package", "hub"])
def test_nothing_heavy_is_loaded(code):
    assert loaded(code) == set()


def test_a_module_of_the_package_is_there_without_an_import_of_its_own():
    program = "import azmqtt; print(azmqtt.sas.generate.__name__, azmqtt.pnp.__name__, azmqtt.faults.__name__)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["generate", "azmqtt.pnp", "azmqtt.faults"]
