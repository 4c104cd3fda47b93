"""The page that is checked in: how large it is, and that nothing in it comes from elsewhere."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "crates/local/page"

#: Of all files together, compressed as they are in a wheel, in bytes.
BUDGET = 150 << 10


def test_the_page_is_within_its_budget() -> None:
    files = sorted(path.name for path in BUILT.iterdir())
    assert files == ["app.css", "app.js", "index.html"]
    assert sum(len(gzip.compress((BUILT / name).read_bytes())) for name in files) < BUDGET


def test_the_page_loads_nothing_from_elsewhere() -> None:
    for path in BUILT.iterdir():
        addresses = set(re.findall(r"(?:https?:)?//[a-z][\w.-]+\.\w+", path.read_text(encoding="utf-8")))
        # The name of SVG, which nobody loads.
        assert addresses <= {"http://www.w3.org"}, path


def test_the_page_has_no_inline_script_or_style() -> None:
    html = (BUILT / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script[^>]*>", html) == ['<script type="module" src="/assets/app.js">']
    assert "<style" not in html
    assert " style=" not in html


def test_the_versions_are_exact_and_the_lockfile_names_no_registry() -> None:
    package = json.loads((ROOT / "page/package.json").read_text(encoding="utf-8"))
    wanted = {**package["dependencies"], **package["devDependencies"]}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    lock = json.loads((ROOT / "page/package-lock.json").read_text(encoding="utf-8"))
    locked = {name.removeprefix("node_modules/"): entry for name, entry in lock["packages"].items() if name}
    assert {name: locked[name]["version"] for name in wanted} == wanted
    assert all("resolved" not in entry and "integrity" in entry for entry in locked.values())


def test_the_licence_of_the_chart_is_there() -> None:
    package = json.loads((ROOT / "page/package.json").read_text(encoding="utf-8"))
    licences = (ROOT / "THIRD-PARTY-LICENSES.txt").read_text(encoding="utf-8")
    assert f"uPlot, version {package['dependencies']['uplot']} " in licences
    assert "Copyright (c) 2022 Leon Sorokin" in licences
    template = (ROOT / "packaging/about.hbs").read_text(encoding="utf-8")
    assert "Copyright (c) 2022 Leon Sorokin" in template
