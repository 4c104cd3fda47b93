"""What most tests begin with: a local hub, and a client of a device of its own."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import azmqtt
from environments import PAHO, SDK, SERVICE_SDK, make_venv, node_modules, paho_directory
from one_process import one_process

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


@pytest.fixture(scope="session")
def node_sdk() -> Callable[[Path], tuple[list[str | Path], dict[str, str]]]:
    """Gives the command, and its environment, that runs a script with Microsoft's clients for Node; made once, kept."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("there is no node or no npm (apt-get install nodejs npm)")
    home = node_modules(npm)
    environment = {**os.environ, "NODE_PATH": str(home)}
    return lambda script: ([node, script], environment)


@pytest.fixture(scope="session", params=list(PAHO))
def paho(request: pytest.FixtureRequest) -> Path:
    """A directory for ``PYTHONPATH`` with one version of paho-mqtt; made once, kept for the next run."""
    return paho_directory(request.param)


@pytest.fixture
def fixed_ports() -> Iterator[None]:
    """Ports 8883 and 443 of 127.0.0.1, which some clients cannot be told to change, are for one test at a time."""
    with one_process(Path(tempfile.gettempdir(), "azmqtt-tests-fixed-ports.lock")):
        yield
