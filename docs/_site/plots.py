"""Draw the plots of the performance page and the README from the numbers in the page's tables.

``python docs/_site/plots.py`` writes ``docs/plots/*.svg``; a test compares them with the tables. As a
picture of its own, a plot follows the reader's light or dark scheme; within the site it has the colours of the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

DOCS = Path(__file__).parents[1]
TABLES = DOCS / "performance.md"
WIDTH, ROW, TOP, LABELS, VALUES = 600, 30, 64, 180, 80
STYLE = """
.azplot { --ink: var(--color-foreground-primary, #1f2328); --soft: var(--color-foreground-muted, #6b7280);
  --ours: var(--color-brand-primary, #0a4bff); --bar: var(--color-foreground-border, #a3a9b3);
  font: 14px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
@media (prefers-color-scheme: dark) { .azplot { --ink: var(--color-foreground-primary, #e6e6e6);
  --soft: var(--color-foreground-muted, #9aa0a6); --ours: var(--color-brand-primary, #5ca5ff);
  --bar: var(--color-foreground-border, #6b7280); } }
.azplot text { fill: var(--ink); } .azplot .note { fill: var(--soft); font-size: 13px; }
.azplot .title { font-size: 16px; font-weight: 600; } .azplot .ours { font-weight: 700; }
.azplot rect { fill: var(--bar); } .azplot rect.ours { fill: var(--ours); }
"""


@dataclass(frozen=True)
class Plot:
    """A bar for each column that has a number in one row of a table.

    Attributes:
        name: Of the file.
        section: The heading above the table; "" for the top of the page.
        row: How the row's first cell begins.
        title: What is measured.
        note: The unit, and which end is better.
        names: Columns that are shown, by their heads, and what the plot calls them.
    """

    name: str
    section: str
    row: str
    title: str
    note: str
    names: dict[str, str]


CLIENTS = {
    "azmqtt": "azmqtt",
    "gmqtt": "gmqtt",
    "awscrt": "awscrt",
    "paho": "paho-mqtt",
    "aiomqtt": "aiomqtt",
    "azure-iot-device sync": "azure-iot-device",
}
ASYNC = {
    "azmqtt": "azmqtt",
    "gmqtt": "gmqtt",
    "awscrt": "awscrt",
    "aiomqtt": "aiomqtt",
    "aio": "azure-iot-device (aio)",
}
BROKERS = {"CPU of the broker, µs": "azmqtt local namespace", "Mosquitto's": "Mosquitto 2.0.11"}

PLOTS = (
    Plot(
        "send", "", "QoS 1 pipelined, client CPU",
        "CPU time to send one message", "µs per QoS 1 message, pipelined; shorter is better", CLIENTS,
    ),
    Plot(
        "gather", "", "1,000 gathered sends at a time",
        "CPU time per awaited message", "µs per message, 1,000 sends in asyncio.gather; shorter is better", ASYNC,
    ),
    Plot(
        "latency", "", "QoS 1 one at a time, blocking, p50",
        "Round trip of one message", "µs, median, blocking; shorter is better", CLIENTS,
    ),
    Plot(
        "slow-answers", "", "answers 20 ms late",
        "Throughput on a slow network", "messages per second, each answer 20 ms late; longer is better", CLIENTS,
    ),
    Plot(
        "memory", "", "RSS a client, of 100",
        "Memory per client", "KiB per client, 100 clients in one process; shorter is better", CLIENTS,
    ),
    Plot(
        "broker", "The local namespace", "a message at QoS 1, 1 publisher, 1 subscriber at QoS 0",
        "CPU time of the broker per message", "µs, QoS 1, one publisher, one subscriber; shorter is better", BROKERS,
    ),
)  # fmt: skip


def plain(cell: str) -> str:
    """Return a cell's text without Markdown."""
    return cell.replace("*", "").replace("`", "").strip()


def rows(text: str, section: str) -> list[list[str]]:
    """Return the cells of all tables under a heading."""
    part = text.partition(f"\n## {section}\n")[2] if section else text
    part = part.partition("\n## ")[0]
    return [[plain(cell) for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("|")]


def number(cell: str) -> float | None:
    """Return the number that a cell begins with, such as ``94.1 k``; none for an empty cell."""
    found = re.match(r"([\d,.]+)(?: ([kM])\b)?", cell)
    if not found:
        return None
    return float(found[1].replace(",", "")) * {"k": 1e3, "M": 1e6}.get(found[2] or "", 1)


def values(text: str, plot: Plot) -> list[tuple[str, float, str]]:
    """Return name, number and text of each bar."""
    table = rows(text, plot.section)
    at = next(at for at, cells in enumerate(table) if cells[0].startswith(plot.row))
    head = next(cells for cells in reversed(table[:at]) if set(plot.names) & set(cells))
    found = []
    for column, name in plot.names.items():
        cell = table[at][head.index(column)]
        value = number(cell)
        if value is not None:
            found.append((name, value, cell))
    return found


def draw(text: str, plot: Plot) -> str:
    """Return the plot as SVG."""
    bars = values(text, plot)
    longest = max(value for _, value, _ in bars)
    height = TOP + ROW * len(bars) + 8
    said = "; ".join(f"{name} {cell}" for name, _, cell in bars)
    label = escape(f"{plot.title} ({plot.note}): {said}")
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    parts = [
        f'<svg class="azplot" xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}">',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="0" y="20">{escape(plot.title)}</text>',
        f'<text class="note" x="0" y="42">{escape(plot.note)}</text>',
    ]
    for place, (name, value, cell) in enumerate(bars):
        y = TOP + ROW * place
        ours = ' class="ours"' if name.startswith("azmqtt") else ""
        width = max(2.0, (WIDTH - LABELS - VALUES) * value / longest)
        parts += [
            f'<text{ours} x="{LABELS - 12}" y="{y + 16}" text-anchor="end">{escape(name)}</text>',
            f'<rect{ours} x="{LABELS}" y="{y + 2}" width="{width:.1f}" height="{ROW - 12}" rx="2"/>',
            f'<text{ours} x="{LABELS + width + 8:.1f}" y="{y + 16}">{escape(cell)}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Write all plots."""
    text = TABLES.read_text(encoding="utf-8")
    for plot in PLOTS:
        (DOCS / "plots" / f"{plot.name}.svg").write_text(draw(text, plot), encoding="utf-8")


if __name__ == "__main__":
    main()
