"""A soak: one device, a hub that drops it at random, and a count of every message.

``python benches/soak.py [--minutes 10] [--seed 1]`` sends numbered messages from a blocking thread and from
asyncio tasks while the hub cuts the connection at random moments, changes desired properties, and lets
tokens run out. At the end every message that the client said was acknowledged must be at the hub (repeats
are counted and allowed), every desired version must have arrived, and memory must have stayed flat.

The hub runs in a process of its own, so that the memory that is watched is the client's.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import multiprocessing
import random
import threading
import time
from array import array
from collections import Counter
from multiprocessing.connection import Connection
from typing import Any

import azmqtt

DEVICE = "soak"
#: Seconds between messages: some thousands a second in all, so that the hub's record can be read in time.
PACE = 0.002


#: The streams of numbered messages: sent one by one, in batches, and gathered.
STREAMS = "bma"
#: Room for the numbers of one stream, allocated before memory is watched.
CAPACITY = 4_000_000


def hub_process(pipe: Connection, seed: int, seconds: float) -> None:
    """Run the hub: drop the device at random, change what is desired, and report what came in."""
    rng = random.Random(seed)  # noqa: S311 - a schedule that can be repeated, not a secret
    received = {stream: bytearray(CAPACITY) for stream in STREAMS}
    with azmqtt.LocalHub() as hub:
        device = hub.create_device(DEVICE)
        pipe.send((device.connection_string, hub.ca_file, hub.port))
        end = time.monotonic() + seconds
        drops = last = 0
        next_drop = time.monotonic() + 2
        while time.monotonic() < end:
            last = collect(hub, received, last)
            if time.monotonic() >= next_drop:
                hub.disconnect(DEVICE)
                drops += 1
                next_drop = time.monotonic() + rng.uniform(0.2, 8)
            hub.patch_desired(DEVICE, {"n": rng.randrange(1_000_000)})
            time.sleep(0.05)
        version = hub.patch_desired(DEVICE, {"last": True})
        pipe.send(("quiet", version))
        pipe.recv()  # the client has closed
        last = collect(hub, received, last)
        pipe.send((received, last, drops))


def collect(hub: azmqtt.LocalHub, received: dict[str, bytearray], after: int) -> int:
    """Count what came in after a sequence number; return the newest one."""
    for message in hub.telemetry(DEVICE, after=after):
        if message.sequence != after + 1:
            raise RuntimeError("the hub's record overflowed: the count would be wrong")
        stream, number = message.text[0], int(message.text[1:])
        received[stream][number] = min(255, received[stream][number] + 1)
        after = message.sequence
    return after


def resident_kib() -> int:
    """Memory of this process that is in RAM, in KiB."""
    with open("/proc/self/statm") as statm:  # noqa: PTH123 - a fixed kernel file
        return int(statm.read().split()[1]) * 4


class Tally:
    """What the client was told."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.acknowledged = {stream: bytearray(CAPACITY) for stream in STREAMS}
        self.failed: Counter[str] = Counter()
        self.desired_versions: array[int] = array("Q")
        self.memory: list[int] = []


def send_blocking(client: azmqtt.DeviceClient, tally: Tally, stop: threading.Event) -> None:
    """Send numbered messages one by one, and a batch now and then."""
    number = batched = 0
    while not stop.wait(PACE):
        try:
            client.send_message(f"b{number}".encode(), timeout=60)
            tally.acknowledged["b"][number] = 1
        except azmqtt.IotHubError as error:
            tally.failed[type(error).__name__] += 1
        number += 1
        if number % 200 == 0:
            batch = range(batched, batched + 500)
            if client.send_messages((f"m{index}".encode() for index in batch), timeout=60) == len(batch):
                tally.acknowledged["m"][batch.start : batch.stop] = b"\1" * len(batch)
            batched = batch.stop


