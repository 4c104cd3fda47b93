"""A Mosquitto of one's own: on free ports of 127.0.0.1, ended with the test."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
import trustme

#: Debian puts it where only root's PATH leads.
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")

needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="there is no mosquitto (apt-get install mosquitto)")


def reserve() -> socket.socket:
    """Bind a free port, so that nobody else on the machine gets it before the broker listens, or while it restarts.

    Two sockets may have a port as long as one of them does not listen (socket(7), ``SO_REUSEADDR``).
    """
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", 0))
    return taken


class Mosquitto:
    """A broker with a listener for each transport. It keeps sessions and retained messages when restarted."""

    def __init__(self, home: Path, *, password: bool = False, extra: str = "") -> None:
        self.home = home
        authority = trustme.CA()
        self.ca_file = home / "ca.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        server = authority.issue_cert("localhost")
        server.private_key_pem.write_to_path(home / "key.pem")
        (home / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
        own = authority.issue_cert("client")
        self.client_cert, self.client_key = home / "client.pem", home / "client-key.pem"
        (self.client_cert).write_bytes(own.cert_chain_pems[0].bytes())
        own.private_key_pem.write_to_path(self.client_key)
        lines = [
            f"user {Path.home().owner()}",
            "persistence true",
            f"persistence_location {home}/",
            f"log_dest file {home}/log",
            "max_packet_size 20000000",
        ]
        if password:
            subprocess.run(
                [
                    shutil.which("mosquitto_passwd") or "mosquitto_passwd",
                    "-b",
                    "-c",
                    home / "passwords",
                    "user",
                    "secret",
                ],
                check=True,
            )
            lines += ["allow_anonymous false", f"password_file {home}/passwords"]
        else:
            lines.append("allow_anonymous true")
        self._lines = [*lines, extra]
        self._configure()
        self._process: subprocess.Popen[bytes] | None = None

    def _configure(self) -> None:
        home = self.home
        self._reserved = [reserve() for _ in range(5)]
        self.port, self.tls_port, self.mutual_port, self.ws_port, self.wss_port = (
            int(taken.getsockname()[1]) for taken in self._reserved
        )
        tls = [f"certfile {home}/cert.pem", f"keyfile {home}/key.pem", f"cafile {home}/ca.pem"]
        lines = [*self._lines, f"listener {self.port} 127.0.0.1"]
        lines += [f"listener {self.tls_port} 127.0.0.1", *tls]
        lines += [f"listener {self.mutual_port} 127.0.0.1", *tls, "require_certificate true"]
        lines += [f"listener {self.ws_port} 127.0.0.1", "protocol websockets"]
        lines += [f"listener {self.wss_port} 127.0.0.1", "protocol websockets", *tls]
        (home / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        assert MOSQUITTO is not None
        before = len(self.log())
        command = [MOSQUITTO, "-c", self.home / "mosquitto.conf"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            ended = self._process.poll() is not None
            # What listens on its ports may be somebody else.
            if " running\n" in self.log()[before:]:
                return
            assert not ended, self.log()
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        """Ends it without a word to anybody."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def pause(self, signal: int) -> None:
        assert self._process is not None
        self._process.send_signal(signal)

    def log(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self.home / "log").read_text()
        return ""

    def __enter__(self) -> Mosquitto:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()
        for taken in self._reserved:
            taken.close()
