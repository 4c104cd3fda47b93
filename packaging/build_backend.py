"""The build backend (PEP 517): maturin, with a binary that names no directory of the machine that builds it.

Three things are added to what maturin does:

- rustc names each function by the types for which it is compiled (``-C symbol-mangling-version=v0``), as ``order.txt``
  does;
- rustc replaces the directories of this machine in panic messages, by ``--remap-path-prefix``;
- the SBOM of the wheel (PEP 770) lists the crates that are linked into it, instead of all that Cargo.lock knows.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import maturin
from maturin import (
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

import sbom

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

Settings = dict[str, Any] | None


def build_wheel(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    """Build the wheel; returns its file name."""
    target = sbom.target_of(maturin.get_maturin_pep517_args(config_settings))
    set_flags(target)
    name = maturin.build_wheel(wheel_directory, config_settings, metadata_directory)
    sbom.keep_linked_crates(Path(wheel_directory, name), target)
    return name


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Build the wheel of an editable install, as maturin does; returns its file name."""
    return maturin.build_editable(wheel_directory, config_settings, metadata_directory)


def set_flags(target: str) -> None:
    """Tell rustc to name functions by their types, and the directories of Cargo and of this checkout shortly.

    Cargo takes its flags from the first of these that it finds: ``CARGO_ENCODED_RUSTFLAGS``, ``RUSTFLAGS``, the flags
    of the target, ``build.rustflags``. So the new ones join what the environment has, or else those of the target.
    """
    cargo_home = os.environ.get("CARGO_HOME") or str(Path.home() / ".cargo")
    names = "-Csymbol-mangling-version=v0"
    flags = [names, f"--remap-path-prefix={cargo_home}=cargo", f"--remap-path-prefix={Path.cwd()}=azmqtt"]
    if "CARGO_ENCODED_RUSTFLAGS" not in os.environ and any(" " in flag for flag in flags):
        # The other variables end a flag at a space.
        os.environ["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(os.environ.get("RUSTFLAGS", "").split())
    of_target = f"CARGO_TARGET_{target.upper().replace('-', '_')}_RUSTFLAGS"
    for variable, separator in (("CARGO_ENCODED_RUSTFLAGS", "\x1f"), ("RUSTFLAGS", " "), (of_target, " ")):
        if variable in os.environ or variable == of_target:
            present = os.environ.get(variable)
            os.environ[variable] = separator.join([present, *flags] if present else flags)
            return
