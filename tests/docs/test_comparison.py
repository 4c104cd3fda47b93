"""The comparison with other clients leaves no name of Microsoft's out, and tells the truth about ours."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

import azmqtt

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "comparison.md").read_text(encoding="utf-8")
CODE = set(re.findall(r"`([^`]+)`", PAGE))


@pytest.mark.timeout(420)
def test_every_name_of_the_sdk_is_there(sdk_python: Path):
    command = [sdk_python, TESTS / "interop" / "azure_iot_device_names.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    names = json.loads(done.stdout)
    assert len(names) > 70
    assert [name for name in names if name not in CODE] == []


def test_every_name_of_ours_exists():
    ours = {name for name in CODE if name.startswith(("DeviceClient.", "azmqtt."))}
    assert len(ours) > 20
    for name in ours:
        found = azmqtt
        for part in re.sub(r"\(.*", "", name.removeprefix("azmqtt.")).split("."):
            found = getattr(found, part)
        assert callable(found) or isinstance(found, property), name


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_whatever_we_claim_beside_clients_of_mqtt_5_is_shown_by_a_test():
    found = rows("MqttClient beside other clients of MQTT 5")
    assert len(found) > 5
    text = "".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    defined = set(re.findall(r"^(?:async )?def (test_\w+)\(", text, re.MULTILINE))
    for what, *_, _ours, shown_by in found:
        named = re.findall(r"`(test_\w+)`", shown_by)
        assert named, f"nothing shows: {what}"
        assert [name for name in named if name not in defined] == [], what
