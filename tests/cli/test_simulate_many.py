"""``azmqtt device simulate`` for many devices in one process."""

from __future__ import annotations

import json

import pytest

from azmqtt._cli.main import main

TEMPLATE = '{"n": {{n}}}'


def simulated(capsys, *arguments):
    """Run the command, which must succeed; return what it printed."""
    assert main(["device", "simulate", "--data", TEMPLATE, "--msg-interval", "0.2", *arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_device_for_each_connection_string(hub, tmp_path, capsys):
    made = [hub.create_device() for _ in range(5)]
    file = tmp_path / "devices.txt"
    file.write_text("# a comment\n\n" + "\n".join(device.connection_string for device in made) + "\n")
    options = ["--port", str(hub.port), "--trust", str(hub.ca_file)]
    events = simulated(capsys, "--connection-strings", str(file), *options, "--msg-count", "3")
    assert events[0] == {"event": "connected", "devices": 5, "hostname": "localhost"}
    assert events[-1] == {"event": "sent", "devices": 5, "messages": 15}
    for device in made:
        assert [message.json() for message in hub.telemetry(device.device_id)] == [{"n": n} for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--devices", "2", "-l", "x"], "--devices needs --dev"),
        (["--devices", "0", "--dev"], "0 is not a number of devices: 1 to 10000"),
        (["--devices", "2", "--dev", "-d", "d", "-m", "m"], "--devices and --module-id do not go together"),
        (["--devices", "2", "--connection-strings", "x"], "not allowed with argument"),
        (["--connection-strings", "{empty}"], "empty: no connection strings; write 1 to 10,000, one per line"),
        (["--connection-strings", "{empty}", "--dev"], "goes with neither --dev nor --connection-string"),
        (["--connection-strings", "{missing}"], "No such file or directory"),
    ],
)
def test_wrong_usage(arguments, said, tmp_path, capsys):
    (tmp_path / "empty").touch()
    arguments = [text.format(empty=tmp_path / "empty", missing=tmp_path / "missing") for text in arguments]
    try:
        code = main(["device", "simulate", *arguments])
    except SystemExit as end:
        code = end.code
    output = capsys.readouterr()
    assert (code, output.out) == (2, "")
    assert said in output.err


def test_a_wrong_key_ends_it(hub, tmp_path, capsys):
    good, bad = hub.create_device(), hub.create_device()
    key = bad.connection_string.rpartition("SharedAccessKey=")[2]
    file = tmp_path / "devices.txt"
    file.write_text(f"{good.connection_string}\n{bad.connection_string.replace(key, 'AAAA')}\n")
    options = ["--port", str(hub.port), "--trust", str(hub.ca_file)]
    assert main(["device", "simulate", "--connection-strings", str(file), *options]) == 1
    assert "refused" in capsys.readouterr().err
    assert hub.telemetry(good.device_id) == []
