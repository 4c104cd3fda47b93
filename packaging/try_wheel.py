"""Installs a wheel into clean environments and uses it: ``python packaging/try_wheel.py dist/azmqtt-….whl``.

An environment for each Python of this machine that takes the wheel, or for those that ``--python`` names. The package
of the checkout is never imported: an environment has the wheel alone, later pytest too. What runs is the first example
of README.md, ``azmqtt demo`` for both services, and tests that take a minute and need no other program.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: What the tests below need, in the versions that pyproject.toml allows.
TEST_PACKAGES = ("pytest", "pytest-asyncio", "pytest-timeout", "pytest-xdist")
#: Tests of every layer that need no other package, no cargo and no broker.
TESTS = (
    "tests/cli/test_command.py",
    "tests/cli/test_demo.py",
    "tests/client/test_incoming.py",
    "tests/client/test_modules.py",
    "tests/client/test_sending.py",
    "tests/concurrency/test_bridge.py",
    "tests/hub/test_async_hub.py",
    "tests/hub/test_hub.py",
    "tests/hub/test_packets.py",
    "tests/namespace/test_namespace.py",
)
#: Seconds for a step. A slow machine, or one that emulates another, takes long.
LONGEST = 1200
#: Prints what an interpreter is: its version, whether it is built without the GIL, and its own file.
ABOUT = """\
import sys, sysconfig
print(*sys.version_info[:2], int(bool(sysconfig.get_config_var("Py_GIL_DISABLED"))), sys._base_executable)
"""
#: Fails unless package and compiled module come out of the environment, or switch a GIL on.
FROM_THE_WHEEL = """\
import pathlib, sys, sysconfig, azmqtt, azmqtt._core
for module in (azmqtt, azmqtt._core):
    assert pathlib.Path(sys.prefix) in pathlib.Path(module.__file__).parents, module.__file__
assert not sysconfig.get_config_var("Py_GIL_DISABLED") or not sys._is_gil_enabled()
print("azmqtt", azmqtt.__version__, "on", sys.version)
"""


@dataclass(frozen=True, order=True)
class Version:
    """What of an interpreter decides whether a wheel fits."""

    major: int
    minor: int
    #: Built without the GIL.
    free_threaded: bool

    def takes(self, wheel: str) -> bool:
        """Whether the interpreter takes a wheel, by the tags in its name."""
        _, _, python, abi, _ = wheel.removesuffix(".whl").split("-")
        minor = int(python.removeprefix("cp3"))
        if "abi3" in abi:
            return self.minor >= minor and ("abi3t" in abi.split(".") or not self.free_threaded)
        return self.minor == minor and abi.endswith("t") == self.free_threaded


def interpreters(wheel: str) -> list[Path]:
    """Return a Python of each version that takes the wheel: this one, and those of ``PATH`` and pyenv."""
    places = [Path(place) for place in os.environ.get("PATH", "").split(os.pathsep) if place]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    places += sorted(pyenv.glob("versions/3.*/bin"))
    found: dict[Version, Path] = {}
    for place in [Path(sys.executable).parent, *places]:
        for path in [place / "python.exe", *sorted(place.glob("python3*"))]:
            if not re.fullmatch(r"python(3(\.\d+)?t?)?(\.exe)?", path.name) or not path.is_file():
                continue
            done = subprocess.run([path, "-c", ABOUT], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                major, minor, threaded, base = done.stdout.strip().split(" ", 3)
                found.setdefault(Version(int(major), int(minor), threaded == "1"), Path(base))
    return [path for version, path in sorted(found.items()) if version.takes(wheel)]


def environment() -> dict[str, str]:
    """Return the environment without what would have Python look for modules elsewhere."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "AZMQTT_"))
    }


def run(python: Path, *arguments: str | Path, cwd: Path) -> str:
    """Run Python, and return what it printed; raises ``CalledProcessError`` when that went wrong."""
    command = [str(python), *map(str, arguments)]
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, cwd=cwd, env=environment(), stdout=subprocess.PIPE, encoding="utf-8", timeout=LONGEST, check=False
    )
    if done.returncode:
        print(done.stdout)
        done.check_returncode()
    return done.stdout


def install(python: Path, *what: str | Path) -> None:
    """Install with the environment's own pip."""
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what, cwd=ROOT)


def first_example() -> str:
    """Return the first block of Python in README.md."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.split("```python\n", 1)[1].split("```", 1)[0]


def try_it(base: Path, wheel: Path, home: Path) -> str:
    """Install the wheel for one Python and use it; return the last line of pytest's."""
    subprocess.run([base, "-m", "venv", home / "venv"], env=environment(), check=True)
    python = home / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # From the file alone: there is nothing else that it could need.
    install(python, "--no-index", "--only-binary=:all:", wheel)
    print(run(python, "-W", "error", "-c", FROM_THE_WHEEL, cwd=home), end="")
    code = first_example()
    for line in run(python, "-W", "error", "-c", code, cwd=home).splitlines():
        if f"  # {line}" not in code:
            raise SystemExit(f"README.md does not say that its example prints {line}")
    for demo in (("demo",), ("demo", "namespace")):
        run(python, "-W", "error", "-m", "azmqtt", *demo, cwd=home)
    install(python, *requirements())
    # The tests are those of the checkout, the package is that of the wheel: the checkout has it in python/.
    run(python, "-c", FROM_THE_WHEEL, cwd=ROOT)
    options = ("-p", "no:cacheprovider", "-q", "-n", "2", f"--basetemp={home / 'pytest'}")
    return run(python, "-m", "pytest", *options, *TESTS, cwd=ROOT).splitlines()[-1]


def requirements() -> list[str]:
    """Return what pyproject.toml asks for of the packages that the tests need."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return [re.findall(rf'"({name}>=[^"]*)"', text)[0] for name in TEST_PACKAGES]


def main() -> int:
    """Try a wheel; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--python", type=Path, action="append", help="an interpreter (default: each version there is)")
    arguments = parser.parse_args()
    pythons = arguments.python or interpreters(arguments.wheel.name)
    print("Pythons:", *pythons)
    failed = not pythons
    for python in pythons:
        with tempfile.TemporaryDirectory(prefix="azmqtt-try-") as directory:
            try:
                print(try_it(python, arguments.wheel.resolve(), Path(directory).resolve()), flush=True)
            except (subprocess.SubprocessError, SystemExit) as error:
                print(f"FAILED with {python}: {error}", flush=True)
                failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
