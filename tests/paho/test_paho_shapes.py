"""Applications as they are found, before and after ``TwinPatcher``: a few lines each, and the answer is looked at."""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import azmqtt
import azmqtt.sas
from environments import PAHO

SHAPES = Path(__file__).parent / "shapes"

#: What each application reports, and how many answers there are to look at.
REPORTED = {
    1: ({"firmware": "1.1"}, 1),
    2: ({"status": "up", "interval": 5}, 2),
    3: ({"door": "open"}, 1),
    4: ({"interval": 30}, 1),
    5: ({"step": 2}, 3),
    6: ({"mode": "eco"}, 1),
    7: ({"level": 2}, 2),
    8: ({"first": True, "second": True}, 2),
}


def run(shape: int, form: str, paho: Path, hub: azmqtt.LocalHub) -> tuple[list[str], dict[str, object]]:
    """Run an application to its end. Returns what it printed, and the reported properties."""
    device = hub.create_device()
    key = device.connection_string.split("SharedAccessKey=")[1]
    environment = {
        **os.environ,
        "PYTHONPATH": str(paho),
        "HUB_PORT": str(hub.port),
        "DEVICE_ID": device.device_id,
        "SAS_TOKEN": azmqtt.sas.generate(f"localhost/devices/{device.device_id}", key),
        "CA_FILE": hub.ca_file,
    }
    command = [sys.executable, str(SHAPES / f"{shape}_{form}.py")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as app:
        printed = []
        assert app.stdout is not None
        for line in app.stdout:
            printed.append(line.rstrip())
            # The fourth one waits for a setting.
            if printed[-1] == "ready":
                hub.patch_desired(device.device_id, {"interval": 30})
        assert app.stderr is not None
        errors = app.stderr.read()
    assert app.returncode == 0, errors
    assert "Traceback" not in errors
    # The first one does not wait until the hub has seen its publish.
    deadline = time.monotonic() + 10
    while (reported := own(hub, device.device_id)) != REPORTED[shape][0] and time.monotonic() < deadline:
        time.sleep(0.01)
    return printed, reported


def own(hub: azmqtt.LocalHub, device_id: str) -> dict[str, object]:
    """The reported properties without what the service puts there."""
    reported = hub.twin(device_id)["properties"]["reported"]
    return {name: value for name, value in reported.items() if not name.startswith("$")}


#: The seventh is about callback API version 2, which came with paho 2.0.
BOTH = [(version, shape) for version in PAHO for shape in REPORTED if (version, shape) != ("paho-1.6.1", 7)]


@pytest.mark.parametrize(("paho", "shape"), BOTH, indirect=["paho"])
def test_the_application_keeps_working_and_sees_the_status(shape: int, paho: Path, hub: azmqtt.LocalHub):
    properties, answers = REPORTED[shape]
    before, reported = run(shape, "before", paho, hub)
    assert reported == properties
    assert not [line for line in before if line.startswith("status")]
    after, reported = run(shape, "after", paho, hub)
    assert reported == properties
    assert [line for line in after if line.startswith("status")] == ["status 204"] * answers
    # Its own callbacks got what they got before, in the same order.
    assert [line for line in after if not line.startswith("status")] == before


@pytest.mark.parametrize("shape", REPORTED)
def test_at_most_three_lines_change(shape: int):
    before, after = (
        [line for line in (SHAPES / f"{shape}_{form}.py").read_text().splitlines() if line.strip()]
        for form in ("before", "after")
    )
    changes = difflib.SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes()
    changed = sum(max(i2 - i1, j2 - j1) for tag, i1, i2, j1, j2 in changes if tag != "equal")
    assert 0 < changed <= 3


def test_the_page_shows_what_the_applications_are():
    page = (SHAPES.parents[2] / "docs" / "paho.md").read_text(encoding="utf-8")
    sources = {form: "".join(path.read_text() for path in SHAPES.glob(f"*_{form}.py")) for form in ("before", "after")}
    blocks = re.findall(r"```diff\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 3
    for line in "".join(blocks).splitlines():
        if line.strip() != "…":
            forms = {"+": ["after"], "-": ["before"], " ": ["before", "after"]}[line[0]]
            assert all(f"{line[1:]}\n" in sources[form] for form in forms), line
