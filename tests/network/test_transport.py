"""The ways to a hub: WebSockets, proxies, gateways."""

from __future__ import annotations

import socket
import time

import pytest

import azmqtt
from azmqtt import ConnectionFailed, DeviceClient, LocalHub
from proxy_servers import HttpProxy, ProxyServer, SocksProxy, silent_server

CONNECTION_STRING = "HostName=hub.example;DeviceId=dev;SharedAccessKey=a2V5"


def session(hub: LocalHub, client: DeviceClient) -> None:
    """Send, read, patch, receive."""
    with client:
        client.send_message({"temperature": 21.5})
        twin = client.get_twin()
        client.patch_reported_properties({"fan": "on"}, if_version=twin.reported_version)
        with client.messages(timeout=10) as messages:
            hub.send_c2d(client.device_id, "hello")
            assert next(iter(messages)).text() == "hello"
        assert client.connected
    assert hub.wait_for_telemetry(client.device_id)[0].json() == {"temperature": 21.5}


def test_websocket(hub: LocalHub) -> None:
    client = hub.device_client(hub.create_device().device_id, websocket=True)
    session(hub, client)


@pytest.mark.asyncio
async def test_websocket_async(hub: LocalHub) -> None:
    async with hub.device_client(hub.create_device().device_id, websocket=True) as client:
        await client.send_message_async("x" * 200_000)
        await client.send_messages_async([str(number) for number in range(500)])
    assert hub.telemetry_count(client.device_id) == 501


def test_a_websocket_reconnects(hub: LocalHub) -> None:
    with hub.device_client(hub.create_device().device_id, websocket=True) as client:
        client.send_message("before")
        assert hub.disconnect(client.device_id)
        client.send_message("after")
    assert hub.telemetry_count(client.device_id) == 2


def test_the_wrong_port(hub: LocalHub) -> None:
    with (
        hub.device_client(hub.create_device().device_id, websocket=True, port=hub.port) as client,
        pytest.raises(ConnectionFailed, match="WebSocket failed: localhost:") as raised,
    ):
        client.connect()
    assert raised.value.step == "WebSocket"


def test_a_wrong_key_is_refused_as_ever(hub: LocalHub) -> None:
    device = hub.create_device()
    options = {"websocket": True, "port": hub.websocket_port, "trust": hub.ca_file}
    client = DeviceClient.from_symmetric_key("localhost", device.device_id, "d3Jvbmc=", **options)
    with client, pytest.raises(azmqtt.AuthenticationFailed, match="CONNACK 5"):
        client.connect()


@pytest.mark.parametrize("websocket", [False, True], ids=["mqtt", "websocket"])
@pytest.mark.parametrize(("kind", "scheme"), [(HttpProxy, "http"), (SocksProxy, "socks5"), (SocksProxy, "socks5h")])
def test_proxies(hub: LocalHub, kind: type[ProxyServer], scheme: str, websocket: bool) -> None:  # noqa: FBT001
    with kind(login=("user", "p@ss/word")) as proxy:
        url = f"{scheme}://user:p%40ss%2Fword@127.0.0.1:{proxy.port}"
        device_id = hub.create_device().device_id
        session(hub, hub.device_client(device_id, proxy=url, websocket=websocket))
        port = hub.websocket_port if websocket else hub.port
        assert proxy.targets == [f"localhost:{port}"]


@pytest.mark.parametrize("websocket", [False, True], ids=["mqtt", "websocket"])
def test_the_host_names_of_devices(websocket: bool) -> None:  # noqa: FBT001
    """Such a name is sent in the handshake, and is the one of user name and token."""
    name = "myhub.device.azure-devices.net"
    with LocalHub(hostname=name) as hub:
        port = hub.websocket_port if websocket else hub.port
        with SocksProxy(hosts={name: port}) as proxy:
            options = {"proxy": f"socks5://127.0.0.1:{proxy.port}", "port": None, "websocket": websocket}
            session(hub, hub.device_client("dev", **options))
            assert proxy.targets == [f"{name}:{443 if websocket else 8883}"]


@pytest.mark.parametrize(("kind", "scheme"), [(HttpProxy, "http"), (SocksProxy, "socks5")])
def test_a_wrong_login(hub: LocalHub, kind: type[ProxyServer], scheme: str) -> None:
    with kind(login=("user", "right")) as proxy:
        for login, expected in [("", "wants a user name and a password"), ("user:hunter2@", "does not accept this")]:
            url = f"{scheme}://{login}127.0.0.1:{proxy.port}"
            with hub.device_client(hub.create_device().device_id, proxy=url) as client:
                with pytest.raises(ConnectionFailed, match=expected) as raised:
                    client.connect()
                assert raised.value.step == "proxy"
                shown = f"{raised.value} {raised.value!r} {client!r} {client.last_error}"
                assert "hunter2" not in shown


class PickyProxy(HttpProxy):
    """One that lets nobody through to the port of MQTT."""

    def ask(self, sock: socket.socket) -> None:
        sock.recv(4096)
        sock.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")


def test_a_proxy_that_allows_443_alone(hub: LocalHub) -> None:
    with PickyProxy() as proxy:
        client = hub.device_client(hub.create_device().device_id, proxy=f"http://127.0.0.1:{proxy.port}")
        with client, pytest.raises(ConnectionFailed, match="most allow 443: try websocket=True"):
            client.connect()


