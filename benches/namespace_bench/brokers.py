"""The brokers under test, each on the first core."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.machine import cores

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")

#: As many messages on their way to a client as the namespace allows, and none dropped.
CONFIGURATION = """
user {user}
listener {port} 127.0.0.1
cafile {ca}
certfile {home}/server.pem
keyfile {home}/server-key.pem
allow_anonymous true
persistence false
log_dest none
max_inflight_messages 100
max_queued_messages 0
"""


class Broker:
    """A broker that runs."""

    def __init__(self, name: str, process: subprocess.Popen[str], arguments: list[str]) -> None:
        self.name, self.process, self.arguments = name, process, arguments

    def cpu_s(self) -> float:
        """CPU seconds of all its threads so far."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def resident_kib(self) -> int:
        """Its memory in RAM."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * 4


def on(core: int) -> list[str]:
    """Return the beginning of a command that stays on a core."""
    return ["taskset", "-c", str(core)]


def raise_file_limit() -> None:
    """Let the processes that are started from here have as many connections as the system lets them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def namespace(program: Path, clients: int, home: Path) -> Iterator[Broker]:
    """Run a namespace for a while."""
    raise_file_limit()
    command = [*on(cores()[0]), str(program), str(clients), str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None  # noqa: S101 - pipes were asked for
        assert process.stdout is not None  # noqa: S101
        ready = json.loads(process.stdout.readline())
        yield Broker("azmqtt", process, ["--port", str(ready["port"]), "--ca", ready["ca"]])
        process.stdin.close()


@contextmanager
def mosquitto(home: Path, authority: str) -> Iterator[Broker]:
    """Run a Mosquitto for a while, with a certificate of that authority."""
    if MOSQUITTO is None:
        raise RuntimeError("Mosquitto is not installed")
    raise_file_limit()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    configuration = home / "mosquitto.conf"
    user = Path(f"/proc/{os.getpid()}").owner()
    configuration.write_text(CONFIGURATION.format(port=port, home=home, ca=authority, user=user))
    command = [*on(cores()[0]), MOSQUITTO, "-c", str(configuration)]
    process = subprocess.Popen(command, text=True)
    try:
        wait_for(port, process)
        yield Broker("mosquitto", process, ["--port", str(port), "--ca", authority])
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    """Wait until a program listens."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("mosquitto did not start")


def make_certificates(home: Path) -> str:
    """Make an authority and a server certificate for Mosquitto; return the authority's file."""
    ca, ca_key = home / "mosquitto-ca.pem", home / "mosquitto-ca-key.pem"
    leaf, leaf_key = home / "server.pem", home / "server-key.pem"
    run = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]

    def make(certificate: Path, key: Path, name: str, *options: str) -> None:
        command = [*run, "-keyout", str(key), "-out", str(certificate), "-subj", f"/CN={name}", *options]
        subprocess.run(command, check=True, capture_output=True)

    make(ca, ca_key, "authority", "-addext", "basicConstraints=critical,CA:TRUE")
    alternative = ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]
    make(leaf, leaf_key, "localhost", *alternative, "-CA", str(ca), "-CAkey", str(ca_key))
    return str(ca)
