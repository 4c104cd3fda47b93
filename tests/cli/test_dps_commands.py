"""Provisioning and file upload: as a device, and the enrolments as a back-end application."""

from __future__ import annotations

import io
import json
import sys

import pytest

import azmqtt
from azmqtt._cli.main import main
from azmqtt.provisioning import derive_device_key

KEY, OTHER = (letter * 43 + "=" for letter in "AE")

VARIABLES = ("PROVISIONING_IDSCOPE", "PROVISIONING_REGISTRATION_ID", "PROVISIONING_SYMMETRIC_KEY", "PROVISIONING_HOST")


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs a command: its exit code, and what it printed, or its error."""
    for name in (*VARIABLES, "AZMQTT_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run_it(*arguments):
        code = main([*map(str, arguments)])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        assert (code == 0) == (printed.err == "")
        return (code, printed.err) if code else (0, json.loads(printed.out) if printed.out else None)

    return run_it


@pytest.fixture
def dps(hub, run, monkeypatch):
    """Runs a command below ``dps`` as the service's owner."""
    monkeypatch.setenv("IOTDPS_CONNECTION_STRING", hub.provisioning_service_connection_string)
    return lambda *arguments: run("dps", *arguments, "--trust", hub.ca_file)


@pytest.fixture
def register(hub, run):
    """Registers as a device."""
    service = ["--host", "localhost", "--port", hub.provisioning_port, "--trust", hub.ca_file]
    return lambda *arguments: run("device", "registration", "create", *service, *arguments)


def test_enrolments(dps):
    twin = ["--props", '{"interval": 5}', "--tags", '{"site": "lab"}']
    code, made = dps("enrollment", "create", "--eid", "e1", "-d", "kitchen", "--pk", KEY, "--sk", OTHER, *twin)
    assert (code, made["registrationId"], made["deviceId"]) == (0, "e1", "kitchen")
    assert made["initialTwin"] == {"properties": {"desired": {"interval": 5}}, "tags": {"site": "lab"}}
    assert dps("enrollment", "show", "--eid", "e1")[1]["attestation"] == {"type": "symmetricKey"}
    shown = dps("enrollment", "show", "--eid", "e1", "--show-keys")[1]["attestation"]["symmetricKey"]
    assert shown == {"primaryKey": KEY, "secondaryKey": OTHER}
    policies = ["--ps", "disabled", "--rp", "never", "--ap", "static", "--ih", "a.example", "b.example"]
    _, changed = dps("enrollment", "update", "--eid", "e1", "--sk", KEY, *policies)
    assert (changed["provisioningStatus"], changed["allocationPolicy"]) == ("disabled", "static")
    assert changed["reprovisionPolicy"] == {"updateHubAssignment": False, "migrateDeviceData": False}
    assert changed["iotHubs"] == ["a.example", "b.example"]
    assert changed["initialTwin"] == made["initialTwin"]
    shown = dps("enrollment", "show", "--eid", "e1", "--keys")[1]["attestation"]["symmetricKey"]
    assert shown == {"primaryKey": KEY, "secondaryKey": KEY}
    code, error = dps("enrollment", "update", "--eid", "e1", "--ps", "enabled", "--etag", made["etag"])
    assert (code, error.startswith("azmqtt: the provisioning service answered 412: ")) == (1, True)
    assert "e1" in [found["registrationId"] for found in dps("enrollment", "list")[1]]
    assert dps("enrollment", "delete", "--eid", "e1") == (0, None)
    code, error = dps("enrollment", "show", "--eid", "e1")
    assert (code, error) == (1, "azmqtt: the provisioning service answered 404: Enrollment not found.\n")


@pytest.fixture(scope="module")
def certificate(hub, tmp_path_factory):
    """A certificate and its key, in files."""
    made = hub.create_certificate("x509-device")
    return made.save(str(tmp_path_factory.mktemp("certificates")), "x509-device")


