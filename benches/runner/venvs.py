"""The clients' virtual environments in ``benches/.venvs``, and the build of the rig."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .paths import BENCHES, REPOSITORY, RIG, VENVS

PACKAGES = {
    "peers": ("paho-mqtt", "gmqtt", "awscrt", "aiomqtt"),
    "azure": ("azure-iot-device", "paho-mqtt"),
    "azmqtt": ("azmqtt", "paho-mqtt"),
}


class SetUpError(Exception):
    """An environment or the rig could not be made."""


def _run(command: list[str], what: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetUpError(f"{what}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def python(venv: str) -> Path:
    """Return the interpreter of an environment."""
    return VENVS / venv / "bin" / "python"


def prepare(venv: str, *, install: bool) -> dict[str, str]:
    """Make the environment if it is not there or its list has changed; give the packages' versions."""
    if not python(venv).exists():
        _run([sys.executable, "-m", "venv", str(VENVS / venv)], f"making the environment {venv}")
    pip = [str(python(venv)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if venv == "azmqtt" and install:
        if not (REPOSITORY / "pyproject.toml").exists():
            raise SetUpError("the repository has no pyproject.toml")
        # Built again each time: cargo knows what has changed, pip does not.
        _run([*pip, "--force-reinstall", "--no-deps", str(REPOSITORY)], "building azmqtt")
    wanted = (BENCHES / f"requirements-{venv}.txt").read_text()
    stamp = VENVS / venv / "installed.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        _run([*pip, "-r", str(BENCHES / f"requirements-{venv}.txt")], f"installing {venv}")
        stamp.write_text(wanted)
    return _versions(venv)


def _versions(venv: str) -> dict[str, str]:
    code = (
        "import json, sys; from importlib.metadata import version; "
        "print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
    )
    found = _run([str(python(venv)), "-c", code, *PACKAGES[venv]], f"asking {venv} for its versions")
    versions: dict[str, str] = json.loads(found)
    return versions


def build_rig() -> Path:
    """Build the rig and give the directory of its programs."""
    manifest = RIG / "Cargo.toml"
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", str(manifest)]
    _run([*command, "--target-dir", str(RIG / "target")], "building the rig")
    return RIG / "target" / "release"
