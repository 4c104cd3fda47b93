"""Faults on the command line, and the limits of a tier from Python."""

from __future__ import annotations

import json
import time

import pytest

import azmqtt
from azmqtt._cli import fault, main


@pytest.fixture
def command(hub, monkeypatch, capsys):
    """Run ``azmqtt fault`` against the hub; return its exit code and what it printed."""
    monkeypatch.setenv("IOTHUB_CONNECTION_STRING", hub.service_connection_string)

    def run(*arguments: str, trust: str = hub.ca_file) -> tuple[int, list, str]:
        action, *rest = arguments
        code = main.main(["fault", action, "--trust", trust, *rest])
        out, err = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err

    yield run
    hub.clear_faults()


def test_a_fault_from_the_command_line(hub, command):
    device_id = hub.create_device().device_id
    code, [fault], _ = command("set", f"drop:on=telemetry,device_id={device_id}")
    assert (code, fault["fired"], fault["rule"]["fault"]) == (0, 0, "drop")
    assert fault in command("list")[1]
    with hub.device_client(device_id, retry=azmqtt.RetryPolicy(base=0.01)) as client:
        client.send_message("in the end")
    assert command("fired")[1][-1]["fault"] == "drop on telemetry"
    sequence = command("fired")[1][-1]["sequence"]
    assert command("fired", "--after", str(sequence))[1] == []
    code, [fault], _ = command("set", '{"fault": "refuse", "code": 3}')
    assert command("clear", str(fault["id"]))[0] == 0
    code, _, err = command("clear", str(fault["id"]))
    assert (code, err) == (1, f"azmqtt: there is no fault {fault['id']} that could still happen\n")
    assert command("clear")[0] == 0


def test_what_goes_wrong_says_why(hub, command, monkeypatch):
    for arguments, expected, text in [
        (("set", "explode"), 1, 'the hub answered 400: ArgumentInvalid: unknown fault "explode"'),
        (("set", "drop:device_id=nobody"), 1, "the hub answered 404"),
        (("set", "drop:on"), 2, "'on' is not name=value"),
    ]:
        code, _, err = command(*arguments)
        assert code == expected
        assert text in err
    secret = hub.service_connection_string.rpartition("SharedAccessKey=")[2]
    for connection_string, text in [
        ("", "a connection string of the hub is needed"),
        (f"SharedAccessKey={secret}", "has no HostName"),
        (f"HostName=localhost:x;SharedAccessKeyName=p;SharedAccessKey={secret}", "a port that is not a number"),
        (f"HostName=localhost:1;SharedAccessKeyName=p;SharedAccessKey={secret}", "no server listens there"),
        (
            f"HostName=localhost:{hub.port};SharedAccessKeyName=p;SharedAccessKey={secret}",
            "the port of the service's REST API?",
        ),
        (f"HostName=localhost;DeviceId=d;SharedAccessKey={secret}", "no SharedAccessKeyName: it is a device's"),
    ]:
        monkeypatch.setenv("IOTHUB_CONNECTION_STRING", connection_string)
        code, _, err = command("list")
        assert code in {1, 2}
        assert text in err
        assert secret not in err


def test_a_file_with_roots_that_is_none(command, tmp_path):
    code, _, err = command("list", trust=str(tmp_path / "missing.pem"))
    assert (code, err) == (
        2,
        f"azmqtt: --trust: '{tmp_path / 'missing.pem'}' cannot be read: No such file or directory\n",
    )
    (tmp_path / "empty.pem").write_text("no certificate")
    code, _, err = command("list", trust=str(tmp_path / "empty.pem"))
    assert (code, err) == (2, "azmqtt: --trust: it contains no certificate, neither in PEM nor in DER\n")


def test_options_of_the_hub_command():
    arguments = ["hub", "--fault", "lose:on=puback", "--fault", "drop:every=0.1", "--fault-seed", "3"]
    arguments += ["--fault-duration", "10", "--tier", "f1", "--units", "2", "--throttling"]
    parsed = main._parser().parse_args(arguments)
    assert (parsed.tier, parsed.units, parsed.throttling) == ("F1", 2, True)
    with azmqtt.LocalHub() as hub:
        fault.inject(hub, parsed)
        assert [fault.rule["fault"] for fault in hub.faults()] == ["lose"]
        deadline = time.monotonic() + 10
        while len(hub.faults()) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"tier": "s1"}, "tier must be F1, B1, B2, B3, S1, S2 or S3, not 's1'"),
        ({"host": ""}, "host must not be empty"),
        ({"units": 0}, "units must be from 1 to 200, not 0"),
        ({"throttle_burst": -1}, "throttle_burst"),
    ],
)
def test_arguments(options, text):
    with pytest.raises(ValueError, match=text):
        azmqtt.LocalHub(**options)


def patch_often(client):
    for _ in range(100):
        client.patch_reported_properties({"a": 1})


def test_a_throttled_hub():
    with (
        azmqtt.LocalHub(throttling=True, throttle_burst=0) as hub,
        hub.device_client("dev") as client,
    ):
        client.connect()
        begun = time.monotonic()
        assert client.send_messages(str(number) for number in range(40)) == 40
        assert time.monotonic() - begun > 0.35, "a hundred a second"
        with pytest.raises(azmqtt.Throttled) as throttled:
            patch_often(client)
        assert throttled.value.retry_after == 1
        assert hub.connection_count("dev") == 1


def test_a_basic_hub():
    with azmqtt.LocalHub(tier="B1") as hub, hub.device_client("dev") as client:
        with pytest.raises(azmqtt.RequestFailed) as failed:
            client.get_twin()
        assert failed.value.error_code == 403010
        client.send_message("telemetry is there")
