"""No large circle of files within a crate: whoever reads one should not have to read them all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CRATES = Path(__file__).parent.parent.parent / "crates"

#: Files that may import each other in a circle, as a folder's and those that it leads to.
LARGEST = 3

ALL = sorted(path.name for path in CRATES.iterdir() if (path / "src").is_dir())

#: The folders and files of the hub: each uses what is further down, and in its own line nothing that uses it.
LAYERS = [
    {"lib"},
    {"api", "server", "http", "sessions"},
    {"shared"},
    {"configurations", "query", "jobs", "twins", "delivery", "methods", "provisioning", "security"},
    {"registry"},
    {"faults", "messages", "throttle", "uploads", "storage", "refusals", "events", "config"},
    {"error", "id", "if_match", "random", "unix_time"},
]

Module = tuple[str, ...]


def modules(source: Path) -> dict[Module, Path]:
    """Return a crate's files by the paths of their modules, without its tests."""
    found = {}
    for file in source.rglob("*.rs"):
        parts = file.relative_to(source).with_suffix("").parts
        if "tests" not in parts:
            found[parts[:-1] if parts[-1] in {"lib", "mod"} else parts] = file
    return found


def expand(path: str) -> list[str]:
    """Return the paths of a ``use``: ``a::{b, c::{d}}`` is ``a::b`` and ``a::c::d``."""
    head, brace, inner = path.partition("{")
    if not brace:
        return [path.strip()]
    parts, depth = [""], 0
    for letter in inner.rstrip()[:-1]:
        if letter == "," and depth == 0:
            parts.append("")
        else:
            depth += (letter == "{") - (letter == "}")
            parts[-1] += letter
    return [whole for part in parts if part.strip() for whole in expand(head.strip() + part.strip())]


def named(module: Module, text: str, known: set[Module]) -> set[Module]:
    """Return the modules that a file names, each as deep as it is a file of its own."""
    code = re.sub(r"//.*", "", re.split(r"#\[cfg\(test\)\]\nmod tests? \{", text)[0])
    code = re.sub(r"pub\(in [^)]*\)", "pub", code)  # who may use a thing, not what it uses
    uses = re.findall(r"^\s*(?:pub(?:\([^)]*\))? )?use ([^;]+);", code, re.MULTILINE)
    paths = [path for use in uses for path in expand(" ".join(use.split()))]
    paths += re.findall(r"\b(?:crate|super|self)(?:::\w+)+\b(?!::)", code)
    found = set()
    for path in paths:
        parts = [part.strip() for part in path.split("::")]
        place: Module = module
        if parts[0] == "crate":
            place, parts = (), parts[1:]
        elif parts[0] == "self":
            parts = parts[1:]
        while parts and parts[0] == "super":
            place, parts = place[:-1], parts[1:]
        while parts and (*place, parts[0]) in known:
            place, parts = (*place, parts[0]), parts[1:]
        found.add(place)
    return found & known - {module}


def imports(source: Path) -> dict[Module, set[Module]]:
    """Return which files of a crate each of them names."""
    files = modules(source)
    known = set(files)
    found = {module: named(module, file.read_text(encoding="utf-8"), known) for module, file in files.items()}
    assert any(found.values())
    return found


def circles_of(graph: dict[Module, set[Module]]) -> set[frozenset[Module]]:
    """Return what names each other, directly or by way of others."""
    reached = {place: set(others) for place, others in graph.items()}
    for middle, further in reached.items():
        for behind in reached.values():
            if middle in behind:
                behind.update(further)
    return {frozenset(other for other in behind if place in reached[other]) for place, behind in reached.items()}


@pytest.mark.parametrize("crate", ALL)
def test_no_more_than_three_files_of_a_crate_import_each_other_in_a_circle(crate: str):
    circles = circles_of(imports(CRATES / crate / "src"))
    assert [sorted("/".join(file) for file in circle) for circle in circles if len(circle) > LARGEST] == []


def test_the_folders_of_the_hub_lie_in_layers():
    floors = {place: floor for floor, places in enumerate(LAYERS) for place in places}
    folders: dict[Module, set[Module]] = {}
    for module, others in imports(CRATES / "hub" / "src").items():
        folder = module[:1] or ("lib",)
        folders.setdefault(folder, set()).update(other[:1] or ("lib",) for other in others)
    assert {folder for (folder,) in folders} == set(floors)
    upwards = [
        f"{folder} uses {other}"
        for (folder,), others in folders.items()
        for (other,) in others
        if floors[other] < floors[folder]
    ]
    assert upwards == []
    assert [circle for circle in circles_of(folders) if len(circle) > 1] == []


def test_paths_are_expanded():
    assert expand("a::{self, b, c::{d, e}}") == ["a::self", "a::b", "a::c::d", "a::c::e"]
    assert named(("x",), "use super::y::Z;\nfn f() -> crate::w::V {}", {("x",), ("y",), ("w",), ()}) == {("y",), ("w",)}
