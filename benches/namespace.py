"""Measures the broker of a local Event Grid namespace beside Mosquitto: TLS, one core each for broker and clients.

``python benches/namespace.py [--rounds 3] [--scale 1.0] [--idle 10000]``

The namespace is ``crates/namespace/examples/serve.rs`` in a release build, Mosquitto the one of the system. Both are
asked for QoS 1 by the same program of the rig (``benches/rig/src/bin/pubsub.rs``), whose clients show a certificate
where it is asked for. CPU is the broker's, kernel part included; on a busy machine it is the figure to go by. Prints
the medians of the rounds as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.machine import cores, facts
from runner.paths import REPOSITORY
from runner.venvs import build_rig

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")

#: Name, publishers, subscribers, QoS of the subscribers, messages of each publisher, messages on their way.
CASES = [
    ("fan-in, 1 publisher, no subscriber", 1, 0, 1, 100_000, 1000),
    ("fan-in, 20 publishers, no subscriber", 20, 0, 1, 5_000, 100),
    ("fan-in, 1 publisher, 1 subscriber", 1, 1, 1, 50_000, 1000),
    ("fan-in, 20 publishers, 1 subscriber", 20, 1, 1, 2_500, 100),
    ("fan-out to 1,000, pipelined", 1, 1000, 0, 200, 100),
    ("fan-out to 1,000, one at a time", 1, 1000, 0, 100, 1),
]

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

Figures = dict[str, float]


class Broker:
    """A broker that runs, on the first core."""

    def __init__(self, process: subprocess.Popen[str], arguments: list[str]) -> None:
        self.process, self.arguments = process, arguments

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


@contextmanager
def namespace(program: Path, clients: int, home: Path) -> Iterator[Broker]:
    """Run a namespace for a while."""
    command = [*on(cores()[0]), program, str(clients), str(home)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        ready = json.loads(process.stdout.readline())
        yield Broker(process, ["--port", str(ready["port"]), "--ca", ready["ca"]])
        process.stdin.close()


@contextmanager
def mosquitto(home: Path, certificates: list[str]) -> Iterator[Broker]:
    """Run a Mosquitto for a while, with a certificate that ``openssl`` made."""
    port = 28_883
    authority = certificates[0]
    (home / "mosquitto.conf").write_text(
        CONFIGURATION.format(port=port, home=home, ca=authority, user=Path.home().owner())
    )
    process = subprocess.Popen([*on(cores()[0]), MOSQUITTO, "-c", home / "mosquitto.conf"], text=True)
    try:
        time.sleep(0.5)
        if process.poll() is not None:
            raise RuntimeError("mosquitto did not start")
        yield Broker(process, ["--port", str(port), "--ca", authority])
    finally:
        process.terminate()
        process.wait(10)


def make_certificates(home: Path) -> list[str]:
    """Make an authority and a server certificate for Mosquitto; return the authority's file."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    run = ["openssl", "req", "-x509", *curve]
    ca, key = home / "mosquitto-ca.pem", home / "mosquitto-ca-key.pem"
    extension = "basicConstraints=critical,CA:TRUE"
    subprocess.run(
        [*run, "-keyout", key, "-out", ca, "-subj", "/CN=authority", "-addext", extension],
        check=True,
        capture_output=True,
    )
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-CA", ca, "-CAkey", key]
    leaf = ["-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(
        [*run, "-keyout", home / "server-key.pem", "-out", home / "server.pem", *names, *leaf],
        check=True,
        capture_output=True,
    )
    return [str(ca)]


def clients_of(rig: Path, broker: Broker, home: Path, *options: object) -> subprocess.Popen[str]:
    """Start the rig's clients of a broker, on the second core; they are connected when this returns."""
    shown = ["--cert", home / "client.pem", "--key", home / "client-key.pem"]
    process = subprocess.Popen(
        [*on(cores()[1]), rig / "pubsub", *broker.arguments, *shown, *map(str, options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if process.stdout.readline() != "ready\n":
        raise RuntimeError("the clients did not connect")
    return process


def measure(rig: Path, broker: Broker, home: Path, case: tuple, scale: float) -> Figures:
    """Run a case; return its figures."""
    _, publishers, subscribers, qos, messages, window = case
    messages = max(10, round(messages * scale))
    options = {"publishers": publishers, "subscribers": subscribers, "qos": qos, "messages": messages, "window": window}
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    with clients_of(rig, broker, home, *arguments) as process:
        before = broker.cpu_s()
        process.stdin.write("go\n")
        process.stdin.flush()
        line = process.stdout.readline()
        cpu = broker.cpu_s() - before
        process.stdin.close()
    elapsed = json.loads(line)["elapsed_s"]
    count = publishers * messages
    figures = {"messages_per_s": count / elapsed, "broker_us_per_message": cpu / count * 1e6}
    if subscribers > 1:
        figures["broker_us_per_delivery"] = cpu / (count * subscribers) * 1e6
    return figures


def idle(rig: Path, broker: Broker, home: Path, count: int) -> Figures:
    """Connect clients that do nothing; return what each costs."""
    before = broker.resident_kib()
    with clients_of(rig, broker, home, "--idle", count) as process:
        figures = {"kib_per_client": (broker.resident_kib() - before) / count}
        process.stdin.close()
    return figures


def main() -> None:
    """Measure both brokers in turn, round for round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="how many messages, as a factor")
    parser.add_argument("--idle", type=int, default=10_000, help="clients that only stay connected")
    arguments = parser.parse_args()
    rig = build_rig()
    build = ["cargo", "build", "--release", "--locked", "--package", "azmqtt-namespace", "--example", "serve"]
    subprocess.run(build, cwd=REPOSITORY, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    program = target / "release" / "examples" / "serve"
    found: dict[tuple[str, str], list[Figures]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        certificates = make_certificates(home)
        for _ in range(arguments.rounds):
            with namespace(program, 1100, home) as ours, mosquitto(home, certificates) as theirs:
                for case in CASES:
                    for name, broker in (("azmqtt", ours), ("mosquitto", theirs)):
                        figures = measure(rig, broker, home, case, arguments.scale)
                        print(name, case[0], {key: round(value, 2) for key, value in figures.items()}, flush=True)
                        found[case[0], name].append(figures)
        if arguments.idle:
            with namespace(program, arguments.idle, home) as ours, mosquitto(home, certificates) as theirs:
                for name, broker in (("azmqtt", ours), ("mosquitto", theirs)):
                    found[f"{arguments.idle} idle clients", name].append(idle(rig, broker, home, arguments.idle))
    table = {
        f"{case}: {name}": {key: statistics.median(each[key] for each in all_) for key in all_[0]}
        for (case, name), all_ in found.items()
    }
    print(json.dumps({"facts": facts(), "figures": table}, indent=2))


if __name__ == "__main__":
    main()
