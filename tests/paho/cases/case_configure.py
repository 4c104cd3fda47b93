"""A connection string for a paho client."""

from __future__ import annotations

import ssl
from typing import Any

import paho.mqtt.client as mqtt
import pytest

import azmqtt
import azmqtt.sas
from azmqtt.paho import TwinPatcher, configure
from support import device_of, make, running, wait_until

KEY = "c2VjcmV0IGtleSBvZiBhIGRldmljZQ=="
STRING = f"HostName=hub.azure-devices.net;DeviceId=dev1;SharedAccessKey={KEY}"


def expiry(client: mqtt.Client) -> int:
    """When the token in the client's password expires."""
    return azmqtt.sas.parse(client._password.decode()).expiry


@pytest.mark.parametrize("named", [True, False])
def test_a_session_on_the_local_hub(hub: azmqtt.LocalHub, *, named: bool):
    device = hub.create_device()
    client = make(client_id=device.device_id if named else "")
    assert configure(client, device.connection_string, trust=hub.ca_file) == "localhost"
    with running(client, hub.port):
        assert TwinPatcher(client).patch({"a": 1}, timeout=10).status == 204


def test_a_module(hub: azmqtt.LocalHub):
    module = hub.create_module(hub.create_device().device_id, "m1")
    client = make()
    configure(client, module.connection_string, trust=hub.ca_pem, product_info="my/1", model_id="dtmi:com:x;1")
    with running(client, hub.port):
        assert TwinPatcher(client).get(timeout=10).reported_version == 1
    assert client._client_id.decode() == f"{module.device_id}/m1"


def test_over_websockets(hub: azmqtt.LocalHub):
    device = hub.create_device()
    client = make(transport="websockets")
    configure(client, device.connection_string, trust=hub.ca_file)
    with running(client, hub.websocket_port):
        assert TwinPatcher(client).patch({"a": 1}, timeout=10).status == 204


def test_every_connection_has_a_token_of_its_own(hub: azmqtt.LocalHub, monkeypatch: pytest.MonkeyPatch):
    client = device_of(hub)
    twin, clock = TwinPatcher(client), []
    sign = client.username_pw_set

    def signed(username: str, password: str) -> None:
        sign(username, password)
        clock.append(password)

    monkeypatch.setattr(client, "username_pw_set", signed)
    with running(client, hub.port):
        assert twin.patch({"a": 1}, timeout=10).version == 2
        for n in range(2):
            assert hub.expire_token(client.device_id)
            hub.wait_for_connection(client.device_id, connected=False)
            assert twin.patch({"a": n}, timeout=10).version == n + 3
    # One for each CONNECT.
    assert len(clock) == 3 == hub.connection_count(client.device_id)


def test_the_life_of_a_token():
    client = make()
    configure(client, STRING, sas_ttl=100)
    short = expiry(client)
    configure(client, STRING, sas_ttl=100_000)
    assert 99_000 < expiry(client) - short < 101_000
    assert azmqtt.sas.parse(client._password.decode()).resource == "hub.azure-devices.net/devices/dev1"
    assert client._username.decode() == "hub.azure-devices.net/dev1/?api-version=2021-04-12"


def test_a_token_in_the_connection_string_stays():
    token = azmqtt.sas.generate("hub.azure-devices.net/devices/dev1", KEY)
    client = make()
    configure(client, f"HostName=hub.azure-devices.net;DeviceId=dev1;SharedAccessSignature={token}")
    assert client._password.decode() == token


def test_a_gateway_is_dialled_in_place_of_the_hub():
    client = make()
    assert configure(client, f"{STRING};GatewayHostName=edge.local") == "edge.local"
    assert client._username.decode().startswith("hub.azure-devices.net/dev1/")


def test_the_bundled_roots_are_trusted():
    client = make()
    configure(client, STRING)
    context: ssl.SSLContext = client._ssl_context
    names = {dict(part[0] for part in root["subject"]).get("commonName") for root in context.get_ca_certs()}
    assert {"DigiCert Global Root G2", "Microsoft RSA Root Certificate Authority 2017"} <= names
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def test_other_roots_do_not_trust_the_local_hub(hub: azmqtt.LocalHub):
    client = make()
    configure(client, hub.create_device().connection_string)
    with pytest.raises(ssl.SSLCertVerificationError):
        client.connect("localhost", hub.port)


def test_what_is_refused_is_named_and_shows_no_key(hub: azmqtt.LocalHub):
    def refused(error: type[Exception], text: str, string: str = STRING, client: Any = None, **options: Any) -> None:
        with pytest.raises(error, match=text) as caught:
            configure(make() if client is None else client, string, **options)
        assert KEY not in str(caught.value)

    refused(ValueError, "its client_id is 'other'", client=make(client_id="other"))
    refused(ValueError, "DeviceId", f"HostName=h;SharedAccessKey={KEY}")
    refused(ValueError, "x509=true", "HostName=h;DeviceId=d;x509=true")
    refused(ValueError, "sas_ttl must be from 1", sas_ttl=0)
    refused(TypeError, "sas_ttl must be a number", sas_ttl="1h")
    refused(ValueError, "trust: it contains no certificate", trust=b"nothing")
    refused(ValueError, "trust", trust="/nowhere.pem")
    refused(TypeError, "connection_string must be str", string=b"HostName=h")
    refused(TypeError, "client must be a paho", client=object())
    with_tls = make()
    with_tls.tls_set_context()
    refused(ValueError, "TLS is already set up", client=with_tls)
    connected = device_of(hub)
    connected.connect("localhost", hub.port)
    refused(RuntimeError, r"before connect\(\)", client=connected)
    connected.loop_start()
    wait_until(connected.is_connected)
    connected.disconnect()
    connected.loop_stop()
