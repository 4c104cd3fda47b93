"""Runs azmqtt beside its peers and beside the bare limit: ``python benches/run.py``. See README.md."""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from runner import machine, report
from runner.paths import RESULTS
from runner.plan import CLIENTS, TASKS, Client, Run, Task, size
from runner.process import RunFailedError, Sink, run, sink
from runner.venvs import SetUpError, build_rig, prepare


def say(text: str) -> None:
    """Progress, apart from the tables."""
    print(text, file=sys.stderr, flush=True)


class Session:
    """All runs of one call of the command."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._quick: bool = options.quick
        self._rounds: int = options.rounds
        self._tls12: bool = options.tls12
        self._install: bool = not options.no_install
        self.tasks = [t for t in TASKS if (t.name in options.tasks if options.tasks else t.default)]
        self.clients = [c for c in CLIENTS if not options.clients or c.name in options.clients]
        self.runs: dict[str, dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
        self.errors: list[dict[str, Any]] = []
        self.versions: dict[str, dict[str, str]] = {}

    def set_up(self) -> Path:
        """Build the rig and the environments; a client whose environment fails is left out and named."""
        say("building the rig")
        programs = build_rig()
        for venv in dict.fromkeys(c.venv for c in self.clients if c.venv):
            say(f"preparing the environment {venv}")
            try:
                self.versions[venv] = prepare(venv, install=self._install)
            except SetUpError as e:
                lost = [c for c in self.clients if c.venv == venv]
                self.errors += [{"client": c.name, "task": "set-up", "error": str(e)} for c in lost]
                self.clients = [c for c in self.clients if c.venv != venv]
        return programs

    def measure(self, programs: Path) -> None:
        """Every task with a sink of its own, every round through all clients in turn."""
        for task in self.tasks:
            clients = [c for c in self.clients if size(task, c, quick=self._quick)]
            done = 0
            while done < self._rounds and clients:
                try:
                    with sink(programs, delay_ms=task.delay_ms, tls12=self._tls12) as target:
                        done = self._rounds_of(task, clients, done, target, programs)
                except RunFailedError as e:
                    self.errors.append({"client": "sink", "task": task.name, "error": str(e)})
                    done += 1

    def _rounds_of(self, task: Task, clients: list[Client], done: int, target: Sink, programs: Path) -> int:
        while done < self._rounds:
            say(f"{task.name}: round {done + 1} of {self._rounds}")
            # Each round begins with another client, so that none always runs after the same one.
            turn = done % len(clients)
            for client in clients[turn:] + clients[:turn]:
                if not target.alive():
                    raise RunFailedError("the sink has ended")
                self._one(task, client, target, programs)
            done += 1
        return done

    def _one(self, task: Task, client: Client, target: Sink, programs: Path) -> None:
        n = size(task, client, quick=self._quick)
        try:
            result = run(client, task, n, target, programs)
        except RunFailedError as e:
            say(f"  {client.name}: failed: {e}")
            self.errors.append({"client": client.name, "task": task.name, "error": str(e)})
            return
        if "skipped" not in result:
            self.runs[task.name][client.name].append(result)

    def to_json(self, facts: Mapping[str, object]) -> dict[str, Any]:
        """Everything, for later reading."""
        return {
            "machine": facts,
            "versions": self.versions,
            "rounds": self._rounds,
            "quick": self._quick,
            "tls12": self._tls12,
            "runs": self.runs,
            "errors": self.errors,
        }


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Make the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds through all clients (default 5)")
    parser.add_argument("--tasks", nargs="+", choices=[t.name for t in TASKS], metavar="TASK")
    parser.add_argument("--clients", nargs="+", choices=[c.name for c in CLIENTS], metavar="CLIENT")
    parser.add_argument("--quick", action="store_true", help="a tenth of the messages, one round")
    parser.add_argument("--tls12", action="store_true", help="TLS 1.2 only, as classic IoT Hub hosts have it")
    parser.add_argument("--no-install", action="store_true", help="use the azmqtt that is installed already")
    parser.add_argument("--output", type=Path, help="where the JSON goes (default benches/results/<time>.json)")
    options = parser.parse_args(argv)
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    if options.quick:
        options.rounds = 1
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 1 when anything failed."""
    options = arguments(argv)
    session = Session(options)
    facts = machine.facts()
    session.measure(session.set_up())
    names = [c.name for c in session.clients]
    print("machine: " + ", ".join(f"{k} {v}" for k, v in facts.items()))
    print("versions: " + ", ".join(f"{k} {v}" for versions in session.versions.values() for k, v in versions.items()))
    for text in (
        report.details(session.tasks, names, session.runs),
        report.overview(session.tasks, names, session.runs),
        report.notes(session.runs),
        report.failures(session.errors),
    ):
        if text:
            print("\n" + text)
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    output: Path = options.output or RESULTS / f"{stamp}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(session.to_json(facts), indent=1))
    print(f"\nwritten: {output}")
    return 1 if session.errors else 0


if __name__ == "__main__":
    sys.exit(main())
