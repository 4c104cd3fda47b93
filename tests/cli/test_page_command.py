"""``azmqtt hub page`` and ``azmqtt hub trust``."""

from __future__ import annotations

import hashlib
import json
import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import azmqtt
from azmqtt._cli import page


def run(hub: azmqtt.LocalHub, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "IOTHUB_CONNECTION_STRING": hub.service_connection_string}
    command = [sys.executable, "-m", "azmqtt", "hub", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=False)


def redeem(hub: azmqtt.LocalHub, url: str) -> dict:
    """Do what the page does with a link."""
    origin, code = url.split("/#open=")
    body = json.dumps({"code": code}).encode()
    request = urllib.request.Request(f"{origin}/azmqtt/page/session", body)  # noqa: S310 - https
    context = ssl.create_default_context(cafile=hub.ca_file)
    with urllib.request.urlopen(request, context=context) as answer:  # noqa: S310 - https
        return json.load(answer)


def test_a_link_to_a_hub_that_runs(hub: azmqtt.LocalHub) -> None:
    done = run(hub, "page", "--trust", hub.ca_file)
    assert (done.returncode, done.stderr) == (0, "")
    session = redeem(hub, done.stdout.strip())
    assert (session["kind"], session["hostname"]) == ("hub", "localhost")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        redeem(hub, done.stdout.strip())


def test_page_url_of_a_stopped_hub() -> None:
    with azmqtt.LocalHub() as hub:
        assert hub.page_url().startswith(f"https://localhost:{hub.service_port}/#open=")
        assert hub.page_url() != hub.page_url()
    with pytest.raises(RuntimeError, match="stopped"):
        hub.page_url()


def test_the_browser_is_opened_only_on_demand(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    page.show("https://localhost:1/#open=2", open_it=False)
    assert opened == []
    page.show("https://localhost:1/#open=3", open_it=True)
    assert opened == ["https://localhost:1/#open=3"]
    assert "https://localhost:1/#open=2" in capsys.readouterr().out


def test_how_to_trust_the_authority(hub: azmqtt.LocalHub, tmp_path: Path) -> None:
    done = run(hub, "trust", hub.ca_file)
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(hub.ca_pem)).hexdigest().upper()
    assert fingerprint in done.stdout.replace(":", "")
    for program in ("curl", "Python", "Node", "Firefox", "Chromium", "macOS", "Windows", "Debian"):
        assert program in done.stdout
    assert hub.ca_file in done.stdout
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    for file in (nothing, tmp_path / "missing.pem"):
        done = run(hub, "trust", str(file))
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
