"""Run with `stuck_resolver.c` in front of libc: while many names hang, everything that dials connects to another."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from pathlib import Path

import azmqtt
from azmqtt import DeviceClient, provisioning, sas
from azmqtt.paho import client as dropin
from proxy_servers import HttpProxy

NAME = "hub.healthy"
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#: More than any pool has.
STUCK = 150
LONG = 3600.0


def lookups() -> int:
    """How many threads look a name up at the moment."""
    names = []
    for file in Path("/proc/self/task").glob("*/comm"):
        try:
            names.append(file.read_text().strip())
        except FileNotFoundError:
            continue
    return names.count("azmqtt-dns")


def wait_for(count: int) -> None:
    until = time.monotonic() + 60
    while lookups() != count:
        assert time.monotonic() < until, lookups()
        time.sleep(0.01)


def stick() -> None:
    """Have `STUCK` names looked up that hang, by every kind of client, and one of them by many."""

    def registering(name: str) -> object:
        return provisioning.register(
            "0ne00000000", "a", symmetric_key=KEY, provisioning_host=name, timeout=LONG, retry=RETRY
        )

    def dropping_in(name: str) -> object:
        client = dropin.Client(dropin.CallbackAPIVersion.VERSION2)
        client.connect_timeout = LONG
        return client.connect(name)

    def connecting(name: str) -> object:
        text = f"HostName={name};DeviceId=d;SharedAccessKey={KEY}"
        return DeviceClient.from_connection_string(text, retry=RETRY, timeout=LONG).connect()

    kinds = (connecting, dropping_in, registering)
    for number in range(STUCK):
        kind, name = kinds[number % len(kinds)], f"n{number}.stuck"
        threading.Thread(target=kind, args=(name,), daemon=True).start()
    wait_for(STUCK)
    for _ in range(20):
        threading.Thread(target=connecting, args=("N0.stuck",), daemon=True).start()


RETRY = azmqtt.RetryPolicy(base=1, max=1, first_connect=True)


def main() -> None:
    with azmqtt.LocalHub(hostname=NAME) as hub, HttpProxy(hosts={NAME: hub.port}) as proxy:
        stick()
        device = hub.create_device()
        options = {"port": hub.port, "trust": hub.ca_file, "https_port": hub.websocket_port, "timeout": 30}
        make = DeviceClient.from_connection_string
        with make(device.connection_string, **options) as client:
            client.send_message("device")
            client.upload_file(b"uploaded", "file")
        with make(device.connection_string, **{**options, "port": hub.websocket_port}, websocket=True) as client:
            client.send_message("websocket")
        with make(device.connection_string, **options, proxy=f"http://proxy.healthy:{proxy.port}") as client:
            client.send_message("proxy")
        asyncio.run(in_a_loop(device.connection_string, options))
        generic = dropin.Client(dropin.CallbackAPIVersion.VERSION2, device.device_id)
        key = device.connection_string.rpartition("SharedAccessKey=")[2]
        generic.username_pw_set(
            f"{NAME}/{device.device_id}/?api-version=2021-04-12",
            sas.generate(f"{NAME}/devices/{device.device_id}", key),
        )
        generic.tls_set(ca_certs=hub.ca_file)
        assert generic.connect(NAME, hub.port) == 0
        enrolled = hub.create_enrollment("enrolled")
        where = {**hub.provisioning_options, "provisioning_host": NAME}
        provisioning.register(hub.id_scope, "enrolled", symmetric_key=enrolled.key, **where)
        assert lookups() >= STUCK
        sent = [message.text for message in hub.telemetry(device.device_id)]
        assert sent == ["device", "websocket", "proxy", "async"], sent
        assert hub.blob(f"{device.device_id}/file") == b"uploaded"
    sys.stdout.write("all of it connected\n")


async def in_a_loop(connection_string: str, options: dict) -> None:
    async with DeviceClient.from_connection_string(connection_string, **options) as client:
        await client.send_message_async("async")


if __name__ == "__main__":
    main()
