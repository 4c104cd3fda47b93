"""The tests that docs/testing.md shows pass as pytest runs them. As a script its blocks run elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def test_the_tests_of_the_page(pytester):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    tests = [block for block in blocks if "def test_" in block]
    fixtures = [block for block in blocks if "@pytest.fixture" in block]
    assert len(tests) == len(fixtures) == 1
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makeconftest(fixtures[0])
    pytester.makepyfile(tests[0] + "\ndef test_options(local_hub):\n    assert local_hub.hostname == '127.0.0.1'\n")
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=3)
