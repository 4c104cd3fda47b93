"""Which crate may use which: the table of the workspace (docs/architecture.md)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: What each crate may use of this repository. A crate that is not listed may not exist.
MAY_USE = {
    "azmqtt-mqtt": set(),
    "azmqtt-dialect": set(),
    "azmqtt-net": set(),
    "azmqtt-client": {"azmqtt-mqtt", "azmqtt-net"},
    "azmqtt-device": {"azmqtt-mqtt", "azmqtt-dialect", "azmqtt-net", "azmqtt-client"},
    "azmqtt-local": {"azmqtt-mqtt", "azmqtt-net"},
    "azmqtt-hub": {"azmqtt-mqtt", "azmqtt-dialect", "azmqtt-net", "azmqtt-local"},
    "azmqtt-namespace": {"azmqtt-mqtt", "azmqtt-net", "azmqtt-local"},
}
#: What tests may use on top: below the root none but a client to talk with.
TESTS_MAY_USE: dict[str, set[str]] = {"azmqtt-namespace": {"azmqtt-client"}}

#: The package of the extension module, which may use every other.
MODULE = "azmqtt"

pytestmark = pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed")


@pytest.fixture(scope="module")
def packages() -> dict[str, dict]:
    command = ["cargo", "metadata", "--no-deps", "--locked", "--offline", "--format-version", "1"]
    text = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=50).stdout
    return {package["name"]: package for package in json.loads(text)["packages"]}


def used(package: dict, *kinds: str | None) -> set[str]:
    """Names of a package's dependencies of these kinds: ``None`` is the usual one, besides ``dev`` and ``build``."""
    return {each["name"] for each in package["dependencies"] if each["kind"] in kinds}


def own(names: set[str]) -> set[str]:
    return {name for name in names if name == MODULE or name.startswith("azmqtt-")}


def test_every_crate_is_in_the_table(packages: dict[str, dict]):
    assert packages.keys() - {MODULE} <= MAY_USE.keys()
    assert MODULE in packages
    for name, package in packages.items():
        directory = ROOT if name == MODULE else ROOT / "crates" / name.removeprefix("azmqtt-")
        assert Path(package["manifest_path"]) == directory / "Cargo.toml"


def test_crates_use_what_the_table_says(packages: dict[str, dict]):
    for name in packages.keys() - {MODULE}:
        assert own(used(packages[name], None, "build")) <= MAY_USE[name], name


def test_so_do_their_tests(packages: dict[str, dict]):
    for name in packages.keys() - {MODULE}:
        allowed = MAY_USE[name] | TESTS_MAY_USE.get(name, set())
        assert own(used(packages[name], "dev")) <= allowed, name


def test_the_table_has_no_circle():
    done: set[str] = set()
    while ready := {name for name in MAY_USE.keys() - done if MAY_USE[name] <= done}:
        done |= ready
    assert done == MAY_USE.keys()


def test_the_module_alone_knows_python(packages: dict[str, dict]):
    for name, package in packages.items():
        knows = any(each.startswith("pyo3") for each in used(package, None, "dev", "build"))
        assert knows == (name == MODULE), name
        assert "python" not in package["features"]


def test_all_but_the_module_can_be_published(packages: dict[str, dict]):
    for name, package in packages.items():
        # `publish = false` is an empty list of registries.
        assert package["publish"] == ([] if name == MODULE else None), name
        unversioned = {each["name"] for each in package["dependencies"] if "path" in each and each["req"] == "*"}
        assert not unversioned, f"{name}: path dependencies without a version"


def test_only_the_tests_of_the_codec_know_another_codec(packages: dict[str, dict]):
    for name, package in packages.items():
        kinds = {each["kind"] for each in package["dependencies"] if each["name"] == "rumqttc"}
        assert kinds <= ({"dev"} if name == "azmqtt-mqtt" else set()), name
