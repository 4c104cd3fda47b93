"""The scripts of a release: each notices what is wrong, and changes nothing else."""

from __future__ import annotations

import csv
import io
import json
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

import archives
import check_dist
import elf
import release_notes
import try_wheel

REPOSITORY = "https://azmqtt.example/azmqtt"
METADATA = f"""\
Metadata-Version: 2.4
Name: azmqtt
Project-URL: Repository, {REPOSITORY}

# azmqtt

See [the guide]({REPOSITORY}/blob/main/docs/guide.md) and [above](#azmqtt).
"""
INFO = "azmqtt-1.0.dist-info"


def extension(glibc: str = "2.17", client: int = 1 << 20, size: int = 6 << 20) -> bytes:
    """A 64-bit ELF file with a symbol's version and the section of a client's functions."""
    names = b"\0.text.client\0.shstrtab\0"
    content = b"\0GLIBC_" + glibc.encode() + b"\0" + names
    names_at = 64 + len(content) - len(names)
    table = 64 + len(content)
    header = b"\x7fELF\x02\x01\x01".ljust(0x28, b"\0") + struct.pack("<Q", table)
    header = header.ljust(0x3A, b"\0") + struct.pack("<3H", 64, 2, 1)
    entries = [
        struct.pack("<II4Q", 1, 1, 0, 0, 0, client).ljust(64, b"\0"),
        struct.pack("<II4Q", 14, 3, 0, 0, names_at, len(names)).ljust(64, b"\0"),
    ]
    return (header + content + b"".join(entries)).ljust(size, b"\0")


def wheel_files(core: bytes) -> dict[str, bytes]:
    files = dict.fromkeys(check_dist.python_files(), b"")
    files["azmqtt/_core.abi3.so"] = core
    for pattern in check_dist.IN_WHEEL:
        if "*" not in pattern:
            files[pattern.format(info=INFO)] = b""
    files[f"{INFO}/METADATA"] = METADATA.encode()
    crates = [{"name": name} for name in ("pyo3", "rustls", "tokio")]
    files[f"{INFO}/sboms/azmqtt.cyclonedx.json"] = json.dumps({"components": crates}).encode()
    return files


def write_wheel(directory: Path, files: dict[str, bytes], name: str = "cp310-abi3-manylinux_2_17_x86_64") -> Path:
    text = io.StringIO()
    rows = [[path, archives.digest_of(content), str(len(content))] for path, content in files.items()]
    csv.writer(text, lineterminator="\n").writerows(rows)
    wheel = directory / f"azmqtt-1.0-{name}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in {**files, f"{INFO}/RECORD": text.getvalue().encode()}.items():
            archive.writestr(path, content)
    return wheel


def test_a_wheel_as_it_should_be(tmp_path: Path):
    assert check_dist.check_wheel(write_wheel(tmp_path, wheel_files(extension()))) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"azmqtt/_core.abi3.so": extension(glibc="2.28")}, "it needs glibc 2.28"),
        ({"azmqtt/_core.abi3.so": extension(client=0)}, "functions of a client has 0 bytes"),
        ({"azmqtt/_core.abi3.so": extension(size=1 << 20)}, "the extension module has 1,048,576 bytes"),
        ({"azmqtt/_core.abi3.so": b"MZ" + bytes(6 << 20)}, "the extension module is not an ELF file"),
        ({"azmqtt/_core.copy.so": b""}, "it has 2 extension modules"),
        ({"tests/test_it.py": b""}, "tests/test_it.py should not be in it"),
        ({"azmqtt/secret.pem": b""}, "azmqtt/secret.pem should not be in it"),
        ({f"{INFO}/sboms/azmqtt.cyclonedx.json": b'{"components": []}'}, "the SBOM does not list pyo3"),
        ({f"{INFO}/METADATA": b"Name: azmqtt\n\n[b](docs/guide.md#c)\n"}, "the link docs/guide.md#c is relative"),
        ({f"{INFO}/METADATA": b"Name: azmqtt\n\n# A\n[b](#c)\n"}, "the link #c leads to no heading"),
    ],
)
def test_what_is_wrong_with_a_wheel(tmp_path: Path, change: dict[str, bytes], complaint: str):
    found = check_dist.check_wheel(write_wheel(tmp_path, {**wheel_files(extension()), **change}))
    assert [line for line in found if complaint in line], found


@pytest.mark.parametrize("missing", ["azmqtt/py.typed", f"{INFO}/sboms/azmqtt.cyclonedx.json"])
def test_what_a_wheel_lacks(tmp_path: Path, missing: str):
    files = wheel_files(extension())
    del files[missing]
    assert f"{missing} is missing" in check_dist.check_wheel(write_wheel(tmp_path, files))


