"""The drop-in over TLS, WebSockets and proxies, on a real Mosquitto; and what it raises when there is no way."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

import azmqtt.paho.client as mqtt
from mosquitto import Mosquitto, needs_mosquitto
from paho_apps import App
from proxy_servers import HttpProxy, SocksProxy


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker


def goes_round(app: App, port: int, host: str = "127.0.0.1") -> None:
    with app:
        app.connect(port, host)
        assert app.wait("connect")[1] == 0
        app.subscribe("round")
        app.client.publish("round", "trip" * 1000, 1)
        assert app.wait("message").payload == b"trip" * 1000


@needs_mosquitto
def test_tls(broker: Mosquitto):
    app = App()
    app.client.tls_set(str(broker.ca_file), tls_version=ssl.PROTOCOL_TLSv1_2)
    app.client.tls_insecure_set(value=False)
    goes_round(app, broker.tls_port, "localhost")


@needs_mosquitto
def test_tls_with_a_client_certificate(broker: Mosquitto):
    app = App()
    app.client.tls_set(str(broker.ca_file), str(broker.client_cert), str(broker.client_key))
    goes_round(app, broker.mutual_port, "localhost")
    with App(reconnect_on_failure=False) as without:
        without.client.tls_set(str(broker.ca_file))
        # In TLS 1.3 a server says so after the handshake.
        without.client.connect("localhost", broker.mutual_port)
        without.client.loop_start()
        without.wait("disconnect")
        assert without.all("connect") == []


@pytest.mark.parametrize(("version", "spoken"), [(None, "TLSv1.3"), (ssl.PROTOCOL_TLSv1_2, "TLSv1.2")])
def test_versions_and_application_protocols(tmp_path: Path, version: int | None, spoken: str):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    context.set_alpn_protocols(["mqtt"])
    seen: list[tuple[str | None, str | None]] = []

    def serve() -> None:
        peer, _ = listener.accept()
        with context.wrap_socket(peer, server_side=True) as wrapped:
            seen.append((wrapped.version(), wrapped.selected_alpn_protocol()))
            wrapped.recv(1024)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        client = App().client
        client.tls_set(str(tmp_path / "ca.pem"), tls_version=version, alpn_protocols=["other", "mqtt"])
        client.connect("localhost", listener.getsockname()[1])
        thread.join(10)
    assert seen == [(spoken, "mqtt")]


@needs_mosquitto
def test_tls_from_a_context(broker: Mosquitto):
    app = App()
    context = ssl.create_default_context(cafile=str(broker.ca_file))
    app.client.tls_set_context(context)
    goes_round(app, broker.tls_port, "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        app.client.connect("127.0.0.1", broker.tls_port)
    context.check_hostname = False
    app = App()
    app.client.tls_set_context(context)
    goes_round(app, broker.tls_port, "127.0.0.1")


def insecure(app: App, ca_file: Path) -> None:
    app.client.tls_set(str(ca_file))
    app.client.tls_insecure_set(value=True)


def unchecked(app: App, _ca_file: Path) -> None:
    app.client.tls_set(cert_reqs=ssl.CERT_NONE)


@needs_mosquitto
@pytest.mark.parametrize("setting", [insecure, unchecked])
def test_a_certificate_for_another_name_when_that_is_fine(broker: Mosquitto, setting: Any):
    app = App()
    setting(app, broker.ca_file)
    goes_round(app, broker.tls_port, "127.0.0.1")


@needs_mosquitto
def test_the_wrong_name_and_the_wrong_roots_are_refused(broker: Mosquitto, tmp_path: Path):
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    for ca_file, host, insecure in [
        (broker.ca_file, "127.0.0.1", False),
        (other, "localhost", False),
        (other, "localhost", True),
    ]:
        client = App().client
        client.tls_set(str(ca_file))
        client.tls_insecure_set(insecure)
        with pytest.raises(ssl.SSLCertVerificationError):
            client.connect(host, broker.tls_port)


@needs_mosquitto
def test_a_server_without_tls_is_told(broker: Mosquitto):
    client = App().client
    client.tls_set(str(broker.ca_file))
    with pytest.raises(ssl.SSLError, match="TLS failed"):
        client.connect("localhost", broker.port)


@needs_mosquitto
def test_websockets(broker: Mosquitto):
    app = App(transport="websockets")
    app.client.ws_set_options("/mqtt", {"X-Mine": "yes"})
    goes_round(app, broker.ws_port)
    seen: list[dict[str, str]] = []

    def headers(usual: dict[str, str]) -> dict[str, str]:
        seen.append(usual)
        return {**usual, "X-Mine": "yes"}

    app = App(transport="websockets")
    app.client.ws_set_options(headers=headers)
    app.client.tls_set(str(broker.ca_file))
    goes_round(app, broker.wss_port, "localhost")
    assert seen[0]["Upgrade"] == "websocket"


@needs_mosquitto
def test_a_message_of_several_frames_over_websockets(broker: Mosquitto):
    # Mosquitto 2.0.11 gets stuck over larger ones, with paho too.
    with App(transport="websockets").connect(broker.ws_port) as app:
        app.subscribe("large")
        payload = bytes(range(256)) * 300
        app.client.publish("large", payload, 1)
        assert app.wait("message").payload == payload


@needs_mosquitto
@pytest.mark.parametrize(("kind", "number"), [(HttpProxy, 3), (SocksProxy, 2)])
def test_proxies(broker: Mosquitto, kind: Any, number: int):
    with kind(("user", "pass:w@rd/")) as proxy:
        app = App()
        app.client.proxy_set(
            proxy_type=number,
            proxy_addr="127.0.0.1",
            proxy_port=proxy.port,
            proxy_username="user",
            proxy_password="pass:w@rd/",
        )
        goes_round(app, broker.port, "localhost")
        assert proxy.targets == [f"localhost:{broker.port}"]


def test_nobody_listens():
    client = App().client
    with pytest.raises(ConnectionRefusedError) as caught:
        client.connect("127.0.0.1", 1)
    assert caught.value.errno


def test_no_such_name():
    with pytest.raises(socket.gaierror):
        App().client.connect("no-such-host.invalid")


def test_what_an_upgrade_asks_for_and_a_server_without_websockets():
    asked: list[bytes] = []

    def answer() -> None:
        peer, _ = listener.accept()
        with peer:
            asked.append(peer.recv(4096))
            peer.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        client = App(transport="websockets").client
        client.ws_set_options("/path?a=b", lambda usual: {**usual, "X-Mine": "yes"})
        with pytest.raises(mqtt.WebsocketConnectionError, match="404"):
            client.connect("127.0.0.1", listener.getsockname()[1])
        thread.join(10)
    lines = asked[0].decode().split("\r\n")
    assert lines[0] == "GET /path?a=b HTTP/1.1"
    assert "X-Mine: yes" in lines
    assert "Sec-WebSocket-Protocol: mqtt" in lines
    assert sum(line.lower().startswith("upgrade:") for line in lines) == 1
