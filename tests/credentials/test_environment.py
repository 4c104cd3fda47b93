"""Clients from environment variables: inside IoT Edge, while debugging for it, and as the samples do."""

from __future__ import annotations

import sys
import time

import pytest
import trustme

import azmqtt
from scripted_workload import ScriptedWorkload, answer

EDGE = (
    "IOTEDGE_WORKLOADURI",
    "IOTEDGE_DEVICEID",
    "IOTEDGE_MODULEID",
    "IOTEDGE_MODULEGENERATIONID",
    "IOTEDGE_IOTHUBHOSTNAME",
    "IOTEDGE_GATEWAYHOSTNAME",
    "IOTEDGE_APIVERSION",
)
OTHERS = (
    "EdgeHubConnectionString",
    "IotHubConnectionString",
    "EdgeModuleCACertificateFile",
    "IOTHUB_DEVICE_CONNECTION_STRING",
)
HUB = "myhub.azure-devices.net"
unix_only = pytest.mark.skipif(sys.platform == "win32", reason="a Unix domain socket")


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    """Nothing is set that a test has not set."""
    for name in (*EDGE, *OTHERS):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def gateway():
    """A gateway: it is reached as localhost and speaks for the hub of another name."""
    with azmqtt.LocalHub(hostname=HUB) as hub:
        hub.create_device("edge1")
        hub.create_module("edge1", "filter%1")
        yield hub


@pytest.fixture
def workload(gateway, monkeypatch):
    """The runtime of the module, and the variables that it sets."""
    key = gateway.module("edge1", "filter%1").connection_string.rpartition("SharedAccessKey=")[2]
    with ScriptedWorkload(key, gateway.ca_pem) as workload:
        values = (workload.uri, "edge1", "filter%1", "6363/1", HUB, "localhost", "2019-01-30")
        for name, value in zip(EDGE, values, strict=True):
            monkeypatch.setenv(name, value)
        yield workload


def edge_client(gateway, **options):
    return azmqtt.DeviceClient.from_environment(port=gateway.port, **options)


@unix_only
def test_a_module_inside_iot_edge(gateway, workload):
    with edge_client(gateway) as client:
        assert workload.requests == [], "making a client does no I/O"
        assert (client.hostname, client.device_id, client.module_id) == (HUB, "edge1", "filter%1")
        client.send_message({"t": 1}, output_name="out1")
        assert client.patch_reported_properties({"edge": True}).version > 1
        gateway.send_to_input("edge1", "filter%1", "in1", b"x")
        assert next(client.messages(timeout=10)).input_name == "in1"
        gateway.disconnect("edge1", module_id="filter%1")
        client.send_message("again")
    first, *_ = gateway.telemetry("edge1", module_id="filter%1")
    assert (first.json(), first.output_name) == ({"t": 1}, "out1")
    assert [path for _, path in workload.requests[:2]] == [
        "/trust-bundle?api-version=2019-01-30",
        "/modules/filter%251/genid/6363%2F1/sign?api-version=2019-01-30",
    ]
    assert len(workload.requests) >= 4, "asked anew for the second connection"


@unix_only
async def test_a_module_inside_iot_edge_async(gateway, workload):
    async with edge_client(gateway) as client:
        await client.connect_async(timeout=10)
        assert client.connected


@unix_only
def test_the_callers_own_roots_go_first(gateway, workload):
    workload.bundle = "rubbish"
    with edge_client(gateway, trust=gateway.ca_pem) as client:
        client.connect(timeout=10)
    assert not any("trust-bundle" in path for _, path in workload.requests)


@unix_only
def test_the_runtime_is_asked_over_http_too(gateway, workload, monkeypatch):
    monkeypatch.setenv("IOTEDGE_WORKLOADURI", "http://127.0.0.1:1")
    with edge_client(gateway) as client, pytest.raises(azmqtt.ConnectionFailed) as caught:
        client.connect(timeout=10)
    assert caught.value.step == "trust bundle"
    assert "the IoT Edge workload API at http://127.0.0.1:1: GET /trust-bundle: cannot connect" in str(caught.value)


def failing(method, part, said):
    """Answer one of the two requests with ``said``."""

    def fail(workload):
        def script(asked, path, body):
            return said if (asked, part in path) == (method, True) else workload.honest(asked, path, body)

        workload.script = script

    return fail


def _refusal(text, status):
    return answer({"message": text}, status)


@unix_only
@pytest.mark.parametrize(
    ("part", "said", "step", "text"),
    [
        ("trust-bundle", ("no", "403 Forbidden"), "trust bundle", "it answered 403 Forbidden: no"),
        ("trust-bundle", b"rubbish\r\n\r\n", "trust bundle", "not a whole answer in HTTP/1.1"),
        ("trust-bundle", {"certificate": "rubbish"}, "trust bundle", "it contains no certificate"),
        ("trust-bundle", {}, "trust bundle", "no text named 'certificate'"),
        ("sign", ("gone", "404 Not Found"), "credentials", "it answered 404 Not Found: gone"),
        ("sign", {"digest": "AAAA"}, "credentials", "the signature has 3 bytes"),
        ("sign", {"digest": 5}, "credentials", "no 'digest' in base64"),
        ("sign", b"", "credentials", "not a whole answer in HTTP/1.1"),
    ],
)
def test_a_runtime_that_misbehaves(gateway, workload, part, said, step, text):
    if isinstance(said, tuple):
        said = _refusal(*said)
    elif isinstance(said, dict):
        said = answer(said)
    failing("GET" if part == "trust-bundle" else "POST", part, said)(workload)
    with edge_client(gateway) as client, pytest.raises(azmqtt.ConnectionFailed) as caught:
        client.connect(timeout=10)
    assert caught.value.step == step
    assert text in str(caught.value)
    assert "the IoT Edge workload API at unix://" in str(caught.value)


