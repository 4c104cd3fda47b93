"""Facts about the machine, and the two cores that a measurement is given."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from .paths import REPOSITORY


def cores() -> tuple[int, int]:
    """Return the core of the sink and the core of the clients; the same one where there is no other."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[min(1, len(allowed) - 1)]


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _commit() -> str:
    command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def facts() -> dict[str, object]:
    """Say what a reader of the figures has to know."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "pinned": dict(zip(("sink", "client"), cores(), strict=True)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "commit": _commit(),
    }
