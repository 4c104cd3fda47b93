"""The workflows of GitHub: they cannot run here, but what they run is here."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
#: What a step may run besides nox and scripts of the repository.
PLAIN = ("python -m pip install nox", "rustup target add ", "docker run ", "gh release create ")
#: A version (v6) or a branch of versions (release/v1): docs/release.md says why, and how they become commits.
PINNED = re.compile(r"(actions|docker)/[\w-]+@v\d+|pypa/gh-action-pypi-publish@release/v1")


def jobs(path: Path) -> dict[str, dict]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]


def steps() -> list[tuple[str, dict]]:
    return [
        (f"{path.name}, {name}", step)
        for path in WORKFLOWS
        for name, job in jobs(path).items()
        for step in job["steps"]
    ]


def commands() -> list[tuple[str, str]]:
    return [(where, step["run"].strip()) for where, step in steps() if "run" in step]


def sessions() -> set[str]:
    return set(
        re.findall(r"^@nox\.session.*\ndef (\w+)\(", (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE)
    )


def test_there_are_workflows_for_tests_and_releases():
    assert [path.name for path in WORKFLOWS] == ["release.yml", "test.yml"]
    assert len(commands()) > 10


@pytest.mark.parametrize(("where", "command"), commands())
def test_each_command_is_one_of_this_repository(where: str, command: str):
    words = shlex.split(command)
    scripts = re.findall(r"(?:\.ci|packaging)/[\w.]+", command)
    for script in scripts:
        assert (ROOT / script).is_file(), where
    named = [after for before, after in itertools.pairwise(words) if before == "-s"]
    if words[0] == "nox":
        assert set(named) <= sessions(), where
        assert named
        return
    assert scripts or command.startswith(PLAIN), where


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_job_may_do_no_more_than_it_must(path: Path):
    whole = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert whole["permissions"] == {"contents": "read"}
    granted = {name: job["permissions"] for name, job in whole["jobs"].items() if "permissions" in job}
    expected = {
        "publish": {"id-token": "write", "attestations": "write"},
        "github": {"contents": "write"},
    }
    assert granted == (expected if path.name == "release.yml" else {})
    for name, job in whole["jobs"].items():
        assert job["timeout-minutes"] <= 90, name
        # What an outsider may have written runs without a token on the disk, and never in a job that may write.
        checkouts = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
        assert all(step["with"]["persist-credentials"] is False for step in checkouts), name
        assert not (checkouts and name in expected), name


def test_actions_are_pinned_in_one_way():
    used = {step["uses"] for _, step in steps() if "uses" in step}
    assert used
    assert [each for each in used if not PINNED.fullmatch(each)] == []
    # The same version of an action everywhere.
    names = [each.partition("@")[0] for each in used]
    assert len(names) == len(set(names))


def test_nothing_of_an_event_is_part_of_a_command():
    # github.event and its like hold what anybody may write; in a command they would be run.
    for where, command in commands():
        assert set(re.findall(r"\$\{\{ *([\w.]+)", command)) <= {"matrix.target", "matrix.platform", "matrix.image"}, (
            where
        )


def test_a_release_is_published_when_everything_was_built_and_the_changelog_is_right():
    release = jobs(ROOT / ".github" / "workflows" / "release.yml")
    assert set(release["publish"]["needs"]) == set(release) - {"publish", "github"}
    assert release["github"]["needs"] == "publish"
    # Started by hand, this job is skipped, and so is what needs it.
    assert release["notes"]["if"] == "github.event_name == 'push'"


def test_every_system_of_the_matrix_is_built():
    release = jobs(ROOT / ".github" / "workflows" / "release.yml")
    native = {each["os"] for each in release["native"]["strategy"]["matrix"]["include"]}
    targets = {each["target"] for each in release["linux"]["strategy"]["matrix"]["include"]}
    page = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
    for each in native | targets:
        assert f"`{each}`" in page, "docs/platforms.md says what is built and what was tried"


@pytest.mark.parametrize("target", ["x86_64-unknown-linux-gnu", "armv7-unknown-linux-musleabihf"])
def test_each_linux_has_an_old_library_to_link_against(target: str):
    text = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert f'"{target.rpartition("-")[2]}": ("--zig", "--compatibility"' in text


def test_a_dry_run_of_the_notes_says_what_is_missing():
    script = [sys.executable, str(ROOT / "packaging" / "release_notes.py"), "v0.0.0"]
    done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert "0.0.0" in done.stderr
