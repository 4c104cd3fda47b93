"""The comparison with Microsoft's client leaves none of its names out, and tells the truth about ours."""

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
