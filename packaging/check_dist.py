"""Checks wheels and sdists before anybody installs them: ``python packaging/check_dist.py dist/*``.

Prints what is in each and how large it is, then what is wrong, a line each; the exit code is 1 if anything is.
"""

from __future__ import annotations

import csv
import fnmatch
import io
import json
import re
import sys
import tarfile
import zipfile
from pathlib import Path

import archives
import elf

MIB = 1 << 20
ROOT = Path(__file__).resolve().parents[1]
SBOM = "azmqtt.cyclonedx.json"

#: The least and the most that each may have, in bytes: less means that something is missing, more that it is too much.
WHEEL = (3 * MIB, 10 * MIB)
EXTENSION = (5 * MIB, 20 * MIB)
SDIST = (MIB, 5 * MIB)
#: The functions that build.rs has the linker put side by side, 1.1 MB on x86_64: with less, the linker has not done so.
CLIENT = (MIB // 2, 2 * MIB)

#: What a wheel may contain, as patterns of paths; ``{info}`` is its folder of metadata.
IN_WHEEL = (
    "azmqtt/*.py",
    "azmqtt/*.pyi",
    "azmqtt/py.typed",
    "azmqtt/_core.*",
    "{info}/METADATA",
    "{info}/WHEEL",
    "{info}/RECORD",
    "{info}/entry_points.txt",
    "{info}/licenses/LICENSE-APACHE",
    "{info}/licenses/LICENSE-MIT",
    "{info}/licenses/THIRD-PARTY-LICENSES.txt",
    f"{{info}}/sboms/{SBOM}",
)
#: What an sdist must contain to be built from, besides the Python package, and what should not be there.
IN_SDIST = (
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "PKG-INFO",
    "README.md",
    "THIRD-PARTY-LICENSES.txt",
    "build.rs",
    "crates/mqtt/src/lib.rs",
    "packaging/archives.py",
    "packaging/build_backend.py",
    "packaging/order.txt",
    "packaging/sbom.py",
    "pyproject.toml",
    "src/lib.rs",
)
NOT_IN_SDIST = ("*.so", "*.pyd", "*.pyc", "target/*", "scratch/*", "benches/*", "fuzz/*", ".*")

#: The tags of Python and ABI that are released: any Python from 3.10 on, and free-threaded ones.
TAGS = re.compile(r"cp310-abi3|cp31[4-9]-cp31[4-9]t|cp315-abi3\.abi3t")
#: A block of code, whose brackets are no links; the target of a link or image; and those that need no base.
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"""(?:\]\(|(?:href|src|srcset)=["'])([^)\s"']+)""")
WHOLE = re.compile(r"https?://|mailto:|#")
NAME = re.compile(r"azmqtt-(?P<version>[^-]+)-(?P<tags>[^-]+-[^-]+)-(?P<platform>[^-]+)\.whl")


def python_files() -> set[str]:
    """Return the files of the package in this checkout, as a wheel names them."""
    package = ROOT / "python"
    return {
        path.relative_to(package).as_posix()
        for pattern in ("*.py", "*.pyi", "py.typed")
        for path in package.rglob(pattern)
    }


def check_wheel(wheel: Path) -> list[str]:
    """Return what is wrong with a wheel."""
    name = NAME.fullmatch(wheel.name)
    if name is None:
        return [f"the name {wheel.name} is not that of a wheel of azmqtt"]
    info = f"azmqtt-{name['version']}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        files = {path: archive.read(path) for path in archive.namelist()}
    print("".join(f"  {path}: {len(files[path]):,}\n" for path in sorted(files)), end="")
    wrong = [] if TAGS.fullmatch(name["tags"]) else [f"{name['tags']} is not a tag that is released"]
    wrong += contents_of_wheel(files, info)
    wrong += bounds("the wheel", wheel.stat().st_size, WHEEL)
    extensions = [path for path in files if fnmatch.fnmatch(path, "azmqtt/_core.*") and not path.endswith(".pyi")]
    if len(extensions) != 1:
        return [*wrong, f"it has {len(extensions)} extension modules, not one"]
    wrong += check_extension(files[extensions[0]], name["platform"])
    return wrong + check_metadata(files.get(f"{info}/METADATA", b"").decode())


