"""Makes the SBOM in a wheel list what is in the wheel.

The SBOM that maturin writes covers the dependencies for all platforms and of all features that Cargo.lock holds, build
scripts included, and names the directory of the checkout.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import zipfile
from typing import TYPE_CHECKING, Any

import archives

if TYPE_CHECKING:
    from pathlib import Path

Document = dict[str, Any]


def target_of(arguments: list[str]) -> str:
    """Return the platform that maturin builds for with these arguments, as rustc names it."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--target", default=os.environ.get("CARGO_BUILD_TARGET"))
    target: str | None = parser.parse_known_args(arguments)[0].target
    if target:
        return target
    lines = run("rustc", "-vV").splitlines()
    return next(line.removeprefix("host: ") for line in lines if line.startswith("host: "))


def keep_linked_crates(wheel: Path, target: str) -> None:
    """Rewrite the SBOM of a wheel that was built for ``target``."""
    with zipfile.ZipFile(wheel) as archive:
        path = next(name for name in archive.namelist() if name.endswith(".dist-info/sboms/azmqtt.cyclonedx.json"))
        document = json.loads(archive.read(path))
    content = json.dumps(linked(document, linked_crates(target), target), indent=2)
    archives.replace_in_wheel(wheel, path, content.encode())


def linked_crates(target: str) -> set[tuple[str, str]]:
    """Return the name and version of each crate in the extension module for a platform, this package included."""
    # Procedural macros run in the compiler; nothing of them is linked.
    options = ["--locked", "--edges", "normal,no-proc-macro", "--target", target]
    tree = run("cargo", "tree", *options, "--prefix", "none", "--format", "{p}")
    return {(name, version.removeprefix("v")) for name, version, *_ in map(str.split, tree.splitlines())}


def linked(document: Document, crates: set[tuple[str, str]], target: str) -> Document:
    """Keep of the document (CycloneDX 1.5) the components that are among ``crates``, and no file paths."""
    root = document["metadata"]["component"]
    # The library and its target are one.
    root.pop("components", None)
    document["metadata"]["properties"] = [{"name": "cdx:rustc:sbom:target:triple", "value": target}]
    document["components"] = [each for each in document["components"] if (each["name"], each["version"]) in crates]
    references = {each["bom-ref"]: reference(each) for each in [root, *document["components"]]}
    for each in [root, *document["components"]]:
        if is_own(each):
            each["bom-ref"] = each["purl"] = reference(each)
    document["dependencies"] = [
        {
            "ref": references[each["ref"]],
            "dependsOn": [references[other] for other in each.get("dependsOn", []) if other in references],
        }
        for each in document["dependencies"]
        if each["ref"] in references
    ]
    return document


def is_own(component: Document) -> bool:
    """Whether a component is of this repository: maturin names the directory in which it is built."""
    return str(component["bom-ref"]).startswith("path+file:")


def reference(component: Document) -> str:
    """Return the name of a component within the document."""
    return f"pkg:cargo/{component['name']}@{component['version']}" if is_own(component) else component["bom-ref"]


def run(*command: str) -> str:
    """Return the output of a command."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
