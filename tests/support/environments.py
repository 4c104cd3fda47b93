"""Environments with other clients in them, and nothing of ours; each is made once, and kept for the next run."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

from one_process import one_process

VENVS = Path(__file__).parents[1] / ".venvs"

#: Microsoft's own client.
SDK = "azure-iot-device==2.14.0"

#: Microsoft's own for services.
SERVICE_SDK = "azure-iot-hub==2.7.0"

#: Clients of any broker of MQTT 5, for the local namespace.
MQTT_CLIENTS = ("paho-mqtt==2.2.0", "aiomqtt==2.5.1", "gmqtt==0.8.0", "awscrt==0.38.1")

#: The oldest paho-mqtt that is supported, and the newest.
PAHO = {"paho-1.6.1": "paho-mqtt==1.6.1", "paho-2": "paho-mqtt>=2.1,<3"}


def make_once(name: str, contents: str, make: Callable[[Path], None]) -> Path:
    """Return the directory that ``make`` fills, unless it has these contents already.

    One process makes it; others that run tests wait for it.
    """
    VENVS.mkdir(exist_ok=True)
    home = VENVS / name
    with one_process(VENVS / f"{name}.lock"):
        marker = home / "installed"
        if not marker.exists() or marker.read_text() != contents:
            make(home)
            marker.write_text(contents)
    return home


def make_venv(package: str, *more: str) -> Path:
    """Return the interpreter of a venv with a package, and what else it takes."""

    def make(home: Path) -> None:
        venv.create(home, with_pip=True, clear=True)
        pip = [python_of(home), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package, *more]
        subprocess.run(pip, check=True, timeout=300)

    return python_of(make_once(package.replace("==", "-"), "\n".join([package, *more]), make))


def mqtt_clients() -> Path:
    """Return the interpreter of a venv with :data:`MQTT_CLIENTS`."""

    def make(home: Path) -> None:
        venv.create(home, with_pip=True, clear=True)
        pip = [python_of(home), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *MQTT_CLIENTS]
        subprocess.run(pip, check=True, timeout=300)

    return python_of(make_once("mqtt-clients", "\n".join(MQTT_CLIENTS), make))


def python_of(home: Path) -> Path:
    """Return the interpreter of a venv."""
    return home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def node_modules(npm: str, folder: str = "interop", name: str = "node-azure-iot") -> Path:
    """Return the directory of Node's modules that a folder of the tests asks for: by default Microsoft's clients."""
    # The versions in it are exact.
    versions = Path(__file__).parents[1] / folder / "package.json"

    def make(home: Path) -> None:
        home.mkdir(exist_ok=True)
        shutil.copy(versions, home)
        options = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
        subprocess.run([npm, "install", *options], cwd=home, check=True, timeout=300)

    return make_once(name, versions.read_text(), make) / "node_modules"


def paho_directory(name: str) -> Path:
    """Return a directory for ``PYTHONPATH`` with one version of paho-mqtt, by its name in :data:`PAHO`."""

    def make(home: Path) -> None:
        # Names the interpreter that runs the tests, which has this package.
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
        subprocess.run([*pip, "--target", home, PAHO[name]], check=True, timeout=300)

    return make_once(name, PAHO[name], make)
