"""A client of the streams of a local service, on a socket of its own: it can stall, and shows every byte that came."""

from __future__ import annotations

import json
import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import azmqtt

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Nothing takes longer in a test, in seconds.
DEADLINE = 30


def hub_token(hub: azmqtt.LocalHub, policy: str = "service") -> str:
    """Make a token of a policy, as the REST API takes it."""
    parts = dict(part.split("=", 1) for part in hub.policy_connection_string(policy).split(";"))
    return azmqtt.sas.generate(parts["HostName"], parts["SharedAccessKey"], policy=policy)


@dataclass
class Answer:
    """The head of an answer, and its body as it comes."""

    stream: ssl.SSLSocket
    status: int
    headers: dict[str, str]
    _input: bytes = b""
    #: All of the body that was read.
    body: bytes = b""
    ended: bool = field(default=False)

    def __enter__(self) -> Answer:
        """Close the connection at the end of the block."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the connection."""
        self.stream.close()

    def _more(self) -> bytes:
        got = self.stream.recv(65536)
        if not got:
            raise EOFError("the connection was closed in the middle of an answer")
        self._input += got
        return got

    def _take(self, size: int) -> bytes:
        while len(self._input) < size:
            self._more()
        taken, self._input = self._input[:size], self._input[size:]
        return taken

    def _line(self) -> bytes:
        while b"\r\n" not in self._input:
            self._more()
        line, _, self._input = self._input.partition(b"\r\n")
        return line

    def chunks(self) -> Iterator[bytes]:
        """Read the body, part by part, to its end."""
        if "content-length" in self.headers:
            self.body = self._take(int(self.headers["content-length"]))
            self.ended = True
            yield self.body
            return
        while not self.ended:
            chunk = self._take(int(self._line(), 16) + 2)[:-2]
            self.ended = not chunk
            self.body += chunk
            yield chunk

    def text(self) -> str:
        """Read the whole body."""
        for _ in self.chunks():
            pass
        return self.body.decode()

    def lines(self) -> Iterator[dict[str, Any]]:
        """Read JSON lines as they come."""
        rest = b""
        for chunk in self.chunks():
            *lines, rest = (rest + chunk).split(b"\n")
            yield from map(json.loads, lines)
        assert not rest, "the last line has no end"

    def events(self) -> Iterator[tuple[str | None, str, dict[str, Any]]]:
        """Read Server-Sent Events as they come: name, id, data."""
        rest = b""
        for chunk in self.chunks():
            *blocks, rest = (rest + chunk).split(b"\n\n")
            for block in blocks:
                fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if not line.startswith(":"))
                if fields:
                    yield fields.get("event"), fields["id"], json.loads(fields["data"])


def get(
    port: int,
    ca_file: str,
    path: str,
    authorization: str | None = None,
    headers: dict[str, str] | None = None,
    method: str = "GET",
    receive_buffer: int | None = None,
) -> Answer:
    """Make a request, and read the head of its answer.

    Args:
        port: Of localhost.
        ca_file: The authority that signed the service's certificate.
        path: With the query.
        authorization: The header.
        headers: Others.
        method: Of HTTP.
        receive_buffer: The size of the socket's buffer, for a reader that stalls.
    """
    plain = socket.socket()
    if receive_buffer is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    plain.settimeout(DEADLINE)
    plain.connect(("127.0.0.1", port))
    stream = ssl.create_default_context(cafile=ca_file).wrap_socket(plain, server_hostname="localhost")
    sent = {"Host": f"localhost:{port}", **(headers or {})}
    if authorization is not None:
        sent["Authorization"] = authorization
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    stream.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode())
    answer = Answer(stream, 0, {})
    answer.status = int(answer._line().split()[1])
    while line := answer._line():
        name, _, value = line.decode().partition(": ")
        answer.headers[name.lower()] = value
    return answer
