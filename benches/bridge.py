"""The bridge from tokio to asyncio, beside pyo3-async-runtimes.

``python benches/bridge.py`` (with azmqtt installed, and cargo) gathers 1,000 empty operations a hundred times, each
going to a task of the Rust runtime and back, in a fresh process for each bridge and round, and prints the CPU of one
operation and the number of threads. azmqtt's empty operation is ``connect_async`` on a client that is connected.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.machinery
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

HERE = Path(__file__).parent
CRATE = HERE / "bridge"
GATHERED, TIMES = 1000, 100


async def measure(operation: Callable[[], Awaitable[object]]) -> dict[str, float]:
    """Gather the operation; the first time does not count."""
    await asyncio.gather(*(operation() for _ in range(GATHERED)))
    started = time.process_time()
    for _ in range(TIMES):
        await asyncio.gather(*(operation() for _ in range(GATHERED)))
    used = time.process_time() - started
    return {"cpu_us": used / (GATHERED * TIMES) * 1e6, "threads": threads()}


def threads() -> int:
    """Count this process's threads."""
    return len(list(Path("/proc/self/task").iterdir()))


async def azmqtt_bridge() -> dict[str, float]:
    """Take the way of this package."""
    import azmqtt  # noqa: PLC0415 - only in its own process

    with azmqtt.LocalHub() as hub:
        async with hub.device_client("bridge") as client:
            await client.connect_async()
            result = await measure(client.connect_async)
    result["threads"] -= 1  # the hub's
    return result


async def peer_bridge() -> dict[str, float]:
    """Take the way of pyo3-async-runtimes, with its default runtime."""
    path = str(CRATE / "target" / "release" / "libbridge_peer.so")
    loader = importlib.machinery.ExtensionFileLoader("bridge_peer", path)
    spec = importlib.util.spec_from_file_location("bridge_peer", path, loader=loader)
    if spec is None:
        raise ImportError(path)
    peer = importlib.util.module_from_spec(spec)
    loader.exec_module(peer)

    async def nothing() -> None:
        await peer.nothing()

    return await measure(nothing)


BRIDGES = {"azmqtt": azmqtt_bridge, "pyo3-async-runtimes": peer_bridge}


def main() -> None:
    """Build the peer, run both in turn, print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=BRIDGES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(asyncio.run(BRIDGES[options.only]())))
        return
    cargo = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", str(CRATE / "Cargo.toml")]
    environment = {**os.environ, "PYO3_BUILD_EXTENSION_MODULE": "1", "PYO3_PYTHON": sys.executable}
    subprocess.run(cargo, check=True, env=environment)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in BRIDGES}
    for _ in range(options.rounds):
        for name in BRIDGES:
            output = subprocess.run([sys.executable, __file__, "--only", name], check=True, capture_output=True)
            runs[name].append(json.loads(output.stdout))
    for name, results in runs.items():
        cpu = statistics.median(result["cpu_us"] for result in results)
        threads = max(result["threads"] for result in results)
        print(f"{name:<22} {cpu:6.1f} µs of CPU an operation, {threads:.0f} threads")


if __name__ == "__main__":
    main()
