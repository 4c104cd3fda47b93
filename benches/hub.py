"""Measures the local hub: its start, its memory with many devices connected, and one fast device.

``python benches/hub.py [--devices 10000] [--messages 1000000] [--rounds 3] [--python NAME=PATH ...]``

Each ``--python`` is an interpreter with azmqtt in a release build, measured in turn in every round, so that two
versions can be compared side by side; without any, this checkout is built into ``benches/.venvs/azmqtt``. Hub and
clients are processes of their own. CPU is the hub's, kernel part included; on a busy machine it is the figure to go by.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.machine import facts
from runner.venvs import build_rig, prepare, python

#: A hub with devices, and a file of their logins; ends with its standard input.
HUB = """
import json, sys, time
import azmqtt
path, count, record, state = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1", sys.argv[4] or None
hub = azmqtt.LocalHub(record=record, state=state)
with open(path, "w") as logins:
    for number in range(count):
        device = hub.create_device(f"device-{number:05}")
        key = device.connection_string.split("SharedAccessKey=")[1]
        id = device.device_id
        token = azmqtt.sas.generate(f"{hub.hostname}/devices/{id}", key, ttl=86400)
        print(id, f"{hub.hostname}/{id}/?api-version=2021-04-12", token, sep="\\t", file=logins)
print(json.dumps({"port": hub.port, "ca": hub.ca_file}), flush=True)
sys.stdin.read()
"""

#: A hub's start as a program sees it.
START = """
import json, sys, time
begun = time.perf_counter()
import azmqtt
imported = time.perf_counter()
hub = azmqtt.LocalHub(state=(sys.argv[1] or None))
started = time.perf_counter()
print(json.dumps({"import_ms": (imported - begun) * 1e3, "LocalHub() ms": (started - imported) * 1e3}))
"""

Figures = dict[str, float]


class Hub:
    """A running hub."""

    def __init__(self, process: subprocess.Popen[str], ready: dict[str, Any], logins: Path) -> None:
        self.process = process
        self.arguments = ["--port", str(ready["port"]), "--ca", ready["ca"], "--logins", str(logins)]

    def resident_kib(self) -> int:
        """Its memory in RAM."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * 4

    def cpu_s(self) -> float:
        """CPU seconds of all its threads so far."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def running(interpreter: Path, devices: int, *, record: bool, state: str = "") -> Iterator[Hub]:
    """Run a hub with devices, for a while."""
    with tempfile.TemporaryDirectory() as folder:
        logins = Path(folder) / "logins"
        command = [str(interpreter), "-c", HUB, str(logins), str(devices), str(int(record)), state]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            ready = json.loads(process.stdout.readline())
            yield Hub(process, ready, logins)
            process.communicate("", timeout=60)


def scale(interpreter: Path, rig: Path, devices: int, burst: int) -> Figures:
    """Connect them all, let each send one message if they are to, wait, and weigh the hub."""
    with running(interpreter, devices, record=False) as hub:
        known = hub.resident_kib()
        cpu = hub.cpu_s()
        fleet = [str(rig / "fleet"), *hub.arguments, "--burst", str(burst)]
        with subprocess.Popen(fleet, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as clients:
            assert clients.stdout is not None  # noqa: S101 - a pipe was asked for
            report = json.loads(clients.stdout.readline())
            connected = report["connected"]
            if report["error"]:
                print(f"only {connected} of {devices} devices connected: {report['error']}", file=sys.stderr)
            connecting = hub.cpu_s() - cpu
            resident = hub.resident_kib()
            cpu = hub.cpu_s()
            time.sleep(5)
            idle = (hub.cpu_s() - cpu) / 5
            clients.communicate("", timeout=60)
    each = (resident - known) / connected
    if burst:
        return {f"KiB a device after {burst >> 10} KiB from each": each}
    return {
        "devices connected": connected,
        "KiB a connected device": each,
        "hub MiB in all": resident / 1024,
        "connects/s": connected / report["elapsed_s"],
        "hub CPU µs a connect": connecting / connected * 1e6,
        "hub CPU idle, %": idle * 100,
    }


@dataclass(frozen=True)
class Load:
    """What one fast device sends."""

    payload: int
    record: bool = True
    properties: str = ""

    @property
    def label(self) -> str:
        """What stands before its figures."""
        return f"{self.payload} B{', 3 properties' if self.properties else ''}{'' if self.record else ', count only'}"


LOADS = (
    Load(256, record=False),
    Load(256),
    Load(64),
    Load(256, properties="%24.mid=m-1&%24.ct=application%2Fjson&kind=a"),
)


def throughput(interpreter: Path, rig: Path, messages: int, load: Load) -> Figures:
    """Let one device send with a full window."""
    with running(interpreter, 1, record=load.record) as hub:
        fleet = [str(rig / "fleet"), *hub.arguments, "--messages", str(messages), "--payload", str(load.payload)]
        cpu = hub.cpu_s()
        command = [*fleet, "--properties", load.properties]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        report = json.loads(done.stdout)
        return {
            f"{load.label}: msg/s": report["msgs"] / report["elapsed_s"],
            f"{load.label}: hub CPU µs/msg": (hub.cpu_s() - cpu) / report["msgs"] * 1e6,
        }


def start(interpreter: Path, state: str) -> Figures:
    """Start a hub in a program, and by the command from exec to its line."""
    done = subprocess.run([interpreter, "-c", START, state], capture_output=True, text=True, check=True)
    figures: Figures = json.loads(done.stdout)
    command = [str(interpreter), "-m", "azmqtt", "hub", "--json", "--port", "0"]
    begun = time.perf_counter()
    with subprocess.Popen(
        command + (["--state", state] if state else []), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        process.stdout.readline()
        figures["azmqtt hub, exec to ready, ms"] = (time.perf_counter() - begun) * 1e3
        process.terminate()
        process.wait(timeout=10)
    return {f"{name}{' (state)' if state else ''}": value for name, value in figures.items()}


def interpreters(given: list[str]) -> dict[str, Path]:
    """Return what to measure, by name."""
    if not given:
        prepare("azmqtt", install=True)
        return {"now": python("azmqtt")}
    pairs = (text.partition("=") for text in given)
    return {name: Path(path).absolute() for name, _, path in pairs}


def allow_files(wanted: int) -> int:
    """Let this process and its children have that many devices; how many they may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    possible = min(wanted, most - 100)
    if possible < wanted:
        print(f"a process may have {most} files here: {possible} devices instead of {wanted}", file=sys.stderr)
    return possible


