"""Named tasks: ``nox -l`` lists them, ``nox -s lint`` runs one, ``.ci/run`` runs all that a change must pass.

Each session that needs Python packages keeps a virtual environment of its own in ``.nox`` and uses it again. With
``nox --no-venv`` they use the environment that is active, and so does ``.ci/run``: azmqtt is built there once.
"""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import nox

nox.needs_version = ">=2024.10.9"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests", "demo", "lint", "clippy", "rust", "rustdoc", "page", "docs", "bench"]

PROJECT: dict[str, Any] = nox.project.load_toml("pyproject.toml")["project"]
CLIPPY = ("cargo", "clippy", "--locked", "--workspace", "--all-targets")
# The packages of cargo that are not part of the workspace, each with a Cargo.lock of its own.
FUZZ = "fuzz/Cargo.toml"
BESIDE = ("benches/rig/Cargo.toml", "benches/bridge/Cargo.toml", FUZZ)
# They share what they compile.
TARGET_DIR = os.environ.get("CARGO_TARGET_DIR", "target")

# What builds a wheel, and what looks at it.
BUILD_TOOLS = ("abi3audit", "auditwheel", "build", "maturin>=1.12,<2", "twine", "ziglang")
# On Linux, zig links against the libraries of the oldest systems that pip knows a name for (docs/decisions.md). By the
# last part of what rustc calls a system.
LINUX = {
    "gnu": ("--zig", "--compatibility", "manylinux2014"),
    "gnueabihf": ("--zig", "--compatibility", "manylinux2014"),
    "musl": ("--zig", "--compatibility", "musllinux_1_2"),
    "musleabihf": ("--zig", "--compatibility", "musllinux_1_2"),
}

# cargo-deny is a program that `cargo install --locked cargo-deny` compiles for minutes.
if shutil.which("cargo-deny"):
    nox.options.sessions.append("deny")


