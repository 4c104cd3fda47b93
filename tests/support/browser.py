"""Chromium, headless, driven by the DevTools protocol over its pipe: no driver program, no package."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import itertools
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

#: Seconds, for whatever is waited for.
DEADLINE = 30.0

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def spki_hash(port: int) -> str:
    """The hash of a server's key, as Chromium is told to trust it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509 import load_pem_x509_certificate

    certificate = load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", port)).encode())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def _pipe() -> tuple[int, int]:
    """Return a pipe whose ends have numbers from 10 on."""
    low = os.pipe()
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in low]
    for end in low:
        os.close(end)
    return ends[0], ends[1]


class Browser:
    """One Chromium with a profile of its own, until the end of a ``with``."""

    def __init__(self, *trusted: str, local_names: str = "*.example") -> None:
        """Start it; ``trusted`` are hashes of servers' keys, and names of the pattern lead to this machine."""
        program = next(filter(None, map(shutil.which, CHROMIUM)), None)
        if program is None:
            pytest.skip("there is no Chromium (apt-get install chromium)")
        self._profile = tempfile.mkdtemp(prefix="azmqtt-browser-")
        # The protocol is on the file descriptors 3 and 4: ours are others, whatever is free.
        theirs_in, ours_out = _pipe()
        ours_in, theirs_out = _pipe()
        redirect = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out} {theirs_in}<&- {theirs_out}>&-'
        flags = (
            "--headless=new",
            "--no-sandbox",
            "--remote-debugging-pipe",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-extensions",
            "--hide-scrollbars",
            f"--user-data-dir={self._profile}",
            f"--ignore-certificate-errors-spki-list={','.join(trusted)}",
            f"--host-resolver-rules=MAP {local_names} 127.0.0.1",
            "about:blank",
        )
        self._log = Path(self._profile, "stderr").open("wb")  # noqa: SIM115 - closed at the end
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", redirect, program, *flags],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._out, self._in = ours_out, ours_in
        self._numbers = itertools.count(1)
        self._answers: dict[int, Queue[dict[str, Any]]] = {}
        self.pages: dict[str, Page] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.pid = self._process.pid

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(10)
        os.close(self._out)
        os.close(self._in)
        self._log.close()
        shutil.rmtree(self._profile, ignore_errors=True)

    def _read(self) -> None:
        rest = b""
        while True:
            part = os.read(self._in, 1 << 20)
            if not part:
                return
            *messages, rest = (rest + part).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self._answers.pop(message["id"]).put(message)
                elif message.get("sessionId") in self.pages:
                    self.pages[message["sessionId"]].event(message)

    def send(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command; return its result."""
        number = next(self._numbers)
        answer = self._answers[number] = Queue()
        message = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        try:
            got = answer.get(timeout=DEADLINE)
        except Empty:
            raise TimeoutError(f"no answer to {method}") from None
        if "error" in got:
            text = got["error"]["message"]
            raise (Navigated if "navigated" in text else RuntimeError)(f"{method}: {text}")
        return got["result"]

    def open(self, url: str = "about:blank", *, width: int = 1400, height: int = 1000, dark: bool = False) -> Page:
        """Open a page in a new tab."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log"):
            page.send(f"{domain}.enable")
        page.resize(width, height)
        page.colours(dark=dark)
        if url != "about:blank":
            page.go(url)
        return page


class Navigated(RuntimeError):
    """The document went while a command was under way: another took its place."""


class Page:
    """A tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self.browser, self.session = browser, session
        #: What went wrong in it: exceptions, and what the browser has refused or could not load.
        self.errors: list[str] = []

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.send(method, self.session, **parameters)

    def event(self, message: dict[str, Any]) -> None:
        if message["method"] == "Runtime.exceptionThrown":
            details = message["params"]["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif message["method"] == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
            entry = message["params"]["entry"]
            self.errors.append(f"{entry['text']} {entry.get('url', '')}")

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **size)

    def colours(self, *, dark: bool) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def go(self, url: str) -> None:
        """Open an address, and wait until its document is there."""
        failed = self.send("Page.navigate", url=url).get("errorText")
        if failed:
            raise RuntimeError(f"{url}: {failed}")
        self.wait("document.readyState === 'complete'")

    def run(self, expression: str) -> Any:
        """Return the value of an expression, which may be a promise."""
        options = {"returnByValue": True, "awaitPromise": True, "userGesture": True}
        got = self.send("Runtime.evaluate", expression=expression, **options)
        if "exceptionDetails" in got:
            details = got["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return got["result"].get("value")

    def wait(self, expression: str) -> Any:
        """Wait until an expression is true; return its value."""
        end = time.monotonic() + DEADLINE
        while True:
            try:
                value = self.run(f"(() => {{ try {{ return {expression} }} catch {{ return false }} }})()")
            except Navigated:
                value = None
            if value:
                return value
            if time.monotonic() > end:
                raise TimeoutError(f"never true: {expression}\n{self.text()}\n{self.errors}")
            time.sleep(0.05)

    def wait_text(self, text: str, within: str = "body") -> None:
        """Wait until an element shows a text."""
        self.wait(f"document.querySelector({json.dumps(within)}).innerText.includes({json.dumps(text)})")

    def text(self, within: str = "body") -> str:
        return self.run(f"document.querySelector({json.dumps(within)})?.innerText ?? ''")

    def click(self, selector: str, text: str | None = None) -> None:
        """Press the first element of a selector, that with a text if one is named."""
        condition = "true" if text is None else f"one.innerText.trim() === {json.dumps(text)}"
        found = f"[...document.querySelectorAll({json.dumps(selector)})].find((one) => {condition})"
        self.wait(f"{found} !== undefined")
        self.run(f"{found}.click()")

    def fill(self, label: str, value: str) -> None:
        """Fill in the control with a label, as the keyboard would."""
        find = f"[...document.querySelectorAll('label')].find((one) => one.innerText.trim() === {json.dumps(label)})"
        self.wait(f"{find} !== undefined")
        self.run(
            f"(() => {{ const control = document.getElementById({find}.htmlFor); control.value = {json.dumps(value)};"
            "for (const kind of ['input', 'change']) control.dispatchEvent(new Event(kind, {bubbles: true})); })()"
        )

    def press(self, key: str) -> None:
        """Press a key such as ``Tab`` or ``Enter``."""
        codes = {"Tab": (9, ""), "Enter": (13, "\r")}
        code, text = codes[key]
        event = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **event)
        self.send("Input.dispatchKeyEvent", type="keyUp", **event)

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write a PNG of what is shown, or of the whole document."""
        picture = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(picture))
