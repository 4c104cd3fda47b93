"""What the project says of itself, in one place and the other."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def document(path: str) -> dict:
    return yaml.safe_load(text(path))


def test_the_address_of_the_repository_is_the_same_everywhere():
    (address,) = re.findall(r'^Repository = "(.+)"$', text("pyproject.toml"), re.MULTILINE)
    assert f'repository = "{address}"' in text("Cargo.toml")
    assert document("CITATION.cff")["repository-code"] == address
    links = document(".github/ISSUE_TEMPLATE/config.yml")["contact_links"]
    assert [link["url"] for link in links if not link["url"].startswith(f"{address}/")] == []
    urls = re.search(r"^\[project\.urls\]\n((?:.+\n)+)", text("pyproject.toml"), re.MULTILINE)[1]
    assert all(f'"{address}' in line for line in urls.splitlines())


def test_the_citation_is_of_this_version():
    (version,) = re.findall(r'^\[workspace\.package\]\nversion = "(.+)"$', text("Cargo.toml"), re.MULTILINE)
    assert document("CITATION.cff")["version"] == version


def test_the_forms_have_what_github_wants():
    forms = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")
    assert [form.stem for form in forms] == ["bug", "feature"]
    for form in forms:
        fields = document(str(form.relative_to(ROOT)))
        assert {"name", "description", "body"} <= fields.keys()
        inputs = [field for field in fields["body"] if field["type"] != "markdown"]
        assert len({field["id"] for field in inputs}) == len(inputs)
        assert all(field["attributes"]["label"] for field in inputs)


def test_a_python_is_classified_when_the_page_says_that_it_ran():
    named = set(re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text("pyproject.toml")))
    rows = re.findall(r"^\| ((?:3\.\d+(?:, )?)+) \| (run|tried)", text("docs/platforms.md"), re.MULTILINE)
    assert named == {version for versions, _ in rows for version in versions.split(", ")}
