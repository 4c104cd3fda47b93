"""What all client scripts share: arguments, clocks, figures, the one line of JSON.

A client script holds one function for each task it can do and hands them to :func:`main`. Every run is a fresh
process. CPU is that of the whole process, all threads included, and only of the measured part.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import itertools
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PAYLOAD = b"x" * 256
PATCH = {"temperature": 21.5}
PATCH_BYTES = json.dumps(PATCH).encode()
TIMEOUT = 60.0
"""Seconds that any single wait may take before the run counts as failed."""

REQUESTS = "requests"
"""Where the requests of MQTT 5 go; the sink answers on any topic."""

TWIN_RESPONSES = "$iothub/twin/res/#"
TWIN_STATUS_OK = "204"


@dataclass(frozen=True)
class Job:
    """One task against one sink."""

    task: str
    host: str
    port: int
    ca: str
    n: int
    window: int | None
    """QoS 1 messages on their way at once, for clients that can be told; ``None`` leaves their default."""
    device: str = "bench"

    @property
    def v5(self) -> bool:
        """Whether the task speaks MQTT 5; all others speak MQTT 3.1.1."""
        return self.task.startswith("v5_")

    @property
    def answers(self) -> str:
        """The response topic of its requests."""
        return f"clients/{self.device}/{REQUESTS}"

    @property
    def username(self) -> str:
        """The user name as IoT Hub has it; the sink takes anything."""
        return f"{self.host}/{self.device}/?api-version=2021-04-12"

    @property
    def events(self) -> str:
        """The device-to-cloud topic."""
        return f"devices/{self.device}/messages/events/"

    @property
    def devicebound(self) -> str:
        """The cloud-to-device filter."""
        return f"devices/{self.device}/messages/devicebound/#"

    def connection_string(self, device: str | None = None) -> str:
        """Return a connection string with a key that is well formed; the sink does not verify it."""
        return (
            f"HostName={self.host};DeviceId={device or self.device};"
            "SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
        )

    def flood(self, qos: int) -> bytes:
        """Return the payload that asks the sink for ``n`` messages."""
        return f"FLOOD {self.n} {qos}".encode()


@dataclass
class Result:
    """What a task measured; the figures end up in the JSON line."""

    msgs: int
    elapsed_s: float = 0.0
    cpu_s: float = 0.0
    samples: list[float] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def to_dict(self, task: str) -> dict[str, Any]:
        """Return the result as the runner reads it."""
        rss, threads = footprint()
        out: dict[str, Any] = {
            "task": task,
            "elapsed_s": self.elapsed_s,
            "cpu_s": self.cpu_s,
            "msgs": self.msgs,
            "rss_kib": rss,
            "threads": threads,
        }
        if self.samples:
            ordered = sorted(self.samples)
            out["p50_us"] = statistics.median(ordered) * 1e6
            out["p99_us"] = ordered[round(0.99 * (len(ordered) - 1))] * 1e6
        return out | self.extra


@contextlib.contextmanager
def measured(msgs: int) -> Iterator[Result]:
    """Run the clocks over its body."""
    result = Result(msgs)
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    yield result
    result.elapsed_s = time.perf_counter() - wall
    result.cpu_s = time.process_time() - cpu


def repeat(n: int, once: Callable[[], object]) -> Result:
    """Call ``once`` ``n`` times, one after the other, and keep each call's duration."""
    clock = time.perf_counter
    with measured(n) as result:
        samples = result.samples
        for _ in range(n):
            start = clock()
            once()
            samples.append(clock() - start)
    return result


async def repeat_async(n: int, once: Callable[[], Any]) -> Result:
    """Awaits ``once()`` ``n`` times, one after the other, and keeps each call's duration."""
    clock = time.perf_counter
    with measured(n) as result:
        samples = result.samples
        for _ in range(n):
            start = clock()
            await once()
            samples.append(clock() - start)
    return result


async def gathered(n: int, width: int, once: Callable[[], Any]) -> Result:
    """Run ``once()`` ``n`` times, ``width`` gathered at a time."""
    import asyncio  # noqa: PLC0415 -- blocking clients do without it

    rounds, rest = divmod(n, width)
    with measured(n) as result:
        for count in [width] * rounds + [rest] * bool(rest):
            await asyncio.gather(*(once() for _ in range(count)))
    return result


def footprint() -> tuple[int, int]:
    """Resident memory in KiB and the number of threads."""
    values = {}
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "Threads"):
            values[name] = int(value.split()[0])
    return values.get("VmRSS", 0), values.get("Threads", 0)


class Footprint:
    """Memory and threads of clients opened one by one; made before the first of them."""

    def __init__(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        gc.collect()
        self._before, self._threads = footprint()
        self._cpu, self._start = time.process_time(), time.perf_counter()

    def result(self, clients: int, error: BaseException | None) -> Result:
        """Read the footprint while ``clients`` are open; ``error`` is why there are not more."""
        result = Result(clients, time.perf_counter() - self._start, time.process_time() - self._cpu)
        gc.collect()
        rss, _ = footprint()
        result.extra = {
            "clients": clients,
            "rss_per_client_kib": (rss - self._before) / max(clients, 1),
            "rss_before_kib": self._before,
            "threads_before": self._threads,
        }
        if error is not None:
            result.extra["stopped_by"] = f"{type(error).__name__}: {error}"
        return result


def open_many(n: int, connect: Callable[[int], object]) -> Result:
    """Open ``n`` clients and keep them; stop early at the first that cannot be opened."""
    reading = Footprint()
    kept: list[object] = []
    error: BaseException | None = None
    try:
        kept.extend(connect(i) for i in range(n))
    except Exception as e:  # noqa: BLE001 -- whatever stops it is the finding
        error = e
    return reading.result(len(kept), error)


async def open_many_async(n: int, connect: Callable[[int], Any]) -> Result:
    """Do the same with ``async`` clients."""
    reading = Footprint()
    kept: list[object] = []
    error: BaseException | None = None
    try:
        for i in range(n):
            kept.append(await connect(i))
    except Exception as e:  # noqa: BLE001 -- whatever stops it is the finding
        error = e
    return reading.result(len(kept), error)


def correlations() -> Iterator[bytes]:
    """Count in correlation data of 16 bytes."""
    return (number.to_bytes(16, "big") for number in itertools.count(1))


def request_id(topic: str) -> str:
    """Return the ``$rid`` of a twin response topic."""
    _, _, bag = topic.partition("?$rid=")
    return bag.partition("&")[0]


Task = Callable[[Job], Result]


def main(tasks: dict[str, Task]) -> None:
    """Run the task that the command line names and print its result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", required=True)
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--n", type=int, required=True)
    parser.add_argument("--window", type=int)
    job = Job(**vars(parser.parse_args()))
    name = "footprint" if job.task.startswith("footprint_") else job.task
    if name not in tasks:
        print(json.dumps({"task": job.task, "skipped": "this client has no such way"}))
        return
    result = tasks[name](job)
    print(json.dumps(result.to_dict(job.task)), flush=True)
    sys.stderr.flush()
    # Open clients and their threads end with the process; how well they close is not measured here.
    os._exit(0)
