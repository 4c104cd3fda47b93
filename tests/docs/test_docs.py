"""The pages lead to what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import azmqtt

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def anchors(page: Path) -> set[str]:
    """The names that a page's headings have as link targets."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_links_of_the_readme_work_on_a_package_index():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert len(links) > 10
    # A package index shows this page without the repository around it.
    found = {link: re.fullmatch(r"https://azmqtt\.example/azmqtt/(?:blob|tree|raw)/main/(.+)", link) for link in links}
    assert [link for link, match in found.items() if not match or not (ROOT / match[1]).exists()] == []
    assert 'Repository = "https://azmqtt.example/azmqtt"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_repository(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    broken = []
    for link in links:
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_start_page_leads_to_every_page():
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^[\w/-]+$", text, re.MULTILINE))
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")}
    assert pages - listed == {"index"}


def test_every_public_name_is_in_the_reference():
    text = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "api").glob("*.rst"))
    listed = set(re.findall(r"^\.\. auto\w+:: azmqtt\.(\w+)$", text, re.MULTILINE))
    assert set(azmqtt.__all__) - listed == {"__version__", "Registration"}  # in azmqtt.provisioning


def test_the_plots_show_the_numbers_of_the_tables(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_site")
    import plots

    text = plots.TABLES.read_text(encoding="utf-8")
    drawn = {f"{plot.name}.svg": plots.draw(text, plot) for plot in plots.PLOTS}
    # `python docs/_site/plots.py` writes them.
    assert {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "plots").iterdir()} == drawn


def test_every_example_is_named_on_a_page():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    examples = sorted((ROOT / "examples").glob("*.py"))
    assert [example.name for example in examples if f"examples/{example.name})" not in text] == []


def test_the_files_of_the_architecture_are_there():
    paths = [path for top in ("src", "python", "crates") for path in (ROOT / top).rglob("*.*")]
    # A crate's file is named by the crate: `mqtt/server.rs` for crates/mqtt/src/server.rs.
    files = [re.sub(r"^/crates/(\w+)/src/", r"/\1/", f"/{path.relative_to(ROOT).as_posix()}") for path in paths]
    pages = [ROOT / "docs" / "architecture.md", *sorted((ROOT / "crates").glob("*/README.md"))]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    named = set(re.findall(r"`([\w/]+\.(?:rs|py))`", text))
    assert len(named) > 30
    assert [name for name in named if not any(file.endswith(f"/{name}") for file in files)] == []


def test_the_examples_of_style_are_in_the_code():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    examples = re.findall(r"^\d\. \*\*.*?\]\((.*?)\).*?```\w+\n(.*?)```", text, re.MULTILINE | re.DOTALL)
    assert len(examples) == 5
    for path, quote in examples:
        lines = [line.strip() for line in (ROOT / path).read_text(encoding="utf-8").splitlines()]
        assert [line for line in map(str.strip, quote.splitlines()) if line not in lines] == [], path
