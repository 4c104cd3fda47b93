"""Measures the broker of a local Event Grid namespace beside Mosquitto: TLS, one core each for broker and clients.

``python benches/namespace.py [--quick] [--rounds 5] [--only TEXT] [--python PATH] [--json FILE]``

The namespace is ``crates/namespace/examples/serve.rs`` in a release build, Mosquitto the one of the system. Both are
asked by the same program of the rig (``benches/rig/src/bin/pubsub.rs``), whose clients show a certificate where it is
asked for; the rounds go through both in turn. CPU is the broker's, kernel part included; on a busy machine it is the
figure to go by. Prints a table of the medians. What needs no other broker beside it, such as the start, stands in a
second table.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from namespace_bench import alone, brokers, tables
from namespace_bench.cases import CASES, IDLE, idle, measure
from runner.machine import facts
from runner.paths import REPOSITORY
from runner.venvs import build_rig

Figures = dict[str, float]


def build_examples() -> Path:
    """Build the programs of the namespace's crate and give their directory."""
    examples = [part for name in ("serve", "cost", "routing") for part in ("--example", name)]
    build = ["cargo", "build", "--release", "--locked", "--quiet", "--package", "azmqtt-namespace", *examples]
    subprocess.run(build, cwd=REPOSITORY, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    return target / "release" / "examples"


def beside(arguments: argparse.Namespace, rig: Path, examples: Path) -> dict[str, dict[str, Figures]]:
    """Measure both brokers in turn, round for round: by case and broker, the medians."""
    found: dict[str, dict[str, list[Figures]]] = defaultdict(lambda: defaultdict(list))
    cases = [case for case in CASES if arguments.only in case.name]
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        # Mosquitto reads its files as a user of its own if it is told so, and temporary directories are private.
        home.chmod(0o755)
        authority = brokers.make_certificates(home)
        for number in range(arguments.rounds if cases else 0):
            with (
                brokers.namespace(examples / "serve", 1100, home) as ours,
                brokers.mosquitto(home, authority) as theirs,
            ):
                turn = [ours, theirs] if number % 2 else [theirs, ours]
                for case in cases:
                    for broker in turn:
                        figures = measure(rig, broker, home, case, arguments.scale)
                        print(f"{case.name}: {broker.name} {figures}", flush=True)
                        found[case.name][broker.name].append(figures)
        if arguments.idle and arguments.only in IDLE:
            with (
                brokers.namespace(examples / "serve", arguments.idle, home) as ours,
                brokers.mosquitto(home, authority) as theirs,
            ):
                for broker in (ours, theirs):
                    figures = idle(rig, broker, home, arguments.idle)
                    print(f"{arguments.idle} clients that do nothing: {broker.name} {figures}", flush=True)
                    found[IDLE][broker.name].append(figures)
    return {case: {name: median(each) for name, each in both.items()} for case, both in found.items()}


def median(all_: list[Figures]) -> Figures:
    """Return the median of each figure."""
    return {key: statistics.median(each[key] for each in all_) for key in all_[0]}


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 rounds, a third of the messages, 1,000 idle clients")
    parser.add_argument("--rounds", type=int, help="5 unless quick")
    parser.add_argument("--scale", type=float, help="how many messages, as a factor")
    parser.add_argument("--idle", type=int, help="clients that only stay connected, 10,000 unless quick")
    parser.add_argument("--only", default="", help="the cases whose name has this, and nothing else")
    parser.add_argument("--python", type=Path, help="an interpreter with azmqtt in a release build, for its start")
    parser.add_argument("--json", type=Path, help="where the figures go as well")
    arguments = parser.parse_args()
    rounds, scale, clients = (2, 0.3, 1_000) if arguments.quick else (5, 1.0, 10_000)
    arguments.rounds = rounds if arguments.rounds is None else arguments.rounds
    arguments.scale = scale if arguments.scale is None else arguments.scale
    arguments.idle = clients if arguments.idle is None else arguments.idle
    rig, examples = build_rig(), build_examples()
    machine = facts()
    side_by_side = beside(arguments, rig, examples)
    by_itself = {} if arguments.only else alone.measure(examples, arguments.python, arguments.rounds)
    print(f"\n{json.dumps(machine)}\n")
    print(tables.beside(side_by_side))
    print(tables.alone(by_itself, side_by_side))
    if arguments.json:
        figures = {"facts": machine, "beside": side_by_side, "alone": by_itself}
        arguments.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
