"""The package from outside: the command and the import."""

from __future__ import annotations

import subprocess
import sys

import pytest

import azmqtt
from azmqtt._cli.main import main


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"azmqtt {azmqtt.__version__}\n"


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["hub", "--port", "70000"], ["hub", "--websocket-port", "no"], ["demo", "--what"]]
)
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    error = capsys.readouterr().err
    assert error.startswith("azmqtt")
    assert error.endswith(" --help'.\n")


def test_python_dash_m():
    done = subprocess.run([sys.executable, "-m", "azmqtt", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"azmqtt {azmqtt.__version__}\n"


def test_every_public_name_is_there():
    for name in azmqtt.__all__:
        assert getattr(azmqtt, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        azmqtt.nothing  # noqa: B018 - the access is the test