@unix_only
@pytest.mark.parametrize("part", ["trust-bundle", "sign"])
def test_a_runtime_that_does_not_answer(gateway, workload, part):
    failing("GET" if part == "trust-bundle" else "POST", part, None)(workload)
    with edge_client(gateway) as client:
        begun = time.monotonic()
        with pytest.raises(azmqtt.RequestTimeout):
            client.connect(timeout=0.5)
        assert time.monotonic() - begun < 5


@unix_only
def test_a_gateway_that_the_bundle_does_not_vouch_for(gateway, workload):
    workload.bundle = trustme.CA().cert_pem.bytes().decode()
    with edge_client(gateway) as client, pytest.raises(azmqtt.ConnectionFailed) as caught:
        client.connect(timeout=10)
    assert caught.value.step == "TLS"


@unix_only
def test_a_runtime_with_another_modules_key(gateway, workload):
    workload.key = bytes(32)
    with edge_client(gateway) as client, pytest.raises(azmqtt.AuthenticationFailed):
        client.connect(timeout=10)


@pytest.mark.parametrize("missing", [EDGE[:1], EDGE[2:5], EDGE[1:]])
def test_missing_variables_are_named(monkeypatch, missing):
    for name in EDGE:
        if name not in missing:
            monkeypatch.setenv(name, "x")
    # One that is set to nothing is as good as missing.
    monkeypatch.setenv(missing[0], "")
    with pytest.raises(ValueError, match="must be set") as caught:
        azmqtt.DeviceClient.from_environment()
    assert [name for name in EDGE if name in str(caught.value)] == list(missing)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("IOTEDGE_WORKLOADURI", "ftp://x", "must begin with unix:// or http://"),
        ("IOTEDGE_DEVICEID", "a b", "may contain only"),
        ("IOTEDGE_MODULEID", "a/b", "may contain only"),
        ("IOTEDGE_IOTHUBHOSTNAME", "https://hub", "without a scheme"),
        ("IOTEDGE_GATEWAYHOSTNAME", "gateway:8883", "without a port"),
    ],
)
def test_malformed_variables_are_named(monkeypatch, name, value, rule):
    values = ("http://127.0.0.1:1", "d", "m", "1", "hub", "gateway", "2019-01-30")
    for variable, good in zip(EDGE, values, strict=True):
        monkeypatch.setenv(variable, good)
    azmqtt.DeviceClient.from_environment()
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"{name} .*{rule}"):
        azmqtt.DeviceClient.from_environment()


def test_an_empty_environment_says_what_is_looked_for():
    with pytest.raises(ValueError, match="does not describe a device") as caught:
        azmqtt.DeviceClient.from_environment()
    for name in (*EDGE, "EdgeHubConnectionString", "IotHubConnectionString", "IOTHUB_DEVICE_CONNECTION_STRING"):
        assert name in str(caught.value)


@pytest.mark.parametrize("name", ["EdgeHubConnectionString", "IotHubConnectionString"])
def test_debugging_for_iot_edge(gateway, monkeypatch, name):
    module = gateway.module("edge1", "filter%1")
    monkeypatch.setenv(name, f"{module.connection_string};GatewayHostName=localhost")
    monkeypatch.setenv("EdgeModuleCACertificateFile", gateway.ca_file)
    # What is set for modules in production does not count then.
    monkeypatch.setenv("IOTEDGE_DEVICEID", "other")
    with edge_client(gateway) as client:
        client.connect(timeout=10)
        assert client.module_id == "filter%1"
    monkeypatch.setenv("EdgeModuleCACertificateFile", "/no/such/file")
    with pytest.raises(ValueError, match="'/no/such/file' cannot be read"):
        edge_client(gateway)


def test_a_plain_device(hub, monkeypatch):
    device = hub.create_device()
    monkeypatch.setenv("IOTHUB_DEVICE_CONNECTION_STRING", device.connection_string)
    with azmqtt.DeviceClient.from_environment(port=hub.port, trust=hub.ca_file) as client:
        client.send_message("x")
    assert hub.telemetry_count(device.device_id) == 1


def test_a_malformed_connection_string_is_named_and_not_shown(monkeypatch):
    monkeypatch.setenv("IOTHUB_DEVICE_CONNECTION_STRING", "HostName=h;DeviceId=d;SharedAccessKey=s3cr3t!")
    with pytest.raises(
        ValueError, match="IOTHUB_DEVICE_CONNECTION_STRING: connection string: SharedAccessKey"
    ) as caught:
        azmqtt.DeviceClient.from_environment()
    assert "s3cr3t" not in str(caught.value)