def contents_of_wheel(files: dict[str, bytes], info: str) -> list[str]:
    """Compare the files of a wheel with those that it may and must have, and with its RECORD."""
    patterns = [pattern.format(info=info) for pattern in IN_WHEEL]
    wrong = [f"{path} should not be in it" for path in files if not matches(path, patterns)]
    exact = {pattern for pattern in patterns if "*" not in pattern}
    missing = (exact | python_files()) - files.keys()
    wrong += [f"{path} is missing" for path in sorted(missing)]
    if missing & exact:
        return wrong
    recorded = {path: digest for path, digest, _ in csv.reader(io.StringIO(files[f"{info}/RECORD"].decode()))}
    actual = {path: archives.digest_of(content) for path, content in files.items() if not path.endswith("/RECORD")}
    wrong += [f"RECORD is wrong about {path}" for path, digest in actual.items() if recorded.get(path) != digest]
    sbom = json.loads(files[f"{info}/sboms/{SBOM}"])
    crates = {each["name"] for each in sbom["components"]}
    return wrong + [f"the SBOM does not list {each}" for each in ("pyo3", "rustls", "tokio") if each not in crates]


def check_extension(library: bytes, platform: str) -> list[str]:
    """Check the size of the extension module, and on Linux the symbols and the order of what is in it."""
    wrong = bounds("the extension module", len(library), EXTENSION)
    if not elf.is_elf(library):
        return wrong if "linux" not in platform else [*wrong, "the extension module is not an ELF file"]
    versions = elf.glibc_versions(library)
    newest = max(versions, default=(0, 0))
    print(f"  newest symbol of glibc: {newest[0]}.{newest[1]}")
    if glibc := re.match(r"manylinux_(\d+)_(\d+)_", platform):
        allowed = (int(glibc[1]), int(glibc[2]))
        wrong += [f"it needs glibc {major}.{minor}" for major, minor in sorted(versions) if (major, minor) > allowed]
    elif platform.startswith("musllinux") and versions:
        wrong.append("it needs glibc, and is for musl")
    return wrong + bounds("functions of a client", elf.section_sizes(library).get(".text.client", 0), CLIENT)


def check_sdist(sdist: Path) -> list[str]:
    """Return what is wrong with an sdist."""
    root = sdist.name.removesuffix(".tar.gz") + "/"
    with tarfile.open(sdist) as archive:
        files = [entry.name.removeprefix(root) for entry in archive if entry.isfile()]
        metadata = archive.extractfile(f"{root}PKG-INFO")
        text = metadata.read().decode() if metadata else ""
    needed = {*IN_SDIST, *(f"python/{path}" for path in python_files())}
    wrong = [f"{path} is missing" for path in sorted(needed - set(files))]
    wrong += [f"{path} should not be in it" for path in files if matches(path, NOT_IN_SDIST)]
    return wrong + bounds("the sdist", sdist.stat().st_size, SDIST) + check_metadata(text)


def check_metadata(metadata: str) -> list[str]:
    """Check the links of the description: an index cannot follow relative ones, and anchors need a heading."""
    description = metadata.partition("\n\n")[2]
    wrong = [f"the link {target} is relative" for target in links(description) if not WHOLE.match(target)]
    headings = re.findall(r"^#+ (.+)$", description, re.MULTILINE)
    anchors = {"#" + re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    lost = [target for target in links(description) if target.startswith("#") and target not in anchors]
    return wrong + [f"the link {target} leads to no heading" for target in lost]


def links(markdown: str) -> list[str]:
    """Return the targets of all links and images."""
    found: list[str] = LINK.findall(CODE.sub("", markdown))
    return found


def matches(path: str, patterns: tuple[str, ...] | list[str]) -> bool:
    """Whether a path is of one of these patterns, whose ``*`` also stands for slashes."""
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def bounds(what: str, size: int, allowed: tuple[int, int]) -> list[str]:
    """Print a size, and say if it is out of bounds."""
    print(f"  {what}: {size:,} bytes")
    least, most = allowed
    return [] if least <= size <= most else [f"{what} has {size:,} bytes, which is not from {least:,} to {most:,}"]


def main(paths: list[str]) -> int:
    """Check each file; return the exit code."""
    wrong = 0 if paths else 1
    for path in map(Path, paths):
        print(path.name)
        found = check_wheel(path) if path.suffix == ".whl" else check_sdist(path)
        for line in found:
            print(f"  WRONG: {line}")
        wrong += len(found)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