def test_a_proxy_that_hangs_does_not_hold_a_call(hub: LocalHub) -> None:
    with silent_server() as port:
        client = hub.device_client(hub.create_device().device_id, proxy=f"http://127.0.0.1:{port}", timeout=0.3)
        begun = time.monotonic()
        with client, pytest.raises(azmqtt.RequestTimeout):
            client.connect()
        assert time.monotonic() - begun < 5


def test_the_environment(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "all_proxy", "no_proxy", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with HttpProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        # It counts only for those who ask.
        with hub.device_client(hub.create_device().device_id) as client:
            client.connect()
        assert proxy.targets == []
        with hub.device_client(hub.create_device().device_id, proxy="environment") as client:
            # What it says later does not matter.
            monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
            client.connect()
        assert proxy.targets == [f"localhost:{hub.port}"]
        monkeypatch.setenv("NO_PROXY", "example.com,localhost")
        with hub.device_client(hub.create_device().device_id, proxy="environment") as client:
            client.connect()
        monkeypatch.setenv("HTTPS_PROXY", "ftp://user:hunter2@proxy")
        with pytest.raises(ValueError, match="proxy: the environment's HTTPS_PROXY: it must begin") as raised:
            hub.device_client("dev", proxy="environment")
        assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"websocket": 1}, TypeError, "websocket must be bool, not int"),
        ({"proxy": 3128}, TypeError, "proxy must be str, not int"),
        ({"proxy": ""}, ValueError, "proxy: it is empty"),
        ({"proxy": "https://user:hunter2@proxy:3128"}, ValueError, "proxy: TLS to the proxy itself"),
        ({"proxy": "socks4://proxy"}, ValueError, "proxy: it must begin with http://, socks5:// or socks5h://"),
        ({"proxy": "http://user:hunter2@proxy:0"}, ValueError, "proxy: the port must be"),
        ({"proxy": "http://user:hunter2@pro xy"}, ValueError, "proxy: its host name is missing"),
        ({"proxy": "socks5://user@proxy"}, ValueError, "proxy: for SOCKS5, user name and password"),
        ({"gateway_hostname": b"edge"}, TypeError, "gateway_hostname must be str, not bytes"),
        ({"gateway_hostname": ""}, ValueError, "gateway_hostname: "),
        ({"gateway_hostname": "https://edge"}, ValueError, "gateway_hostname: "),
        ({"gateway_hostname": "edge:8883"}, ValueError, "gateway_hostname: "),
    ],
)
def test_options_that_make_no_sense(options: dict[str, object], error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        DeviceClient.from_connection_string(CONNECTION_STRING, **options)  # type: ignore[arg-type]
    assert text in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_gateway_in_the_hubs_place() -> None:
    """Its name is dialled and checked; user name and token keep the hub's."""
    with LocalHub(hostname="myhub.azure-devices.net") as hub:
        with hub.device_client("one", gateway_hostname="localhost") as client:
            client.send_message("by option")
            assert client.hostname == "myhub.azure-devices.net"
        with hub.device_client("two", gateway_hostname="127.0.0.1", websocket=True) as client:
            client.send_message("by address, on a WebSocket")
        text = f"{hub.create_device('three').connection_string};GatewayHostName=localhost"
        with DeviceClient.from_connection_string(text, port=hub.port, trust=hub.ca_file) as client:
            client.send_message("by connection string")
        # The option wins over the connection string.
        text = f"{hub.create_device('four').connection_string};GatewayHostName=nonexistent.invalid"
        options = {"port": hub.port, "trust": hub.ca_file, "gateway_hostname": "localhost"}
        with DeviceClient.from_connection_string(text, **options) as client:
            client.send_message("by option again")
        assert hub.telemetry_count() == 4


def test_a_gateways_certificate_is_checked() -> None:
    """The name of a certificate must be the gateway's: the hub's is not enough."""
    with LocalHub(hostname="myhub.azure-devices.net") as hub, SocksProxy(hosts={"edge.example": hub.port}) as proxy:
        options = {"gateway_hostname": "edge.example", "proxy": f"socks5://127.0.0.1:{proxy.port}"}
        with (
            hub.device_client("dev", **options) as client,
            pytest.raises(ConnectionFailed, match="another host name") as raised,
        ):
            client.connect()
        assert raised.value.step == "TLS"


def test_the_default_port_of_websockets() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = free.getsockname()[1]
    with (
        DeviceClient.from_connection_string(
            CONNECTION_STRING, websocket=True, proxy=f"http://127.0.0.1:{nobody}"
        ) as client,
        pytest.raises(ConnectionFailed, match=f"the proxy http://127.0.0.1:{nobody}") as raised,
    ):
        client.connect()
    assert raised.value.step == "TCP"


def test_ports_of_the_hub() -> None:
    with LocalHub() as hub:
        assert hub.port != hub.websocket_port
        with pytest.raises(OSError, match="in use"):
            LocalHub(websocket_port=hub.websocket_port)
    with pytest.raises(ValueError, match="websocket_port must be from 0 to 65535, not -1"):
        LocalHub(websocket_port=-1)