def install(session: nox.Session, *arguments: str) -> None:
    """Install with pip, also into the environment that is active."""
    if session.venv_backend != "none":
        session.install(*arguments)
        return
    inside = session.run("python", "-c", "import sys; print(sys.prefix != sys.base_prefix)", silent=True)
    if str(inside).strip() != "True":
        session.error("no virtual environment is active: make one, or leave --no-venv out")
    session.run("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments)


def install_extras(session: nox.Session, *names: str) -> None:
    """Install what extras of pyproject.toml need, without azmqtt itself."""
    install(session, *(each for name in names for each in PROJECT["optional-dependencies"][name]))


def cargo(session: nox.Session, *arguments: str, **environment: str) -> None:
    """Run a program of Rust's, which comes from outside of every virtual environment."""
    session.run(*arguments, external=True, env=environment)


@nox.session
def tests(session: nox.Session) -> None:
    """Install and run pytest as README.md says (arguments: ``nox -s tests -- tests/hub/test_hub.py``)."""
    install(session, ".[test]")
    session.run("pytest", *(session.posargs or ["-n", "auto"]))


@nox.session
def demo(session: nox.Session) -> None:
    """Run a whole device session, each step checked."""
    if session.venv_backend != "none":
        install(session, ".")
    session.run("azmqtt", "demo")


@nox.session
def notebooks(session: nox.Session) -> None:
    """Run the notebooks and compare their outputs, as ``tests`` does; ``AZMQTT_WRITE_NOTEBOOKS=1`` stores them anew."""
    install(session, ".[test]")
    session.run("pytest", *(session.posargs or ["tests/notebook/test_example_notebooks.py"]))


@nox.session
def lint(session: nox.Session) -> None:
    """Check Python: ruff, its formatter, mypy, the compiled module's stub, and that every public name has a type."""
    install_extras(session, "test", "lint")
    if session.venv_backend != "none":
        install(session, ".")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("mypy", "noxfile.py")
    # Programs that import each other by their names, each checked by itself.
    scripts = [path for path in sorted(Path("packaging").glob("*.py")) if path.stem != "build_backend"]
    session.run("mypy", *map(str, scripts), env={"MYPYPATH": "packaging"})
    session.run("python", "-m", "mypy.stubtest", "azmqtt._core")
    # Fails below 100 %: a user's type checker must not have to infer anything.
    session.run("pyright", "--verifytypes", "azmqtt", "--ignoreexternal")


@nox.session(venv_backend="none")
def clippy(session: nox.Session) -> None:
    """Check Rust without running it: rustfmt, clippy."""
    cargo(session, "cargo", "fmt", "--all", "--check")
    # Without --locked: the Cargo.lock in fuzz/ follows the dependencies of the crates that it tests.
    cargo(session, "cargo", "update", "--workspace", "--quiet", "--manifest-path", FUZZ)
    cargo(session, *CLIPPY, "--", "-D", "warnings")
    for manifest in BESIDE:
        cargo(session, "cargo", "fmt", "--check", "--manifest-path", manifest)
        cargo(session, *CLIPPY, "--target-dir", TARGET_DIR, "--manifest-path", manifest, "--", "-D", "warnings")


@nox.session(venv_backend="none")
def rust(session: nox.Session) -> None:
    """Run the tests of the Rust code."""
    # Without --locked, as above.
    cargo(session, "cargo", "test", "--target-dir", TARGET_DIR, "--manifest-path", FUZZ)
    # All at once: a package by itself asks for other features of tokio and rustls; what needs them would be built anew.
    cargo(session, "cargo", "test", "--locked", "--workspace", LD_LIBRARY_PATH=python_library_path(session))


def python_library_path(session: nox.Session) -> str:
    """Return where the loader finds Python's library: test programs embed the interpreter that was linked."""
    program = "import sysconfig; print(sysconfig.get_config_var('LIBDIR') or '')"
    # The one that PyO3 finds.
    python = os.environ.get("PYO3_PYTHON") or ("python" if shutil.which("python") else "python3")
    directory = str(session.run(python, "-c", program, silent=True)).strip()
    return os.pathsep.join(filter(None, [directory, os.environ.get("LD_LIBRARY_PATH", "")]))


@nox.session(venv_backend="none")
def rustdoc(session: nox.Session) -> None:
    """Build the documentation of the Rust code, private items included."""
    arguments = ("--locked", "--workspace", "--no-deps", "--document-private-items")
    cargo(session, "cargo", "doc", *arguments, RUSTDOCFLAGS="-D warnings")


@nox.session(venv_backend="none")
def page(session: nox.Session) -> None:
    """Check the types of the page, build it, and compare with what is checked in; ``-- --write`` stores it anew."""
    npm = shutil.which("npm")
    if npm is None:
        session.skip("there is no npm (apt-get install npm)")
    kept = Path("crates/local/page").resolve()
    built = kept if "--write" in session.posargs else Path(session.create_tmp(), "page").resolve()
    with session.chdir("page"):
        # No package runs a script of its own.
        session.run(npm, "ci", "--ignore-scripts", external=True)
        session.run(npm, "run", "check", external=True)
        session.run("node", "build.mjs", str(built), external=True)
    for file in sorted(built.iterdir()):
        if file.read_bytes() != (kept / file.name).read_bytes():
            session.error(f"crates/local/page/{file.name} is not what page/ says: nox -s page -- --write")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation site into ``site/main``; a release with ``-- 1.2.0`` into ``site/1.2.0``."""
    version = session.posargs[0] if session.posargs else "main"
    # Sphinx 9 needs Python 3.11.
    recent = session.run("python", "-c", "import sys; print(sys.version_info >= (3, 11))", silent=True)
    if str(recent).strip() != "True":
        session.skip("the site needs Python 3.11 or newer")
    install_extras(session, "docs")
    if session.venv_backend != "none":
        install(session, ".")
    options = (
        "--fail-on-warning",
        "--keep-going",
        "--nitpicky",
        "--quiet",
        "--jobs",
        "auto",
        "--doctree-dir",
        "site/.doctrees",
    )
    environment = {"AZMQTT_DOCS_VERSION": version}
    session.run("sphinx-build", *options, "docs", f"site/{version}", env=environment)
    session.run("python", "docs/_site/check_links.py", f"site/{version}")
    session.run("python", "docs/_site/versions.py", "site")


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Build the benchmark rig (to measure: ``python benches/run.py``); clippy checks the others."""
    options = ("--locked", "--quiet", "--target-dir", TARGET_DIR)
    cargo(session, "cargo", "build", *options, "--manifest-path", "benches/rig/Cargo.toml")


@nox.session
def wheels(session: nox.Session) -> None:
    """Build, check and try what a release has, in ``dist/``: the sdist and this system's wheel.

    With arguments a wheel alone, for another system: ``nox -s wheels -- --target aarch64-unknown-linux-musl``, after
    ``rustup target add``.
    """
    install(session, *BUILD_TOOLS)
    shutil.rmtree("dist", ignore_errors=True)
    if not session.posargs:
        session.run("python", "-m", "build", "--sdist", "--no-isolation", "--outdir", "dist")
    target = option(session, "--target") or host(session)
    arguments = [*session.posargs, *LINUX.get(target.rpartition("-")[2], ())]
    # Flags for the builds of a developer, such as those for another linker, are not for a wheel that others install.
    flags = {"MATURIN_PEP517_ARGS": shlex.join(arguments), "RUSTFLAGS": None, "CARGO_ENCODED_RUSTFLAGS": None}
    session.run("python", "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", env=flags)
    files = sorted(map(str, Path("dist").iterdir()))
    session.run("twine", "check", "--strict", *files)
    session.run("python", "packaging/check_dist.py", *files)
    (wheel,) = [file for file in files if file.endswith(".whl")]
    if "linux" in target:
        session.run("auditwheel", "show", wheel)
    if "abi3" in wheel:
        session.run("abi3audit", "--strict", wheel)
    if target == host(session):
        session.run("python", "packaging/try_wheel.py", wheel)


@nox.session
def sdist(session: nox.Session) -> None:
    """Install from the sdist, as pip does where there is no wheel: compiles for minutes."""
    if not list(Path("dist").glob("azmqtt-*.tar.gz")):
        install(session, *BUILD_TOOLS)
        session.run("python", "-m", "build", "--sdist", "--no-isolation", "--outdir", "dist")
    (file,) = Path("dist").glob("azmqtt-*.tar.gz")
    session.run("python", "packaging/check_dist.py", str(file))
    install(session, "--force-reinstall", "--no-binary=azmqtt", str(file))
    session.run("azmqtt", "demo")


def option(session: nox.Session, name: str) -> str | None:
    """Return the value of an argument of the session."""
    given = session.posargs
    return given[given.index(name) + 1] if name in given else None


def host(session: nox.Session) -> str:
    """Return this system as rustc names it."""
    said = str(session.run("rustc", "--print", "host-tuple", external=True, silent=True))
    return said.strip()


@nox.session(venv_backend="none")
def fuzz(session: nox.Session) -> None:
    """Have libFuzzer try parsers for a minute each: all, or those named (``nox -s fuzz -- topics twins``)."""
    if not shutil.which("cargo-fuzz"):
        session.error("cargo-fuzz is not installed: cargo install --locked cargo-fuzz")
    # Without a sanitizer any compiler will do. The little `unsafe` of the parsers is about text that was found to be
    # UTF-8 before, which no sanitizer looks at.
    options = ("--features", "libfuzzer", "--sanitizer", "none")
    seconds = os.environ.get("AZMQTT_FUZZ_SECONDS", "60")
    cargo(session, "cargo", "fuzz", "build", *options)
    for target in session.posargs or sorted(path.name for path in Path("fuzz/corpora").iterdir()):
        # What is found goes into the first folder, which is ignored by git.
        found = Path("fuzz/corpus", target)
        found.mkdir(parents=True, exist_ok=True)
        corpora = (str(found), f"fuzz/corpora/{target}")
        cargo(session, "cargo", "fuzz", "run", *options, target, *corpora, "--", f"-max_total_time={seconds}")


@nox.session(venv_backend="none")
def deny(session: nox.Session) -> None:
    """Check licences, sources and duplicates of the crates; known vulnerabilities with ``-- advisories``."""
    if not shutil.which("cargo-deny"):
        session.error("cargo-deny is not installed: cargo install --locked cargo-deny")
    checks = session.posargs or ["licenses", "sources", "bans"]
    for manifest in ("Cargo.toml", *BESIDE):
        command = ("cargo", "deny", "--manifest-path", manifest, "--locked", "--config", "deny.toml", "check")
        cargo(session, *command, "--hide-inclusion-graph", *checks)
