"""Environments with other clients in them, and nothing of ours; each is made once, and kept for the next run."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

VENVS = Path(__file__).parents[1] / ".venvs"

#: Microsoft's own client.
SDK = "azure-iot-device==2.14.0"

#: Microsoft's own for services.
SERVICE_SDK = "azure-iot-hub==2.7.0"

#: The oldest paho-mqtt that is supported, and the newest.
PAHO = {"paho-1.6.1": "paho-mqtt==1.6.1", "paho-2": "paho-mqtt>=2.1,<3"}


def make_venv(package: str, *more: str) -> Path:
    """Return the interpreter of a venv with a package, and what else it takes."""
    home = VENVS / package.replace("==", "-")
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    marker = home / "installed"
    if not marker.exists():
        venv.create(home, with_pip=True, clear=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package, *more]
        subprocess.run(pip, check=True, timeout=300)
        marker.touch()
    return python


def node_modules(npm: str) -> Path:
    """Return the directory of Node's modules, with Microsoft's clients among them."""
    versions = Path(__file__).parents[1] / "interop" / "package.json"
    home = VENVS / "node-azure-iot"
    marker = home / "installed"
    # The versions in it are exact.
    if not marker.exists() or marker.read_text() != versions.read_text():
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(versions, home)
        options = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
        subprocess.run([npm, "install", *options], cwd=home, check=True, timeout=300)
        marker.write_text(versions.read_text())
    return home / "node_modules"


def paho_directory(name: str) -> Path:
    """Return a directory for ``PYTHONPATH`` with one version of paho-mqtt, by its name in :data:`PAHO`."""
    home = VENVS / name
    marker = home / "installed"
    if not marker.exists():
        # Names the interpreter that runs the tests, which has this package.
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
        subprocess.run([*pip, "--target", home, PAHO[name]], check=True, timeout=300)
        marker.touch()
    return home