def test_the_certificate_of_a_device(dps, register, hub, certificate):
    certificate_file, key_file = certificate
    _, made = dps("enrollment", "create", "--eid", "x509-device", "--certificate-path", certificate_file)
    assert made["attestation"]["type"] == "x509"
    arguments = ["--scope", hub.id_scope, "--rid", "x509-device", "--cp", certificate_file, "--kp", key_file]
    code, assigned = register(*arguments, "--show-connection-string")
    assert (code, assigned["connectionString"]) == (0, "HostName=localhost;DeviceId=x509-device;x509=true")
    code, error = register(*arguments, "--key", KEY)
    assert (code, "exclude each other" in error) == (2, True)
    code, error = register(*arguments[:4], "--cp", "/does/not/exist", "--kp", key_file)
    assert code == 2
    assert error.startswith("azmqtt: --certificate-file-path: '/does/not/exist' cannot be read")


def test_a_group_and_its_registrations(dps, register, hub):
    _, group = dps("enrollment-group", "create", "--eid", "fleet", "--pk", KEY, "--sk", OTHER, "--tags", '{"a": 1}')
    assert group["enrollmentGroupId"] == "fleet"
    path = "attestation.symmetricKey.primaryKey"
    _, key = dps("enrollment-group", "show", "--eid", "fleet", "--keys", "--query", path)
    assert key == KEY
    code, assigned = register("--scope", hub.id_scope, "--rid", "truck-7", "--key", KEY, "--compute-key")
    state = assigned["registrationState"]
    assert (code, assigned["status"]) == (0, "assigned")
    assert (state["assignedHub"], state["deviceId"]) == ("localhost", "truck-7")
    device_key = derive_device_key(KEY, "truck-7")
    assert KEY not in json.dumps(assigned)
    assert device_key not in json.dumps(assigned)
    _, assigned = register("--scope", hub.id_scope, "--rid", "truck-7", "--key", device_key, "--show-connection-string")
    text = assigned["connectionString"]
    with azmqtt.DeviceClient.from_connection_string(text, port=hub.port, trust=hub.ca_file) as client:
        client.connect()
    assert [found["registrationId"] for found in dps("registration", "list", "--eid", "fleet")[1]] == ["truck-7"]
    assert dps("registration", "show", "--rid", "truck-7")[1]["deviceId"] == "truck-7"
    assert dps("registration", "delete", "--rid", "truck-7") == (0, None)
    assert dps("registration", "list", "--eid", "fleet")[1] == []
    _, group = dps("enrollment-group", "update", "--eid", "fleet", "--ps", "disabled")
    assert group["provisioningStatus"] == "disabled"
    code, error = register("--scope", hub.id_scope, "--rid", "truck-8", "--key", KEY, "--ck")
    assert (code, error.startswith("azmqtt: the provisioning service did not assign truck-8")) == (1, True)
    assert dps("enrollment-group", "delete", "--eid", "fleet") == (0, None)


def test_a_group_by_its_authority(dps, certificate):
    _, made = dps("enrollment-group", "create", "--eid", "signed", "--ca-name", "our-ca")
    assert made["attestation"]["x509"]["caReferences"]["primary"] == "our-ca"
    code, error = dps("enrollment-group", "create", "--eid", "both", "--ca-name", "our-ca", "--pk", KEY, "--sk", KEY)
    assert (code, error) == (2, "azmqtt: a key and a certificate exclude each other\n")


def test_what_the_environment_says(hub, register, monkeypatch, capsys):
    enrollment = hub.create_enrollment("from-environment")
    values = (hub.id_scope, "from-environment", enrollment.key, "localhost")
    for name, value in zip(VARIABLES, values, strict=True):
        monkeypatch.setenv(name, value)
    assert register()[1]["registrationState"]["deviceId"] == "from-environment"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{enrollment.secondary_key}\n".encode())))
    monkeypatch.setenv("PROVISIONING_SYMMETRIC_KEY", "wrong")
    assert register("--key", "-")[0] == 0
    code, error = register()
    assert (code, error) == (2, "azmqtt: --symmetric-key: the key is not valid base64\n")


