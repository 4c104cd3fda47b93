"""The workload API of an IoT Edge runtime on a Unix socket, honest or not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

#: Called with method, path and body; what goes out, as it is. ``None`` for no answer at all.
Script = Callable[[str, str, bytes], "bytes | None"]


class ScriptedWorkload:
    """Signs with a module's key and hands out a bundle, or does what a script says instead."""

    def __init__(self, key: str, bundle: str) -> None:
        self.key = base64.b64decode(key)
        self.bundle = bundle
        #: Takes the place of the honest answers.
        self.script: Script | None = None
        #: Method and path of every request.
        self.requests: list[tuple[str, str]] = []
        # Not pytest's, whose paths may be too long for a socket.
        self._directory = tempfile.mkdtemp(prefix="azmqtt-")
        path = Path(self._directory) / "workload.sock"
        self.uri = f"unix://{path}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> ScriptedWorkload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()
        for connection in self._open:
            connection.close()
        shutil.rmtree(self._directory)

    def honest(self, method: str, path: str, body: bytes) -> bytes:
        """What a runtime answers."""
        if (method, path.split("?", maxsplit=1)[0]) == ("GET", "/trust-bundle"):
            return answer({"certificate": self.bundle})
        if method == "POST" and "/sign?" in path:
            asked = json.loads(body)
            assert (asked["keyId"], asked["algo"]) == ("primary", "HMACSHA256")
            digest = hmac.new(self.key, base64.b64decode(asked["data"]), hashlib.sha256).digest()
            return answer({"digest": base64.b64encode(digest).decode()})
        return answer({"message": "no such route"}, "404 Not Found")

    def _serve(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            connection.settimeout(10)
            method, path, body = _read(connection)
            self.requests.append((method, path))
            said = (self.script or self.honest)(method, path, body)
            if said is None:
                self._open.append(connection)
                continue
            connection.sendall(said)
            connection.close()


def answer(body: Any, status: str = "200 OK") -> bytes:
    """An answer in JSON."""
    text = json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text


def _read(connection: socket.socket) -> tuple[str, str, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(4096)
    head, _, body = data.partition(b"\r\n\r\n")
    request, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(4096)
    method, path, _ = request.split(" ")
    return method, path, body
