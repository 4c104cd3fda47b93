"""Medians, ratios and tables of the runs."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .plan import Metric, Run, Task

Runs = Mapping[str, Mapping[str, Sequence[Run]]]
"""Runs by task and client."""


def number(value: float) -> str:
    """Write a figure with three significant digits, thousands apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 1 else f"{value:.2f}"


def _values(runs: Iterable[Run], metric: Metric) -> list[float]:
    return [value for run in runs if (value := metric.of(run)) is not None]


def median(runs: Runs, task: str, client: str, metric: Metric) -> float | None:
    """Return the median over the rounds, if there was any result."""
    values = _values(runs.get(task, {}).get(client, ()), metric)
    return statistics.median(values) if values else None


def _ratio(value: float, base: float | None) -> str:
    return f"{value / base:.2f}×" if base else "–"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table in Markdown with its columns lined up."""
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = cells
        padded = [first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(rest, widths[1:], strict=True))]
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(widths)) + "|"
    return "\n".join([line(table[0]), rule, *(line(row) for row in table[1:])])


def details(tasks: Iterable[Task], clients: Sequence[str], runs: Runs) -> str:
    """For each task each client's figures, their spread, and their ratios to the limit and to azmqtt."""
    rows = []
    for task in tasks:
        for metric in task.metrics:
            limit = median(runs, task.bare or task.name, "bare", metric)
            own = median(runs, task.name, "azmqtt", metric)
            for client in clients:
                value = median(runs, task.name, client, metric)
                if value is None:
                    continue
                values = _values(runs[task.name][client], metric)
                rows.append(
                    (
                        f"{task.title}: {metric.label}",
                        client,
                        f"{number(value)} {metric.unit}".rstrip(),
                        f"{number(min(values))} … {number(max(values))}",
                        _ratio(value, limit),
                        _ratio(value, own),
                    )
                )
    return markdown(("figure", "client", "median", "min … max", "to bare", "to azmqtt"), rows)


def overview(tasks: Iterable[Task], clients: Sequence[str], runs: Runs) -> str:
    """One row a figure, one column a client."""
    rows = []
    for task in tasks:
        for metric in task.metrics:
            values = [median(runs, task.name, client, metric) for client in clients]
            if any(v is not None for v in values):
                unit = f", {metric.unit}" if metric.unit else ""
                cells = ["" if v is None else number(v) for v in values]
                rows.append((f"{task.title}: {metric.label}{unit}", *cells))
    return markdown(("", *clients), rows)


def failures(errors: Iterable[Mapping[str, Any]]) -> str:
    """One line for each kind of failure."""
    seen: dict[tuple[str, str, str], int] = {}
    for e in errors:
        key = (e["client"], e["task"], e["error"])
        seen[key] = seen.get(key, 0) + 1
    return "\n".join(f"failed: {c}, {t} ({n}×): {error}" for (c, t, error), n in seen.items())


def notes(runs: Runs) -> str:
    """Say what a client said about stopping early, and runs in which the sink was busier than the client."""
    lines = set()
    for task, clients in runs.items():
        for client, rounds in clients.items():
            for run in rounds:
                if "stopped_by" in run:
                    lines.add(f"note: {client}, {task}: stopped at {run['clients']} clients: {run['stopped_by']}")
            if client != "bare" and rounds:
                share = statistics.median(r["sink_cpu_s"] / r["run_s"] for r in rounds)
                if share > 0.9:
                    lines.add(f"note: {client}, {task}: the sink's core was {share:.0%} busy")
    return "\n".join(sorted(lines))
