"""What is measured of the namespace by itself: start, routing, authorization."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from runner.machine import cores

from .brokers import on

START, COMMAND = "start, ms", "start of `azmqtt namespace` until it is ready, ms"

#: A line of the examples: what, and nanoseconds.
LINE = re.compile(r"^\s*(?P<what>\S.*?):?\s+(?P<ns>\d+) ns\b")


def measure(examples: Path, python: Path | None, rounds: int) -> dict[str, float]:
    """Return the medians of each figure, by what it is of."""
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for example in ("routing", "cost"):
            for what, nanoseconds in lines_of(examples / example):
                found[f"{what}, µs"].append(nanoseconds / 1e3)
        for _ in range(3):
            found[START].append(start(examples / "serve"))
            if python is not None:
                found[COMMAND].append(start_of_command(python))
    return {what: round(statistics.median(figures), 3) for what, figures in found.items()}


def lines_of(example: Path) -> list[tuple[str, int]]:
    """Run an example on the first core; return what it has measured."""
    done = subprocess.run([*on(cores()[0]), str(example)], check=True, capture_output=True, text=True)
    matches = map(LINE.match, done.stdout.splitlines())
    return [(match["what"], int(match["ns"])) for match in matches if match]


def start(serve: Path) -> float:
    """Start a namespace; return how many milliseconds that took."""
    with tempfile.TemporaryDirectory() as home:
        command = [str(serve), "0", home]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            ready, _ = process.communicate("")
    return float(json.loads(ready)["start_ms"])


def start_of_command(python: Path) -> float:
    """Start the command; return how many milliseconds it took until it said that it is ready."""
    command = [str(python), "-m", "azmqtt", "namespace", "--json", "--port", "0", "--https-port", "0"]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        process.stdout.readline()
        taken = time.perf_counter() - begun
        process.terminate()
    return taken * 1e3