def test_a_record_that_is_wrong(tmp_path: Path):
    wheel = write_wheel(tmp_path, wheel_files(extension()))
    changed = tmp_path / "changed" / wheel.name
    changed.parent.mkdir()
    with zipfile.ZipFile(wheel) as before, zipfile.ZipFile(changed, "w") as after:
        for name in before.namelist():
            after.writestr(name, b"# other" if name == "azmqtt/__init__.py" else before.read(name))
    assert check_dist.check_wheel(changed) == ["RECORD is wrong about azmqtt/__init__.py"]


def test_tags_and_libraries_of_musl(tmp_path: Path):
    found = check_dist.check_wheel(write_wheel(tmp_path, wheel_files(extension()), "cp311-cp311-musllinux_1_2_x86_64"))
    assert found == ["cp311-cp311 is not a tag that is released", "it needs glibc, and is for musl"]


def test_links_of_every_kind():
    text = '[a](b#c) ![d](e.svg)\n```python\nf["g"](h)\n```\n[![i](https://j.example/k.svg)](l) <img src="m.png">\n'
    assert check_dist.links(text) == ["b#c", "e.svg", "https://j.example/k.svg", "l", "m.png"]


def test_the_readme_of_this_repository_has_links_for_an_index():
    text = (check_dist.ROOT / "README.md").read_text(encoding="utf-8")
    assert check_dist.links(text)
    assert check_dist.check_metadata("\n\n" + text) == []


def test_an_sdist_that_lacks_something_and_has_too_much(tmp_path: Path):
    sdist = tmp_path / "azmqtt-1.0.tar.gz"
    with tarfile.open(sdist, "w:gz") as archive:
        for name, content in {"PKG-INFO": b"\n\n[a](b)", "src/lib.rs": b"", "python/azmqtt/_core.abi3.so": b""}.items():
            entry = tarfile.TarInfo(f"azmqtt-1.0/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    found = check_dist.check_sdist(sdist)
    assert "Cargo.lock is missing" in found
    assert "src/lib.rs is missing" not in found
    assert "python/azmqtt/_core.abi3.so should not be in it" in found
    assert "the link b is relative" in found


def test_the_symbols_of_a_library():
    library = extension(glibc="2.3.4")
    assert elf.glibc_versions(library) == {(2, 3)}
    assert elf.section_sizes(library)[".text.client"] == 1 << 20
    assert elf.glibc_versions(b"\x7fELF") == set()


@pytest.mark.parametrize(
    ("wheel", "takers"),
    [
        ("azmqtt-1.0-cp310-abi3-manylinux_2_17_x86_64.whl", {(10, False), (14, False), (15, False)}),
        ("azmqtt-1.0-cp314-cp314t-win_amd64.whl", {(14, True)}),
        ("azmqtt-1.0-cp315-abi3.abi3t-win_amd64.whl", {(15, False), (15, True)}),
    ],
)
def test_which_python_takes_which_wheel(wheel: str, takers: set[tuple[int, bool]]):
    versions = [(9, False), (10, False), (14, False), (14, True), (15, False), (15, True)]
    assert {each for each in versions if try_wheel.Version(3, *each).takes(wheel)} == takers


def test_the_tests_that_a_wheel_passes_are_there():
    assert [path for path in try_wheel.TESTS if not (try_wheel.ROOT / path).is_file()] == []
    assert len(try_wheel.requirements()) == len(try_wheel.TEST_PACKAGES)
    assert try_wheel.first_example().startswith("import azmqtt")


CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n\n### Added\n- This.\n\n## [0.1.0]\n\n- That.\n"


def test_the_notes_of_a_release():
    assert release_notes.notes(CHANGELOG, "0.2.0") == "### Added\n- This.\n"


@pytest.mark.parametrize(
    ("version", "complaint"),
    [("0.3.0", "has no section"), ("Unreleased", "has no date"), ("0.1.0", "has no date")],
)
def test_what_is_not_released(version: str, complaint: str):
    with pytest.raises(ValueError, match=complaint):
        release_notes.notes(CHANGELOG, version)


def test_a_version_that_is_not_the_one_of_the_source(capsysbinary: pytest.CaptureFixture[bytes]):
    assert release_notes.main(["v99.0.0"]) == 1
    assert b"the version in Cargo.toml is" in capsysbinary.readouterr().err
    assert release_notes.main([]) == 2
