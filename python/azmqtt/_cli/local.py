"""What the commands of local services share."""

from __future__ import annotations

import argparse
import contextlib
import sys

from azmqtt._errors import DamagedState


def directory(text: str) -> str:
    """Read the name of a directory."""
    if not text:
        raise argparse.ArgumentTypeError("it must name a directory")
    return text


def allow_files() -> None:
    """Raise this process's limit of open files as far as it may: every connected client takes one."""
    try:
        import resource  # not on Windows, which has no such limit either
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems refuse what they themselves call the limit; then fewer clients fit.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def fail(command: str, error: Exception) -> int:
    """Say why a service does not start; return the exit code."""
    # An OSError with a number shows it before the words that say all.
    text = error.strerror if isinstance(error, OSError) and error.strerror else error
    sys.stderr.write(f"azmqtt {command}: {text}\n")
    return 2 if isinstance(error, ValueError) and not isinstance(error, DamagedState) else 1
