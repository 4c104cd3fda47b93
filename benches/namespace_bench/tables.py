"""The tables of `docs/performance.md`."""

from __future__ import annotations

from .alone import COMMAND, START
from .cases import CASES, IDLE

#: What the examples print, and the most that is wanted of it, in µs.
COLD = "authorization, a new topic each time, µs"
CACHED = "authorization, the topic of before, µs"
FEW, MANY = "1000 subscriptions, µs", "100000 subscriptions, µs"


def beside(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return the table of both brokers."""
    rows = [
        "| | azmqtt, CPU µs | Mosquitto | less by | azmqtt, messages/s | Mosquitto | more by | target |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for case in CASES:
        both = found.get(case.name)
        if both is None:
            continue
        ours, theirs = both["azmqtt"], both["mosquitto"]
        less = theirs[case.figure] / ours[case.figure]
        more = ours["messages/s"] / theirs["messages/s"]
        rows.append(
            f"| {case.name}, {case.figure} | {ours[case.figure]:.2f} | {theirs[case.figure]:.2f} | {less:.1f} × "
            f"| {ours['messages/s']:,.0f} | {theirs['messages/s']:,.0f} | {more:.1f} × "
            f"| {case.target:g} ×: {met(less >= case.target)} |"
        )
    return "\n".join(rows) + "\n"


def alone(figures: dict[str, float], found: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return the table of the namespace by itself, with the memory of idle clients."""
    rows = ["| | measured | target | |", "|---|---:|---:|---|"]

    def row(what: str, value: float, most: float) -> None:
        rows.append(f"| {what} | {value:g} | ≤ {most:g} | {met(value <= most)} |")

    if IDLE in found:
        for name, each in found[IDLE].items():
            row(f"idle connected client, KiB: {name}", each["KiB a client"], 30)
    for what, most in ((START, 120), (COMMAND, 120), (CACHED, 1), (COLD, 20)):
        if what in figures:
            row(what, figures[what], most)
    if MANY in figures:
        row("match with 100,000 subscriptions ÷ with 1,000", round(figures[MANY] / figures[FEW], 2), 3)
    rest = [what for what in figures if what not in {START, COMMAND, CACHED, COLD}]
    rows += [f"| {what} | {figures[what]:g} | | |" for what in rest]
    return "\n".join(rows) + "\n"


def met(is_met: bool) -> str:  # noqa: FBT001 - it is what the function is about
    """Return the word for it."""
    return "met" if is_met else "**missed**"
