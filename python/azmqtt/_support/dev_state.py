"""Where the development services of this user keep their state, and how others find them there.

``azmqtt hub --dev`` makes the directory once, with keys that are random, and writes ``dev.json`` into it: where it
listens, and with which keys. Others read that file, if nobody but this user could have read or written it, as ssh does
with private keys.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any, Literal, NamedTuple

from azmqtt._support import strict_json

Kind = Literal["hub", "namespace"]

#: What starts each service.
COMMANDS: dict[Kind, str] = {"hub": "azmqtt hub --dev", "namespace": "azmqtt namespace --dev"}

_FILES: dict[Kind, str] = {"hub": "dev.json", "namespace": "namespace.json"}

#: Bytes: more than 100,000 devices with their keys.
_LONGEST = 64 << 20


class DevHub(NamedTuple):
    """Where the development hub listens, and how a back-end application asks it.

    Attributes:
        hostname: Its name in connection strings and in its certificate.
        port: The TCP port of MQTT over TLS.
        websocket_port: The TCP port of HTTPS for devices.
        ca_file: A PEM file with the certificate to trust.
        service_connection_string: That of the owner's policy, a secret.
    """

    hostname: str
    port: int
    websocket_port: int
    ca_file: str
    service_connection_string: str

    def __repr__(self) -> str:
        """Say where it listens, without the secret."""
        return f"<DevHub {self.hostname}:{self.port}>"


def directory() -> Path:
    r"""Return the directory of development states, by the conventions of the system; it may not be there yet.

    It is ``$XDG_STATE_HOME/azmqtt/dev``, if that path is absolute, or ``~/.local/state/azmqtt/dev`` (XDG Base
    Directory Specification); ``~/Library/Application Support/azmqtt/dev`` on macOS; ``%LOCALAPPDATA%\azmqtt\dev``
    on Windows.
    """
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_STATE_HOME", ""))
        if not base.is_absolute():
            base = Path.home() / ".local" / "state"
    return base / "azmqtt" / "dev"


def state_of(kind: Kind) -> Path:
    """Return the state directory of a development service."""
    return directory() / kind


def file_of(kind: Kind) -> Path:
    """Return the file that says where a development service listens."""
    return directory() / _FILES[kind]


def make_directory() -> None:
    """Make the directory for this user alone, if it is missing.

    Raises:
        PermissionError: It is there, and not this user's alone.
        OSError: It cannot be made.
    """
    path = directory()
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    for made in (path.parent, path):
        made.mkdir(mode=0o700, exist_ok=True)
    _check_directories()


def write(kind: Kind, ready: dict[str, Any]) -> None:
    """Write where a development service listens, whole or not at all, for this user alone."""
    path = file_of(kind)
    unfinished = path.with_suffix(".tmp")
    # It may be left of a crash, with other permissions.
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(ready, file)
    unfinished.replace(path)


def read_if_there(kind: Kind) -> dict[str, Any] | None:
    """Read what :func:`write` wrote, if it is there.

    Raises:
        PermissionError: Others can read or write the file or its directory, or it is another user's.
        ValueError: The file is damaged.
        OSError: It cannot be read.
    """
    path = file_of(kind)
    try:
        _check_directories()
        _check_private(path)
        with path.open("rb") as file:
            content = file.read(_LONGEST)
    except FileNotFoundError:
        return None
    try:
        ready = strict_json.read(content)
    except ValueError as error:
        raise _damaged(kind, str(error)) from None
    if not isinstance(ready, dict):
        raise _damaged(kind, "it is not an object")
    return ready


def read(kind: Kind) -> dict[str, Any]:
    """As :func:`read_if_there`.

    Raises:
        FileNotFoundError: No such service was ever started; says how.
    """
    ready = read_if_there(kind)
    if ready is None:
        raise FileNotFoundError(f"there is no development {kind} in {directory()} yet: '{COMMANDS[kind]}' starts it")
    return ready


def text(kind: Kind, ready: dict[str, Any], name: str) -> str:
    """Return a text of what was read.

    Raises:
        ValueError: It is missing, or something else.
    """
    value = ready.get(name)
    if not isinstance(value, str) or not value:
        raise _damaged(kind, f"{name} is no text")
    return value


def port(kind: Kind, ready: dict[str, Any], name: str) -> int:
    """Return a TCP port of what was read.

    Raises:
        ValueError: It is missing, or something else.
    """
    value = ready.get(name)
    if type(value) is not int or not 0 < value < 1 << 16:
        raise _damaged(kind, f"{name} is no port")
    return value


def dev_hub() -> DevHub:
    """Find the development hub, which need not run.

    Raises:
        FileNotFoundError: None was ever started.
        PermissionError: Others can read or write the file or its directory, or it is another user's.
        ValueError: The file is damaged.
    """
    ready = read("hub")
    return DevHub(
        text("hub", ready, "hostname"),
        port("hub", ready, "port"),
        port("hub", ready, "websocket_port"),
        text("hub", ready, "ca_file"),
        text("hub", ready, "service_connection_string"),
    )


def _damaged(kind: Kind, what: str) -> ValueError:
    return ValueError(f"{file_of(kind)} is damaged: {what}; remove it, and '{COMMANDS[kind]}' writes it anew")


def _check_directories() -> None:
    path = directory()
    # Others who may write the directory above could put another one into this one's place.
    _check_private(path.parent, stat.S_IWGRP | stat.S_IWOTH)
    _check_private(path)


def _check_private(path: Path, forbidden: int = stat.S_IRWXG | stat.S_IRWXO) -> None:
    """Check that a file or directory is this user's, and gives others none of the forbidden permissions.

    Raises:
        PermissionError: It is not so; says what to do.
        OSError: It cannot be looked at.
    """
    if sys.platform == "win32":
        # What lies below LOCALAPPDATA is the user's own by inheritance.
        return
    status = path.stat()
    if status.st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to another user, who could read and change the keys in it")
    if status.st_mode & forbidden:
        raise PermissionError(f"others may use {path}, which is to hold keys: 'chmod go-rwx {path}' forbids it")