async def send_async(client: azmqtt.DeviceClient, tally: Tally, stop: threading.Event) -> None:
    """Send numbered messages many at a time, and patch the twin."""
    number = 0

    async def one(number: int) -> None:
        try:
            await client.send_message_async(f"a{number}".encode(), timeout=60)
            tally.acknowledged["a"][number] = 1
        except azmqtt.IotHubError as error:
            tally.failed[type(error).__name__] += 1

    while not stop.is_set():
        await asyncio.gather(*(one(number + index) for index in range(100)))
        number += 100
        await client.patch_reported_properties_async({"sent": number}, timeout=60)
        await asyncio.sleep(50 * PACE)


def watch_desired(client: azmqtt.DeviceClient, tally: Tally) -> None:
    """Note every desired change until the client is closed."""
    for change in client.desired_properties():
        tally.desired_versions.append(change.version)


def main() -> int:
    """Run the soak; return 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    seconds = options.minutes * 60

    context = multiprocessing.get_context("spawn")
    pipe, other = context.Pipe()
    hub = context.Process(target=hub_process, args=(other, options.seed, seconds))
    hub.start()
    connection_string, ca_file, port = pipe.recv()

    tally = Tally()
    stop = threading.Event()
    client = azmqtt.DeviceClient.from_connection_string(
        connection_string,
        trust=ca_file,
        port=port,
        sas_ttl=5,
        retry=azmqtt.RetryPolicy(base=0.05, max=1.0),
    )
    client.connect()
    threads = [
        threading.Thread(target=send_blocking, args=(client, tally, stop)),
        threading.Thread(target=lambda: asyncio.run(send_async(client, tally, stop))),
        threading.Thread(target=watch_desired, args=(client, tally)),
    ]
    for thread in threads:
        thread.start()
    while not pipe.poll(5):
        tally.memory.append(resident_kib())
    _, last_version = pipe.recv()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and tally.desired_versions[-1:] != array("Q", [last_version]):
        time.sleep(0.05)
    stop.set()
    for thread in threads[:2]:
        thread.join()
    unsent = client.close(timeout=30)
    threads[2].join()
    stats = client.stats()
    pipe.send("closed")
    received, total, drops = pipe.recv()
    hub.join()
    return report(tally, received, total, drops, unsent, last_version, stats, seconds)


def report(  # noqa: PLR0913, PLR0917 - the figures of one run
    tally: Tally,
    received: dict[str, bytearray],
    total: int,
    drops: int,
    unsent: object,
    last_version: int,
    stats: Any,
    seconds: float,
) -> int:
    """Print the figures; return 0 if nothing was lost."""
    acknowledged = sum(sum(flags) for flags in tally.acknowledged.values())
    lost = sum(
        1
        for stream, flags in tally.acknowledged.items()
        for told, came in zip(flags, received[stream], strict=True)
        if told and not came
    )
    distinct = sum(CAPACITY - counts.count(0) for counts in received.values())
    versions = tally.desired_versions
    in_order = all(earlier < later for earlier, later in itertools.pairwise(versions))
    seen_last = len(versions) > 0 and versions[-1] == last_version
    quarter = max(1, len(tally.memory) // 4)
    result = {
        "seconds": seconds,
        "drops": drops,
        "acknowledged": acknowledged,
        "received": distinct,
        "lost": lost,
        "repeated": total - distinct,
        "errors": dict(tally.failed),
        "unsent_at_close": unsent,
        "desired_changes": len(versions),
        "desired_in_order_without_repeats": in_order,
        "desired_last_seen": seen_last,
        "rss_kib_first_quarter": sorted(tally.memory[:quarter])[quarter // 2],
        "rss_kib_last_quarter": sorted(tally.memory[-quarter:])[quarter // 2],
        "stats": dict(stats) if isinstance(stats, dict) else str(stats),
    }
    print(json.dumps(result, indent=2))
    return 0 if not lost and in_order and seen_last else 1


if __name__ == "__main__":
    raise SystemExit(main())
