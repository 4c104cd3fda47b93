"""``azmqtt completion``: its scripts, in the shells that are installed, on a terminal."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import subprocess
import sys
import time

import pytest

from azmqtt._cli.completion import SHELLS
from azmqtt._cli.main import main

needs_terminals = pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")

_SET_UP = {
    "bash": (["--norc", "--noprofile", "-i"], "source {script}; bind 'set bell-style none'"),
    "zsh": (
        ["-f", "-i"],
        "fpath=({script.parent} $fpath); autoload -Uz compinit && compinit -u -D; unsetopt prompt_sp",
    ),
}


class Terminal:
    """A shell on a terminal."""

    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._read = ""

    def type(self, text):
        os.write(self._descriptor, text.encode())

    def wait_for(self, pattern):
        """Read until the pattern is there; forget what is before its end."""
        deadline = time.monotonic() + 20
        while (found := re.search(pattern, self._read)) is None:
            left = deadline - time.monotonic()
            assert left > 0, f"{pattern} is not in {self._read!r}"
            if select.select([self._descriptor], [], [], min(left, 1))[0]:
                self._read += os.read(self._descriptor, 4096).decode(errors="replace")
        self._read = self._read[found.end() :]


@pytest.fixture(scope="module", params=list(_SET_UP))
def shell(request, tmp_path_factory):
    """A shell that has read the script."""
    import pty

    program = shutil.which(request.param)
    if program is None:
        pytest.skip(f"there is no {request.param}")
    directory = tmp_path_factory.mktemp("shell")
    script = directory / "_azmqtt"
    with script.open("w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
        assert main(["completion", request.param]) == 0
    (directory / "certificate-of-the-hub.pem").touch()
    options, set_up = _SET_UP[request.param]
    terminal, other = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "TERM": "dumb", "PS1": "$ ", "COLUMNS": "500"}
    with subprocess.Popen(
        [program, *options],
        stdin=other,
        stdout=other,
        stderr=other,
        env=environment,
        cwd=directory,
        start_new_session=True,
    ) as process:
        os.close(other)
        try:
            shell = Terminal(terminal)
            # Not as it is typed, which the terminal shows, too.
            shell.type(f"{set_up.format(script=script)}; echo rea''dy\n")
            shell.wait_for("ready")
            yield shell
        finally:
            process.kill()
            os.close(terminal)


@needs_terminals
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("azmqtt gener", "generate-sas-token"),
        ("azmqtt dps enrollment-g", "enrollment-group"),
        ("azmqtt hub device-identity connection-s", "connection-string"),
        ("azmqtt device send-d2c-message --content-e", "--content-encoding"),
        ("azmqtt hub job create --job-type scheduleD", "scheduleDeviceMethod"),
        ("azmqtt hub query -o jsonl --trust cert", "certificate-of-the-hub.pem"),
    ],
)
def test_tab_completes(shell, typed, completed):
    shell.type(f"{typed}\t")
    rest = completed.removeprefix(typed.rsplit(" ", 1)[1])
    shell.wait_for(re.escape(typed) + r"[^\n]*" + re.escape(rest))
    # The next one on an empty line.
    shell.type("\x15\x0becho do''ne\n")
    shell.wait_for(r"done\r?\n")


@pytest.mark.parametrize("shell_name", SHELLS)
def test_there_is_a_script_for_each_shell(shell_name, capsys):
    assert main(["completion", shell_name]) == 0
    assert "device-identity" in capsys.readouterr().out


def test_without_the_package_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    assert capsys.readouterr().err == "azmqtt: completion needs shtab: pip install 'azmqtt[completion]'\n"


def test_an_unknown_shell(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["completion", "bsh"])
    assert "unknown choice bsh; did you mean bash?" in capsys.readouterr().err
