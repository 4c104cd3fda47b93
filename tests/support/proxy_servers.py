"""Small proxies for tests: HTTP CONNECT and SOCKS5, on a free port of 127.0.0.1, each connection on a thread."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from collections.abc import Iterator


class ProxyServer:
    """Passes connections on; ``hosts`` maps names that only the proxy knows to a port of 127.0.0.1."""

    def __init__(self, login: tuple[str, str] | None = None, hosts: dict[str, int] | None = None) -> None:
        self.login = login
        self.hosts = hosts or {}
        #: Where clients asked to go, as ``host:port``.
        self.targets: list[str] = []
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        for sock in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def __enter__(self) -> ProxyServer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._open.append(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            target = self.ask(sock)
            if target is None:
                return
            host, port = target
            self.targets.append(f"{host}:{port}")
            with socket.create_connection(("127.0.0.1", self.hosts.get(host, port)), timeout=10) as hub:
                hub.settimeout(None)
                self._open.append(hub)
                self.accept(sock)
                back = threading.Thread(target=_pump, args=(hub, sock), daemon=True)
                back.start()
                _pump(sock, hub)
                back.join()

    def ask(self, sock: socket.socket) -> tuple[str, int] | None:
        raise NotImplementedError

    def accept(self, sock: socket.socket) -> None:
        raise NotImplementedError


class HttpProxy(ProxyServer):
    """HTTP/1.1 CONNECT, with Basic."""

    def ask(self, sock: socket.socket) -> tuple[str, int] | None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = sock.recv(1)
            if not byte:
                return None
            head += byte
        lines = head.decode().split("\r\n")
        if self.login is not None:
            expected = base64.b64encode(":".join(self.login).encode()).decode()
            if f"Proxy-Authorization: Basic {expected}" not in lines:
                sock.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n")
                return None
        method, target, _ = lines[0].split(" ")
        assert method == "CONNECT"
        host, port = target.rsplit(":", 1)
        return host, int(port)

    def accept(self, sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")


class SocksProxy(ProxyServer):
    """SOCKS5 with names (RFC 1928), and user name and password (RFC 1929)."""

    def ask(self, sock: socket.socket) -> tuple[str, int] | None:
        _, count = _exactly(sock, 2)
        methods = _exactly(sock, count)
        wanted = 0 if self.login is None else 2
        if wanted not in methods:
            sock.sendall(b"\x05\xff")
            return None
        sock.sendall(bytes([5, wanted]))
        if self.login is not None:
            _, length = _exactly(sock, 2)
            user = _exactly(sock, length).decode()
            password = _exactly(sock, _exactly(sock, 1)[0]).decode()
            right = (user, password) == self.login
            sock.sendall(bytes([1, 0 if right else 1]))
            if not right:
                return None
        assert _exactly(sock, 4) == b"\x05\x01\x00\x03"
        host = _exactly(sock, _exactly(sock, 1)[0]).decode()
        return host, int.from_bytes(_exactly(sock, 2), "big")

    def accept(self, sock: socket.socket) -> None:
        sock.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise OSError("the client went")
        data += part
    return data


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """A port that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])
