"""The service's REST API of the local hub from Python: policies, options, X.509, restarts by force."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import azmqtt

VERSION = "api-version=2021-04-12"


def ask(hub: azmqtt.LocalHub, method: str, path: str, body: object = None, policy: str = "iothubowner") -> object:
    """Make a request; the answer's JSON."""
    parts = dict(part.split("=", 1) for part in hub.policy_connection_string(policy).split(";"))
    token = azmqtt.sas.generate(parts["HostName"], parts["SharedAccessKey"], policy=policy)
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"https://{parts['HostName']}{path}?{VERSION}", data, method=method)
    request.add_header("Authorization", token)
    tls = ssl.create_default_context(cafile=hub.ca_file)
    with urllib.request.urlopen(request, context=tls) as answer:  # noqa: S310 - https, as above
        return json.loads(answer.read() or "null")


def test_the_policies_of_a_new_hub(hub: azmqtt.LocalHub) -> None:
    for name in ("iothubowner", "service", "device", "registryRead", "registryReadWrite"):
        text = hub.policy_connection_string(name)
        assert text.startswith(f"HostName=localhost:{hub.service_port};SharedAccessKeyName={name};SharedAccessKey=")
    assert hub.policy_connection_string() == hub.policy_connection_string("service")
    assert hub.policy_connection_string("iothubowner") == hub.service_connection_string
    with pytest.raises(LookupError, match="nobody"):
        hub.policy_connection_string("nobody")


def test_a_policy_with_the_right_connects_a_client_of_any_device(hub: azmqtt.LocalHub) -> None:
    hub.create_device("by-policy")
    options = {"trust": hub.ca_file, "port": hub.port}
    for policy, taken in (("device", True), ("service", False)):
        key = hub.policy_connection_string(policy).rpartition("SharedAccessKey=")[2]
        token = azmqtt.sas.generate("localhost/devices/by-policy", key, policy=policy)
        with azmqtt.DeviceClient.from_sas_token(token, **options) as client:
            if taken:
                client.send_message("hello")
            else:
                with pytest.raises(azmqtt.AuthenticationFailed):
                    client.connect()
    assert "DeviceConnect" in (hub.last_refusal or "")
    assert hub.wait_for_telemetry("by-policy")[0].system_properties["iothub-connection-auth-method"] == (
        '{"scope":"hub","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}'
    )


def test_a_module_with_a_certificate(hub: azmqtt.LocalHub, tmp_path: Path) -> None:
    hub.create_device("x509-owner")
    signed = hub.create_certificate("x509-owner", module_id="signed")
    printed = hub.create_certificate("x509-owner", module_id="printed", self_signed=True)
    hub.create_module("x509-owner", "signed", ca=True)
    hub.create_module("x509-owner", "printed", x509_thumbprint=printed.thumbprint)
    with pytest.raises(ValueError, match="exclude each other"):
        hub.create_module("x509-owner", "both", ca=True, x509_thumbprint=printed.thumbprint)
    for module_id, certificate in (("signed", signed), ("printed", printed)):
        shown = ask(hub, "GET", f"/devices/x509-owner/modules/{module_id}")
        assert isinstance(shown, dict)
        kind = "certificateAuthority" if module_id == "signed" else "selfSigned"
        assert shown["authentication"]["type"] == kind
        client = azmqtt.DeviceClient.from_certificate(
            "localhost",
            "x509-owner",
            certificate=certificate.certificate,
            private_key=certificate.private_key,
            module_id=module_id,
            trust=hub.ca_file,
            port=hub.port,
        )
        with client:
            client.send_message(module_id)
        messages = hub.wait_for_telemetry("x509-owner", module_id=module_id)
        assert [message.body.decode() for message in messages] == [module_id]


def test_a_device_with_a_certificate_over_https(hub: azmqtt.LocalHub, tmp_path: Path) -> None:
    """By the certificate of the handshake it sends, reads itself and makes modules."""
    certificate = hub.create_certificate("x509-https")
    hub.create_device("x509-https", ca=True)
    (tmp_path / "cert.pem").write_text(certificate.certificate + certificate.private_key)
    tls = ssl.create_default_context(cafile=hub.ca_file)
    tls.load_cert_chain(tmp_path / "cert.pem")
    plain = ssl.create_default_context(cafile=hub.ca_file)
    for method, path, body, status in (
        ("POST", "/messages/events", b"https", 204),
        ("PUT", "/modules/m", b"{}", 200),
        ("GET", "", None, 200),
    ):
        url = f"https://localhost:{hub.service_port}/devices/x509-https{path}?{VERSION}"
        with urllib.request.urlopen(urllib.request.Request(url, body, method=method), context=tls) as answer:
            assert answer.status == status
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(url, body, method=method), context=plain)
        refused.value.close()
        assert refused.value.code == 401
    assert hub.wait_for_telemetry("x509-https")[0].body == b"https"
    assert hub.module("x509-https", "m").module_id == "m"


def test_feedback_waits_for_more_or_for_the_time() -> None:
    with azmqtt.LocalHub(c2d_feedback_interval=0) as quick, azmqtt.LocalHub() as usual:
        for hub in (quick, usual):
            hub.create_device("dev1")
            hub.send_c2d("dev1", "x", message_id="m", ack="full")
            hub.purge_c2d("dev1")
        records = ask(quick, "GET", "/messages/serviceBound/feedback", policy="service")
        assert isinstance(records, list)
        assert [(record["originalMessageId"], record["statusCode"]) for record in records] == [("m", "Purged")]
        assert ask(usual, "GET", "/messages/serviceBound/feedback", policy="service") is None
    with pytest.raises(ValueError, match="c2d_feedback_interval"):
        azmqtt.LocalHub(c2d_feedback_interval=-1)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    """A hub that is killed at any moment after its answer has the identity, with its keys, and its policies."""
    program = (
        "import sys, azmqtt\n"
        "hub = azmqtt.LocalHub(state=sys.argv[1])\n"
        "print(hub.service_connection_string, hub.ca_file, flush=True)\n"
        "sys.stdin.read()\n"
    )
    keys, made = set(), []
    for number in range(4):
        command = [sys.executable, "-c", program, str(tmp_path / "state")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            connection_string, ca_file = process.stdout.readline().split()
            parts = dict(part.split("=", 1) for part in connection_string.split(";"))
            keys.add(parts["SharedAccessKey"])
            token = azmqtt.sas.generate(parts["HostName"], parts["SharedAccessKey"], policy="iothubowner")
            tls = ssl.create_default_context(cafile=ca_file)
            body = json.dumps({"statusReason": f"number {number}", "status": "disabled"}).encode()
            url = f"https://{parts['HostName']}/devices/d{number}?{VERSION}"
            request = urllib.request.Request(url, body, {"Authorization": token}, method="PUT")
            with urllib.request.urlopen(request, context=tls) as answer:  # noqa: S310 - https, as above
                made.append(json.load(answer))
            process.send_signal(signal.SIGKILL)
    assert len(keys) == 1
    with azmqtt.LocalHub(state=tmp_path / "state") as hub:
        shown = ask(hub, "GET", "/devices", policy="registryRead")
        # The answer to a creation has its times without a zone.
        for device in made:
            for name in ("connectionStateUpdatedTime", "statusUpdatedTime", "lastActivityTime"):
                device[name] += "Z"
        assert shown == made
    assert (tmp_path / "state" / "policies.json").stat().st_mode & 0o777 == 0o600
