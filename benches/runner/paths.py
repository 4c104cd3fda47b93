"""Where things are."""

from __future__ import annotations

from pathlib import Path

BENCHES = Path(__file__).resolve().parent.parent
REPOSITORY = BENCHES.parent
RIG = BENCHES / "rig"
CLIENTS = BENCHES / "clients"
VENVS = BENCHES / ".venvs"
RESULTS = BENCHES / "results"
