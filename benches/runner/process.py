"""Starts the sink and the clients, each on its core."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .machine import cores
from .paths import CLIENTS
from .plan import Client, Task
from .venvs import python

RUN_TIMEOUT = 180.0
"""Seconds after which a run counts as failed."""
READY_TIMEOUT = 10.0

IMPORT = """
import json, time
def rss():
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
before = rss()
cpu, wall = time.process_time(), time.perf_counter()
{imports}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps({{"elapsed_s": wall, "cpu_s": cpu, "msgs": 1, "rss_added_kib": rss() - before}}))
"""


class RunFailedError(Exception):
    """A run ended without a result."""


@dataclass(frozen=True)
class Sink:
    """A running sink."""

    process: subprocess.Popen[str]
    port: int
    ca: str

    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def cpu_s(self) -> float:
        """CPU seconds of its one thread so far."""
        try:
            return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[0]) / 1e9
        except (OSError, ValueError, IndexError):
            return 0.0


def _environment() -> dict[str, str]:
    """Return the caller's environment without what would change how Python starts."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}


def _pinned(core: int) -> Any:
    return lambda: os.sched_setaffinity(0, {core})


def _first_line(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise RunFailedError("the sink has no output")
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(READY_TIMEOUT):
            raise RunFailedError("the sink is not ready in time")
    return process.stdout.readline()


@contextlib.contextmanager
def sink(programs: Path, *, delay_ms: int, tls12: bool) -> Iterator[Sink]:
    """Run a sink with an authority of its own, on a free port, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="azmqtt-bench-") as directory:
        options = {"dir": directory, "ack-delay-ms": delay_ms, "tls12": str(tls12).lower()}
        arguments = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        process = subprocess.Popen(
            [str(programs / "sink"), "--until-stdin-closes", "true", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=_pinned(cores()[0]),  # noqa: PLW1509 -- this program has one thread
        )
        try:
            ready = json.loads(_first_line(process) or "{}")
            if "port" not in ready:
                raise RunFailedError("the sink has not started")
            yield Sink(process, ready["port"], ready["ca_file"])
        finally:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _command(client: Client, task: Task, n: int, target: Sink, programs: Path) -> list[str]:
    if task.name == "import_ms":
        return [str(python(client.venv or "")), "-I", "-c", IMPORT.format(imports=client.imports)]
    where = ["--task", task.name, "--port", str(target.port), "--ca", target.ca, "--n", str(n)]
    if client.venv is None:
        return [str(programs / "bare"), *where]
    name, *options = client.script
    window = [] if client.window is None else ["--window", str(client.window)]
    return [str(python(client.venv)), str(CLIENTS / name), *options, *where, *window]


def run(client: Client, task: Task, n: int, target: Sink, programs: Path) -> Mapping[str, Any]:
    """One run in a fresh process; its JSON line, with the sink's CPU seconds and the whole run's wall seconds."""
    before, start = target.cpu_s(), time.perf_counter()
    try:
        done = subprocess.run(
            _command(client, task, n, target, programs),
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT,
            check=False,
            env=_environment(),
            preexec_fn=_pinned(cores()[1]),
        )
    except subprocess.TimeoutExpired as e:
        raise RunFailedError(f"no result within {RUN_TIMEOUT:.0f} s") from e
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        error = done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"]
        raise RunFailedError(error[-1][:300])
    result: dict[str, Any] = json.loads(lines[-1])
    return result | {"sink_cpu_s": target.cpu_s() - before, "run_s": time.perf_counter() - start}
