"""What is asked of both brokers, and what an answer costs."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runner.machine import cores

from .brokers import Broker, on

Figures = dict[str, float]


@dataclass(frozen=True)
class Case:
    """Publishers at QoS 1, and subscribers that each get all."""

    name: str
    #: How many times less of its figure than Mosquitto is wanted, and which figure that is.
    target: float
    figure: str
    publishers: int
    subscribers: int
    #: Of the subscribers.
    qos: int
    #: Of each publisher.
    messages: int
    #: Messages of a publisher on their way at once.
    window: int = 100
    #: From one message to the next.
    interval_ms: int = 0


MESSAGE, DELIVERY = "µs a message", "µs a delivery"

CASES = [
    Case("fan-in, 1 publisher, no subscriber", 10, MESSAGE, 1, 0, 1, 200_000, 1000),
    Case("fan-in, 20 publishers, no subscriber", 10, MESSAGE, 20, 0, 1, 10_000),
    Case("fan-in, 1 publisher, 1 subscriber at QoS 0", 10, MESSAGE, 1, 1, 0, 100_000, 1000),
    Case("fan-in, 20 publishers, 1 subscriber at QoS 0", 10, MESSAGE, 20, 1, 0, 5_000),
    Case("1:1, QoS 1, both acknowledge", 6, MESSAGE, 1, 1, 1, 100_000, 1000),
    Case("20:1, QoS 1, both acknowledge", 10, MESSAGE, 20, 1, 1, 5_000),
    Case("fan-out to 1,000, pipelined", 4, DELIVERY, 1, 1000, 0, 200),
    Case("fan-out to 1,000, one at a time", 1.3, DELIVERY, 1, 1000, 0, 100, 1),
    Case("fan-out to 1,000, one every 50 ms", 1.3, DELIVERY, 1, 1000, 0, 50, 1, 50),
]

#: The name of the case of clients that only stay connected.
IDLE = "idle clients"


@contextmanager
def clients_of(rig: Path, broker: Broker, home: Path, *options: object) -> Iterator[subprocess.Popen[str]]:
    """Connect the rig's clients of a broker, on the second core."""
    shown = ["--cert", str(home / "client.pem"), "--key", str(home / "client-key.pem")]
    command = [*on(cores()[1]), str(rig / "pubsub"), *broker.arguments, *shown, *map(str, options)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if line_of(process) != "ready":
            raise RuntimeError("the clients did not connect")
        yield process
        assert process.stdin is not None  # noqa: S101 - a pipe was asked for
        process.stdin.close()


def line_of(process: subprocess.Popen[str]) -> str:
    """Return the next line that a program prints."""
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    return process.stdout.readline().rstrip("\n")


def measure(rig: Path, broker: Broker, home: Path, case: Case, scale: float) -> Figures:
    """Run a case; return its figures."""
    messages = max(10, round(case.messages * scale))
    options = {
        "publishers": case.publishers,
        "subscribers": case.subscribers,
        "qos": case.qos,
        "messages": messages,
        "window": case.window,
        "interval": case.interval_ms,
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    with clients_of(rig, broker, home, *arguments) as process:
        before = broker.cpu_s()
        assert process.stdin is not None  # noqa: S101 - a pipe was asked for
        process.stdin.write("go\n")
        process.stdin.flush()
        line = line_of(process)
        cpu = broker.cpu_s() - before
    elapsed = json.loads(line)["elapsed_s"]
    count = case.publishers * messages
    figures = {"messages/s": round(count / elapsed), MESSAGE: round(cpu / count * 1e6, 3)}
    if case.subscribers > 1:
        figures[DELIVERY] = round(cpu / (count * case.subscribers) * 1e6, 3)
    return figures


def idle(rig: Path, broker: Broker, home: Path, count: int) -> Figures:
    """Connect clients that do nothing; return what each costs."""
    before, cpu, start = broker.resident_kib(), broker.cpu_s(), time.monotonic()
    with clients_of(rig, broker, home, "--idle", count):
        return {
            "KiB a client": round((broker.resident_kib() - before) / count, 1),
            "ms of CPU a connect": round((broker.cpu_s() - cpu) / count * 1e3, 2),
            "seconds": round(time.monotonic() - start, 1),
        }