def test_a_payload_reaches_the_policy(hub, register):
    enrollment = hub.create_enrollment("with-payload")
    hub.on_allocation(lambda request: {"got": request.payload})
    try:
        arguments = ["--scope", hub.id_scope, "--rid", "with-payload", "--key", enrollment.key]
        _, assigned = register(*arguments, "--payload", '{"model": "x"}')
        assert assigned["registrationState"]["payload"] == {"got": {"model": "x"}}
    finally:
        hub.on_allocation(None)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "--id-scope is missing, or $PROVISIONING_IDSCOPE"),
        (["--scope", "0ne"], "--registration-id is missing, or $PROVISIONING_REGISTRATION_ID"),
        (["--scope", "0ne", "--rid", "r"], "a key or a certificate is needed"),
        (["--scope", "0ne", "--rid", "a b", "--key", KEY], "registration id may contain only"),
        (["--scope", "0ne", "--rid", "r", "--key", KEY, "--payload", "{"], "--payload is not JSON"),
        (["--scope", "0ne", "--rid", "r", "--key", KEY, "--payload", "@/does/not/exist"], "No such file"),
    ],
)
def test_registrations_that_cannot_be(arguments, complaint, register):
    code, error = register(*arguments)
    assert code == 2
    assert complaint in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["enrollment", "create", "--eid", "e", "--pk", KEY], "go together"),
        (["enrollment", "create", "--eid", "e", "--at", "x509"], "needs --certificate-path"),
        (["enrollment", "create", "--eid", "e", "--at", "x509", "--pk", KEY, "--sk", KEY], "exclude each other"),
        (["enrollment", "create", "--eid", "e", "--cp", "/does/not/exist"], "/does/not/exist: No such file"),
        (["enrollment", "create", "--eid", "e", "--tags", "{"], "--initial-twin-tags is not JSON"),
        (["enrollment", "update", "--eid", "e"], "nothing to change: --device-id, "),
    ],
)
def test_enrolments_that_cannot_be(arguments, complaint, dps):
    code, error = dps(*arguments)
    assert code == 2
    assert complaint in error
    assert error.count("\n") == 1


def test_a_missing_connection_string(run, monkeypatch):
    monkeypatch.delenv("IOTDPS_CONNECTION_STRING", raising=False)
    code, error = run("dps", "enrollment", "list")
    assert (code, "$IOTDPS_CONNECTION_STRING" in error) == (2, True)


def test_the_key_of_a_device(run, monkeypatch):
    compute = ("dps", "enrollment-group", "compute-device-key", "--rid", "truck-7")
    assert run(*compute, "--key", KEY) == (0, derive_device_key(KEY, "truck-7"))
    monkeypatch.setenv("AZMQTT_KEY", KEY)
    assert run(*compute) == (0, derive_device_key(KEY, "truck-7"))
    monkeypatch.delenv("AZMQTT_KEY")
    assert run(*compute)[0] == 2
    assert run(*compute, "--key", "x")[0] == 2


def test_a_file_is_uploaded(hub, run, tmp_path, monkeypatch):
    device = hub.create_device()
    file = tmp_path / "picture.jpg"
    file.write_bytes(b"\xff\xd8")
    hub_options = ["--https-port", hub.websocket_port, "--trust", hub.ca_file, "-l", device.connection_string]
    upload = ["device", "upload-file", *hub_options]
    result = run(*upload, "--file-path", file, "--content-type", "image/jpeg")
    assert result == (0, {"blob_name": f"{device.device_id}/picture.jpg", "size": 2})
    assert hub.blob(f"{device.device_id}/picture.jpg") == b"\xff\xd8"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"text")))
    assert run(*upload, "--fp", "-", "--blob-name", "a/b.txt")[1]["blob_name"] == f"{device.device_id}/a/b.txt"
    code, error = run(*upload, "--fp", "-")
    assert (code, error) == (2, "azmqtt: --file-path - needs --blob-name\n")
    code, error = run(*upload, "--fp", "/does/not/exist")
    assert (code, error) == (2, "azmqtt: /does/not/exist: No such file or directory\n")