def measure(args: argparse.Namespace, name: str, path: Path, rig: Path, state: Path) -> Iterator[Figures]:
    """One round with one version."""
    wanted = args.only or ["start", "scale", "throughput"]
    if "start" in wanted:
        for number in range(args.starts):
            yield start(path, "" if number % 2 else str(state / name))
    if "scale" in wanted:
        for burst in (0, 100 << 10):
            yield scale(path, rig, args.devices, burst)
    if "throughput" in wanted:
        for load in LOADS:
            yield throughput(path, rig, args.messages, load)


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--starts", type=int, default=10, help="starts in each round")
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--only", choices=["start", "scale", "throughput"], action="append")
    args = parser.parse_args()
    args.devices = allow_files(args.devices)
    rig = build_rig()
    versions = interpreters(args.python)
    print(json.dumps(facts()))
    figures: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as state:
        for _ in range(args.rounds):
            for name, path in versions.items():
                for found in measure(args, name, path, rig, Path(state)):
                    for figure, value in found.items():
                        figures[figure][name].append(value)
    print(f"| median of the rounds | {' | '.join(versions)} |\n|---|{'---:|' * len(versions)}")
    for figure, by_version in figures.items():
        values = [f"{statistics.median(by_version[name]):,.4g}" for name in versions]
        print(f"| {figure} | {' | '.join(values)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
