"""Measures the page of the local hub in Chromium: its list of devices, what it takes live, and whether it grows.

``python benches/page.py [--devices 10000] [--rate 1000] [--seconds 20] [--messages 1000000] [--rounds 5]``

Runs in the environment of the interpreter, which has azmqtt in a release build, cryptography and pytest. Hub and
sender are in this process; the browser is Debian's Chromium, headless, without a GPU: it draws with the processor. Its
CPU is that of all its processes. ``--messages`` are sent as fast as a device can, in turns with and without a page
that shows them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import azmqtt

from runner.machine import facts
from runner.paths import REPOSITORY
from runner.venvs import build_rig

sys.path.insert(0, str(REPOSITORY / "tests" / "support"))
from browser import Browser, Page, spki_hash

TICKS = os.sysconf("SC_CLK_TCK")

Figures = dict[str, float]

#: Opens the list of devices; milliseconds until it has a number of them.
LISTED = """
new Promise((done) => {
  const begun = performance.now();
  location.hash = "#/devices";
  const look = () => {
    const shown = document.querySelector(".title .count")?.innerText === %s;
    shown ? done(performance.now() - begun) : setTimeout(look, 1);
  };
  look();
})
"""


def cpu_s(root: int) -> float:
    """CPU seconds so far of a process and of all below it."""
    parents: dict[int, list[int]] = defaultdict(list)
    used: dict[int, float] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        pid = int(stat.parent.name)
        parents[int(fields[1])].append(pid)
        # Of children that have ended, too.
        used[pid] = sum(int(ticks) for ticks in fields[11:15]) / TICKS
    found, total = [root], 0.0
    while found:
        pid = found.pop()
        total += used.get(pid, 0)
        found += parents[pid]
    return total


def own_cpu_s() -> float:
    """CPU seconds of this process's threads, without its children."""
    tasks = Path("/proc/self/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def weight(page: Page) -> tuple[float, int]:
    """Return the MiB of a page's JavaScript heap after a collection, and the nodes of its document."""
    page.send("HeapProfiler.collectGarbage")
    page.send("HeapProfiler.collectGarbage")
    nodes = page.run("document.getElementsByTagName('*').length")
    return page.send("Runtime.getHeapUsage")["usedSize"] / 2**20, nodes


def listing(page: Page, devices: int) -> Iterator[Figures]:
    """Show all devices, ten times."""
    shown = f"{devices:,}"
    for _ in range(10):
        page.run("location.hash = '#/faults'")
        page.wait("document.querySelector('h1').innerText === 'Faults'")
        took = page.run(LISTED % json.dumps(shown))
        yield {f"{devices:,} devices listed, ms": took}


def send_at(client: azmqtt.DeviceClient, rate: int, seconds: float, sent: int = 0) -> int:
    """Send messages at a rate, a hundredth of a second's at a time; return their number."""
    begun = time.monotonic()
    while (elapsed := time.monotonic() - begun) < seconds:
        due = int(elapsed * rate) - sent
        if due > 0:
            client.send_messages(
                [
                    json.dumps({"temperature": 20 + number % 100 / 10, "humidity": 40 + number % 7, "n": number})
                    for number in range(sent, sent + due)
                ]
            )
            sent += due
        time.sleep(0.01)
    return sent


def live(page: Page, browser: Browser, client: azmqtt.DeviceClient, args: argparse.Namespace) -> Iterator[Figures]:
    """Send at a rate and show it: the browser's CPU in each view."""
    for view in ("devices/device-0/telemetry", "packets", "devices"):
        page.run(f"location.hash = '#/{view}'")
        send_at(client, args.rate, 3)
        before, begun = cpu_s(browser.pid), time.monotonic()
        send_at(client, args.rate, args.seconds)
        used = (cpu_s(browser.pid) - before) / (time.monotonic() - begun)
        yield {f"{args.rate:,} messages/s, {view}: browser CPU, % of a core": used * 100}


def growth(page: Page, client: azmqtt.DeviceClient) -> Iterator[Figures]:
    """Weigh a page that has seen ever more."""
    page.run("location.hash = '#/devices/device-0/telemetry'")
    sent = 0
    for target in (10_000, 50_000, 100_000, 200_000):
        sent += send_at(client, 4000, (target - sent) / 4000)
        time.sleep(2)
        heap, nodes = weight(page)
        yield {f"after {target:,} messages: heap, MiB": heap, f"after {target:,} messages: nodes": nodes}


def full_speed(hub: azmqtt.LocalHub, key: str, rig: Path, args: argparse.Namespace, shown: str) -> Figures:
    """Let the device ``fast`` send as fast as it can."""
    token = azmqtt.sas.generate(f"{hub.hostname}/devices/fast", key, ttl=86400)
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as logins:
        print("fast", f"{hub.hostname}/fast/?api-version=2021-04-12", token, sep="\t", file=logins, flush=True)
        command = [str(rig / "fleet"), "--port", str(hub.port), "--ca", hub.ca_file, "--logins", logins.name]
        cpu = own_cpu_s()
        done = subprocess.run(
            [*command, "--messages", str(args.messages), "--payload", "256"], capture_output=True, text=True, check=True
        )
    report = json.loads(done.stdout)
    return {
        f"full speed, {shown}: messages/s": report["msgs"] / report["elapsed_s"],
        f"full speed, {shown}: hub CPU µs/message": (own_cpu_s() - cpu) / report["msgs"] * 1e6,
    }


def paced(client: azmqtt.DeviceClient, args: argparse.Namespace, shown: str) -> Figures:
    """Send at the rate that is shown: what hub and sender take together."""
    cpu = own_cpu_s()
    send_at(client, args.rate, args.seconds)
    return {f"{args.rate:,} messages/s, {shown}: hub and sender, % of a core": (own_cpu_s() - cpu) / args.seconds * 100}


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    rig = build_rig()
    print(json.dumps(facts()))
    figures: dict[str, list[float]] = defaultdict(list)

    def take(found: Figures) -> None:
        for name, value in found.items():
            figures[name].append(value)

    with azmqtt.LocalHub(record_packets=True) as hub:
        for number in range(args.devices):
            hub.create_device(f"device-{number}")
        key = hub.create_device("fast").connection_string.split("SharedAccessKey=")[1]
        with hub.device_client("device-0") as client, Browser(spki_hash(hub.service_port)) as browser:
            client.connect()
            page = browser.open(hub.page_url())
            page.wait_text("Devices")
            parts: list[Callable[[], Iterator[Figures]]] = [
                lambda: listing(page, args.devices + 1),
                lambda: live(page, browser, client, args),
                lambda: growth(page, client),
            ]
            for part in parts:
                for found in part():
                    take(found)
            page.run("location.hash = '#/devices/device-0/telemetry'")
            for _ in range(args.rounds):
                page.go("about:blank")
                take(full_speed(hub, key, rig, args, "no page"))
                take(paced(client, args, "no page"))
                page.go(hub.page_url().split("#")[0] + "#/devices/device-0/telemetry")
                page.wait("document.querySelector('.live').dataset.state === 'live'")
                take(full_speed(hub, key, rig, args, "page open"))
                take(paced(client, args, "page open"))
    print("| median | |\n|---|---:|")
    for name, values in figures.items():
        print(f"| {name} | {statistics.median(values):,.4g} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
