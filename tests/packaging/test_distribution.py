"""The package as it is installed: the licences in it, its SBOM, and no directory of the machine that built it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest

import elf

ROOT = Path(__file__).parents[2]
LICENCES = "THIRD-PARTY-LICENSES.txt"
Crates = set[tuple[str, str]]

needs_cargo = pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed")


@pytest.fixture(scope="module")
def installed() -> Distribution:
    found = distribution("azmqtt")
    direct = json.loads(found.read_text("direct_url.json") or "{}")
    if direct.get("dir_info", {}).get("editable"):
        pytest.skip("azmqtt is installed for development (pip install -e, maturin develop)")
    return found


@pytest.fixture(scope="module")
def sbom(installed: Distribution) -> dict:
    return json.loads(installed.read_text("sboms/azmqtt.cyclonedx.json") or "")


def listed_crates(text: str) -> Crates:
    return set(re.findall(r"^    (\S+) (\d\S*)(?: <.*>)?$", text, re.MULTILINE))


def locked_crates() -> Crates:
    text = (ROOT / "Cargo.lock").read_text(encoding="utf-8")
    return set(re.findall(r'^name = "(.*)"\nversion = "(.*)"$', text, re.MULTILINE))


def tree(*options: str) -> Crates:
    """Return the crates that cargo builds azmqtt from."""
    command = ["cargo", "tree", "--locked", "--prefix=none", *options]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=50).stdout
    return {(name, version.removeprefix("v")) for name, version in re.findall(r"^(\S+) (v\S+)", found, re.MULTILINE)}


def components(sbom: dict) -> Crates:
    return {(each["name"], each["version"]) for each in sbom["components"]}


def test_the_licences_are_those_of_the_locked_versions():
    listed = listed_crates((ROOT / LICENCES).read_text(encoding="utf-8"))
    assert len(listed) > 100
    assert listed <= locked_crates(), "packaging/about.toml says how to write it anew"


@needs_cargo
def test_the_licences_are_those_of_what_is_linked_on_any_system():
    listed = listed_crates((ROOT / LICENCES).read_text(encoding="utf-8"))
    here = {(name, version) for name, version in tree("--edges=normal") if not name.startswith("azmqtt")}
    assert here <= listed <= tree("--edges=normal", "--target=all"), "packaging/about.toml says how to write it anew"


def test_the_licence_of_each_linked_crate_is_installed(installed: Distribution, sbom: dict):
    text = installed.read_text(f"licenses/{LICENCES}")
    assert text == (ROOT / LICENCES).read_text(encoding="utf-8")
    foreign = {(name, version) for name, version in components(sbom) if not name.startswith("azmqtt-")}
    assert foreign <= listed_crates(text), "packaging/about.toml says how to write it anew"
    for name in ("LICENSE-MIT", "LICENSE-APACHE"):
        assert installed.read_text(f"licenses/{name}") == (ROOT / name).read_text(encoding="utf-8")


def test_the_same_licences_are_accepted_by_both_tools():
    def accepted(file: str, key: str) -> list[str]:
        text = (ROOT / file).read_text(encoding="utf-8")
        return re.findall(r'"(.+)"', re.search(rf"^{key} = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)[1])

    assert "MIT" in accepted("deny.toml", "allow")
    assert accepted("deny.toml", "allow") == accepted("packaging/about.toml", "accepted")


@needs_cargo
def test_the_sbom_lists_the_linked_crates_and_no_others(sbom: dict):
    (target,) = [each["value"] for each in sbom["metadata"]["properties"]]
    linked = tree("--edges=normal,no-proc-macro", "--target", target)
    own = {(name, version) for name, version in linked if name == "azmqtt"}
    assert components(sbom) == linked - own
    assert {"tokio", "rustls", "pyo3"} <= {name for name, _ in linked}


def test_the_sbom_is_whole_and_speaks_of_this_package(installed: Distribution, sbom: dict):
    root = sbom["metadata"]["component"]
    assert (root["name"], root["version"]) == ("azmqtt", installed.version)
    references = {root["bom-ref"], *(each["bom-ref"] for each in sbom["components"])}
    assert {each["ref"] for each in sbom["dependencies"]} == references
    assert {other for each in sbom["dependencies"] for other in each.get("dependsOn", [])} < references
    assert "file:" not in json.dumps(sbom)


def test_the_record_has_the_digest_of_each_file(installed: Distribution):
    with_digest = [file for file in installed.files or [] if file.hash]
    assert {"azmqtt.cyclonedx.json", "_core.abi3.so"} & {file.name for file in with_digest}
    for file in with_digest:
        content = Path(str(file.locate())).read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        assert (file.hash.mode, file.hash.value, file.size) == ("sha256", digest, len(content)), file


@pytest.fixture(scope="module")
def extension(installed: Distribution) -> bytes:
    (module,) = [
        file for file in installed.files or [] if file.match("azmqtt/_core.*") and file.suffix in {".so", ".pyd"}
    ]
    return Path(str(module.locate())).read_bytes()


def test_the_functions_of_a_client_lie_side_by_side(extension: bytes):
    if b"Linker: LLD" not in extension:
        pytest.skip("not linked by LLD, which is sure to take the script of build.rs")
    # The code of a client has 1.1 MB. With little of it here, the names of the list are not those of this build.
    assert elf.section_sizes(extension)[".text.client"] > 500_000


def test_the_order_names_functions_of_every_layer():
    _, *patterns = (ROOT / "packaging" / "order.txt").read_text(encoding="utf-8").splitlines()
    assert len(set(patterns)) == len(patterns) < 2000
    assert not [each for each in patterns if not re.fullmatch(r"[\w.*]+", each)]
    assert not [each for each in patterns if re.search("Cs[0-9A-Za-z]{8,}_", each)], "hashes change with each build"
    for crate in ("azmqtt", "azmqtt_client", "azmqtt_device", "azmqtt_mqtt", "azmqtt_net", "rustls", "ring", "tokio"):
        assert any(each.startswith("_R") and f"Cs*_{len(crate)}{crate}" in each for each in patterns), crate
    assert not [each for each in patterns if "azmqtt_hub" in each or "azmqtt_namespace" in each]


def test_the_extension_module_names_no_directory_of_the_builder(extension: bytes):
    # What panics say of the place: remapped, not absent.
    assert b"cargo/registry/src/" in extension
    home = os.environ.get("CARGO_HOME", str(Path.home() / ".cargo"))
    for directory in (home, str(ROOT), str(Path.home())):
        if len(directory) > 1:
            assert os.fsencode(directory) + b"/" not in extension, directory
    assert not re.findall(rb"/(?:root|home|Users)/[ -~]{0,60}", extension)
