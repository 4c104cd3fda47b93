"""Lines that are slow, and lines that die while a call waits."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

import azmqtt
import azmqtt.paho


class Line:
    """A TCP proxy that lets ``rates`` bytes a second through, ``up`` and ``down``, and nothing more once it is cut."""

    def __init__(self, port: int) -> None:
        """Listen on a port of its own."""
        self.rates: dict[str, int] = {}
        self.connections = 0
        self._to = port
        self._cuts: list[threading.Event] = []
        self._ends: list[socket.socket] = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Let nothing more through on the connections that there are, without closing them."""
        for cut in self._cuts:
            cut.set()

    def close(self) -> None:
        """Close every connection, cut ones too."""
        self.cut()
        self._listener.close()
        for end in self._ends:
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                cut = threading.Event()
                self._ends += near, far
                self._cuts.append(cut)
                self.connections += 1
                for way, source, sink in (("up", near, far), ("down", far, near)):
                    threading.Thread(target=self._pump, args=(way, source, sink, cut), daemon=True).start()

    def _pump(self, way: str, source: socket.socket, sink: socket.socket, cut: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                rate = self.rates.get(way)
                piece = rate // 10 if rate else len(data)
                for start in range(0, len(data), piece):
                    if cut.is_set():
                        return
                    sink.sendall(data[start : start + piece])
                    if rate:
                        time.sleep(0.1)
        if not cut.is_set():
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def line(hub) -> Iterator[Line]:
    line = Line(hub.port)
    yield line
    line.close()


@pytest.fixture
def make_client(hub, line):
    with contextlib.ExitStack() as clients:

        def make(**options):
            device = hub.create_device()
            connection_string = device.connection_string
            client = azmqtt.DeviceClient.from_connection_string(
                connection_string, port=line.port, trust=hub.ca_file, **options
            )
            return clients.enter_context(client)

        yield make


def test_a_dead_line_is_replaced_in_time_for_who_waits(hub, line, make_client):
    # Its keep-alive alone would take 80 seconds.
    client = make_client()
    client.connect()
    line.cut()
    assert client.get_twin(timeout=8).desired == {}
    assert line.connections == 2


async def test_a_dead_line_is_replaced_in_time_for_tasks(hub, line, make_client):
    client = make_client()
    await client.connect_async()
    line.cut()
    await client.send_message_async("all the same", timeout=8)
    assert line.connections == 2


def test_a_short_timeout_says_that_the_line_may_be_dead(hub, line, make_client):
    client = make_client()
    client.connect()
    line.cut()
    with pytest.raises(azmqtt.RequestTimeout, match="connected, but nothing has arrived from the hub for 1"):
        client.send_message("lost", timeout=1.5)


def test_a_hub_that_delays_says_what_may_be_used_up(hub, client):
    client.connect()
    hub.inject_fault(azmqtt.faults.Lose("puback"), device_id=client.device_id)
    with pytest.raises(azmqtt.RequestTimeout, match=r"connected; .*rate or daily quota.*throttling"):
        client.send_message("unanswered", timeout=0.5)


def test_the_hub_waits_for_a_message_on_a_slow_line(line, make_client):
    """A whole packet must come in one and a half intervals by the standard, and within a TLS record no byte shows."""
    client = make_client(keep_alive=1)
    client.connect()
    line.rates["up"] = 1000
    client.send_message(b"x" * 2300)
    line.rates.clear()
    assert (line.connections, client.stats().connections_lost) == (1, 0)


def test_the_paho_drop_in_waits_for_a_message_on_a_slow_line(hub, line):
    device = hub.create_device()
    key = device.connection_string.rpartition("SharedAccessKey=")[2]
    client = azmqtt.paho.Client(azmqtt.paho.CallbackAPIVersion.VERSION2, device.device_id)
    client.username_pw_set(
        f"localhost/{device.device_id}/?api-version=2021-04-12",
        azmqtt.sas.generate(f"localhost/devices/{device.device_id}", key),
    )
    client.tls_set(ca_certs=hub.ca_file)
    subscribed, came, lost = threading.Event(), threading.Event(), []
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda *_: came.set()
    client.on_disconnect = lambda *_: lost.append(None)
    client.connect("localhost", line.port, keepalive=1)
    client.loop_start()
    try:
        client.subscribe(f"devices/{device.device_id}/messages/devicebound/#")
        assert subscribed.wait(10)
        line.rates["down"] = 1000
        hub.send_c2d(device.device_id, b"x" * 4000)
        assert came.wait(20)
        assert not lost
    finally:
        line.rates.clear()
        client.disconnect()
        client.loop_stop()
