"""Share work between clients, in asyncio: ``python mqtt_async.py HOST PORT CA_FILE``."""

import asyncio
import sys

import azmqtt


async def main(hostname: str = "localhost", port: str = "8883", ca_file: str | None = None) -> None:
    """Send ten jobs to two workers; each job goes to one of them."""
    async with (
        azmqtt.MqttClient(hostname, port=int(port), trust=ca_file) as sender,
        azmqtt.MqttClient(hostname, port=int(port), trust=ca_file) as first,
        azmqtt.MqttClient(hostname, port=int(port), trust=ca_file) as second,
    ):
        done: asyncio.Queue[str] = asyncio.Queue()

        for worker in (first, second):

            @worker.on_message("jobs/+")
            async def work(job: azmqtt.MqttMessage) -> None:
                await asyncio.sleep(0.01)
                await done.put(job.text())

            await worker.subscribe_async("$share/workers/jobs/+")

        await asyncio.gather(*(sender.publish_async(f"jobs/{n}", f"job {n}") for n in range(10)))
        print(sorted([await asyncio.wait_for(done.get(), 20) for _ in range(10)]))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
