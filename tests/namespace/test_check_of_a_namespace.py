"""`azmqtt check` against a local namespace: each way to be refused, and what the command makes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import azmqtt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OBJECT_ID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def namespace() -> Iterator[azmqtt.LocalNamespace]:
    with azmqtt.LocalNamespace() as made:
        yield made


@pytest.fixture
def run(namespace: azmqtt.LocalNamespace) -> Callable[..., tuple[int, str]]:
    """Run the check to its end: its exit code, and what it said."""

    def check(*options: object) -> tuple[int, str]:
        where = ("--hostname", "localhost", "--port", namespace.port, "--trust", namespace.ca_file)
        names = ("IOTHUB_", "AZMQTT_", "AIO_")
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "azmqtt", "check", *map(str, (*where, *options))],
            env={name: value for name, value in os.environ.items() if not name.startswith(names)},
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    return check


def shown(certificate: azmqtt.DeviceCertificate, path: Path) -> tuple[object, ...]:
    """Return the options that show a certificate."""
    (path / "certificate.pem").write_text(certificate.certificate)
    (path / "key.pem").write_text(certificate.private_key)
    return "--certificate", path / "certificate.pem", "--private-key", path / "key.pem"


def test_a_certificate(namespace: azmqtt.LocalNamespace, run: Callable[..., tuple[int, str]], tmp_path: Path):
    namespace.add_ca(namespace.ca_pem)
    namespace.create_client("pump", validation_scheme="SubjectMatchesAuthenticationName")
    right = shown(namespace.create_certificate("pump"), tmp_path)
    named = ("--client-id", "pump", "--username", "pump")
    code, out = run(*named, *right)
    assert (code, "subscription identifiers" in out) == (0, True), out
    for name, why in (("other", "no client"), ("pump", "no certificate")):
        code, out = run("--client-id", name, "--username", name, *(right if name == "other" else ()))
        assert code == 1
        assert "Not authorized (0x87)" in out
        # What the client hears is always the same.
        assert why not in out
        assert why in (namespace.last_refusal or "")
    (tmp_path / "over").mkdir()
    code, out = run(*named, *shown(namespace.create_certificate("pump", days=-1), tmp_path / "over"))
    assert (code > 0, "expired" in out) == (True, True), out
    namespace.update_client("pump", enabled=False)
    code, out = run(*named, *right)
    assert (code, "Not authorized (0x87)" in out) == (1, True), out
    # A session of another client id is one too many.
    namespace.update_client("pump", enabled=True)
    with namespace.mqtt_client("pump", **dict(zip(("certificate", "private_key"), right[1::2], strict=True))) as one:
        one.connect()
        code, out = run("--client-id", "second", "--username", "pump", *right)
        assert (code, "Quota exceeded (0x97)" in out) == (1, True), out


@pytest.mark.parametrize(
    ("method", "made", "said"),
    [
        ("OAUTH2-JWT", "good", None),
        ("OAUTH2-JWT", "rubbish", "Not authorized (0x87)"),
        ("CUSTOM-JWT", "good", "Not authorized (0x87)"),
        ("OAUTH2-JWT", "over", "exp"),
    ],
)
def test_a_token(
    namespace: azmqtt.LocalNamespace,
    run: Callable[..., tuple[int, str]],
    tmp_path: Path,
    method: str,
    made: str,
    said: str | None,
):
    token = namespace.entra_token(OBJECT_ID, expires_in=0 if made == "over" else 3600)
    file = tmp_path / "token"
    file.write_text("rubbish" if made == "rubbish" else token)
    code, out = run("--client-id", "one", "--token-file", file, "--method", method)
    assert (code, said is None or said in out) == (0 if said is None else 1, True), out
    assert not any(part in out for part in token.split("."))


def test_a_webhook_that_is_not_there(namespace: azmqtt.LocalNamespace, run: Callable[..., tuple[int, str]]):
    namespace.set_webhook("http://127.0.0.1:1/")
    for protocol, said in ((5, "Server unavailable (0x88)"), (4, "0x88")):
        code, out = run("--client-id", "one", "--username", "user", "--protocol", protocol)
        assert (code, said.lower() in out.lower()) == (1, True), out
