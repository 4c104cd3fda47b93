"""What most tests begin with: a local hub, and a client of a device of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import azmqtt

#: Microsoft's own client.
SDK = "azure-iot-device==2.14.0"

#: Microsoft's own for services.
SERVICE_SDK = "azure-iot-hub==2.7.0"

#: The oldest paho-mqtt that is supported, and the newest.
PAHO = {"paho-1.6.1": "paho-mqtt==1.6.1", "paho-2": "paho-mqtt>=2.1,<3"}

# Whatever starts the tests in the background may have them ignore Ctrl-C and SIGHUP, and their children with them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="module")
def hub() -> Iterator[azmqtt.LocalHub]:
    """One hub for the tests of a file."""
    with azmqtt.LocalHub() as hub:
        yield hub


@pytest.fixture
def client(hub: azmqtt.LocalHub) -> Iterator[azmqtt.DeviceClient]:
    """A client, not yet connected, of a device that no other test uses."""
    with hub.device_client(hub.create_device().device_id) as client:
        yield client


@pytest.fixture(scope="session")
def sdk_python() -> Path:
    """An interpreter that has the SDK and nothing of ours; made once, kept for the next run."""
    return make_venv(SDK)


@pytest.fixture(scope="session")
def service_sdk_python() -> Path:
    """As :func:`sdk_python`, with the SDK for services."""
    # It uses six without saying so; azure-core, which brought it along, does no longer.
    return make_venv(SERVICE_SDK, "six")


def make_venv(package: str, *more: str) -> Path:
    """Return the interpreter of a venv with a package, and what else it takes."""
    home = Path(__file__).parent / ".venvs" / package.replace("==", "-")
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    marker = home / "installed"
    if not marker.exists():
        venv.create(home, with_pip=True, clear=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package, *more]
        subprocess.run(pip, check=True, timeout=300)
        marker.touch()
    return python


@pytest.fixture(scope="session")
def node_sdk() -> Callable[[Path], tuple[list[str | Path], dict[str, str]]]:
    """Gives the command, and its environment, that runs a script with Microsoft's clients for Node; made once, kept."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("there is no node or no npm (apt-get install nodejs npm)")
    versions = Path(__file__).parent / "interop" / "package.json"
    home = Path(__file__).parent / ".venvs" / "node-azure-iot"
    marker = home / "installed"
    # The versions in it are exact.
    if not marker.exists() or marker.read_text() != versions.read_text():
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(versions, home)
        options = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
        subprocess.run([npm, "install", *options], cwd=home, check=True, timeout=300)
        marker.write_text(versions.read_text())
    environment = {**os.environ, "NODE_PATH": str(home / "node_modules")}
    return lambda script: ([node, script], environment)


@pytest.fixture(scope="session", params=list(PAHO))
def paho(request: pytest.FixtureRequest) -> Path:
    """A directory for ``PYTHONPATH`` with one version of paho-mqtt; made once, kept for the next run."""
    home = Path(__file__).parent / ".venvs" / request.param
    marker = home / "installed"
    if not marker.exists():
        # Names the interpreter that runs the tests, which has this package.
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
        subprocess.run([*pip, "--target", home, PAHO[request.param]], check=True, timeout=300)
        marker.touch()
    return home
