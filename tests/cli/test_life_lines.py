"""What `azmqtt hub` shows of its life, in lines for people."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

import azmqtt
from azmqtt._cli import life
from azmqtt._cli.life import Life, telemetry_of
from azmqtt._cli.life_lines import EXCERPT, WHOLE, Style, event_line, message_line
from azmqtt._hub_types import TelemetryMessage

NOW = datetime(2026, 11, 30, 12, 0, 0, 123_456, timezone.utc)


def shown(kind, style=None, **members):
    """What a line says after time and device."""
    event = {"id": 1, "time": "2026-11-30T12:00:00.123Z", "type": kind, "device_id": "d", **members}
    line = event_line(event, NOW, style or Style())
    found = re.fullmatch(r"\d\d:\d\d:\d\d\.123  (\S+) +(.*)", line)
    assert found is not None, line
    return found.group(1), found.group(2)


def message(body=b"", message_id=None, **properties):
    system = {} if message_id is None else {"message-id": message_id}
    return TelemetryMessage("d", body, properties, system, NOW, 1)


@pytest.mark.parametrize(
    ("kind", "members", "text"),
    [
        (
            "connection.opened",
            {"protocol": "MQTT", "auth": "sas", "clean_session": True},
            "connected: MQTT, SAS token, clean session",
        ),
        ("connection.opened", {"protocol": "MQTT", "auth": "x509"}, "connected: MQTT, X.509 certificate"),
        ("connection.closed", {"reason": "the device disconnected"}, "disconnected: the device disconnected"),
        (
            "connection.refused",
            {"reason": "no such device", "advice": "Create it.", "return_code": 5},
            "refused with return code 5: no such device -> Create it.",
        ),
        ("request.refused", {"reason": "a bad token"}, "request refused: a bad token"),
        ("twin.reported", {"version": 7, "patch": {"a": None}}, 'reported properties, version 7: {"a": null}'),
        ("twin.desired", {"version": 8, "patch_bytes": 9000}, "desired properties, version 8: 9000 bytes"),
        ("twin.tags", {"version": 2, "patch": {"site": "ü"}}, 'tags, version 2: {"site": "ü"}'),
        ("method.called", {"name": "reboot", "request_id": "1"}, "method reboot called"),
        (
            "method.answered",
            {"name": "reboot", "status": 200, "duration_ms": 12},
            "method reboot answered 200 in 12 ms",
        ),
        ("method.failed", {"name": "reboot", "reason": "not online"}, "method reboot failed: not online"),
        ("c2d.enqueued", {"message_id": "m1", "sequence": 4}, "cloud-to-device message m1 waits"),
        ("c2d.completed", {"sequence": 4}, "cloud-to-device message 4 completed"),
        ("fault.struck", {"rule": 3, "action": "drop"}, "fault 3 struck: drop"),
        ("device.created", {}, "device created"),
        ("not.known", {"much": [1]}, 'not known: {"much": [1]}'),
    ],
)
def test_events(kind, members, text):
    assert shown(kind, **members) == ("d", text)


def test_who():
    assert shown("device.created", module_id="m")[0] == "d/m"
    assert shown("connection.refused", device_id=None, reason="x")[0] == "-"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (message(b'{"t": 1}'), 'message, 8 bytes: {"t": 1}'),
        (message(b"x", "m1", k="v", l=""), "message m1, 1 byte, k=v l=: x"),
        (message(b"\xff\x00"), "message, 2 bytes: 0xff00"),
        (message("ü".encode() * 200), f"message, 400 bytes: {'ü' * EXCERPT}…"),
        (message(b"a" + "€".encode() * 200), f"message, 601 bytes: a{'€' * (EXCERPT - 1)}…"),
        (message(b"a\nb\x1b[2J"), r"message, 7 bytes: a\nb\x1b[2J"),
    ],
)
def test_messages(given, text):
    assert message_line(given, Style()).endswith(f"  {text}")


def test_verbose_shows_all():
    line = message_line(message(b"x" * 5000), Style(WHOLE))
    assert line.endswith("x" * 5000)


def test_colours():
    assert shown("connection.refused", Style(coloured=True), reason="x")[1] == "\x1b[31mrefused: x\x1b[0m"
    assert "\x1b" not in message_line(message(b"x"), Style(coloured=True))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TYPES = [
    "connection.opened",
    "connection.closed",
    "connection.refused",
    "request.refused",
    "twin.reported",
    "method.called",
    "method.answered",
    "method.failed",
    "c2d.enqueued",
    "fault.struck",
    "throttled",
    "\x1b",
]
MEMBERS = ["reason", "advice", "patch", "version", "name", "status", "message_id", "device_id", "module_id", "protocol"]


@given(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(MEMBERS) | st.text(max_size=5), json_values))
def test_no_event_reaches_the_terminal_as_it_is(kind, members):
    line = event_line({**members, "type": kind}, NOW, Style())
    assert line.isprintable()
    assert len(line) < 4000


@given(st.binary(max_size=600), st.text(), st.dictionaries(st.text(), st.text(), max_size=3))
def test_no_message_reaches_the_terminal_as_it_is(body, message_id, properties):
    assert message_line(message(body, message_id), Style()).isprintable()
    given = TelemetryMessage(message_id, body, properties, {"message-id": message_id}, NOW, 1, message_id)
    assert message_line(given, Style(coloured=True)).isprintable()


class Clock:
    """The time that a test makes pass."""

    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(life, "time", found)
    return found


def test_many_messages_are_counted(clock):
    with azmqtt.LocalHub() as hub, hub.device_client("d") as client:
        client.send_message("before")
        output = io.StringIO()
        watching = Life(telemetry_of(hub), hub._core, output, style=Style(), budget=5)
        client.send_messages({"n": n} for n in range(300))
        watching.show()
        client.send_messages({"n": n} for n in range(300, 320))
        watching.show()
        lines = [line for line in output.getvalue().splitlines() if "message" in line]
        assert [re.search(r'"n": ?(\d+)', line).group(1) for line in lines] == ["295", "296", "297", "298", "299"]
        clock.now = 1.5
        watching.show()
        assert output.getvalue().splitlines()[-1] == "… and 315 more messages"
        client.send_message("after")
        watching.end()
        assert output.getvalue().splitlines()[-1].endswith(": after")


def test_many_events_are_counted(clock):
    with azmqtt.LocalHub() as hub:
        output = io.StringIO()
        hub.create_device("before")
        watching = Life(telemetry_of(hub), hub._core, output, style=Style(), budget=3)
        for n in range(12_000):
            hub.create_device(f"d{n}")
        watching.show()
        lines = [line.split() for line in output.getvalue().splitlines()]
        assert [line[1:] for line in lines] == [[f"d{n}", "device", "created"] for n in (11_997, 11_998, 11_999)]
        clock.now = 2
        watching.end()
        assert output.getvalue().splitlines()[3:] == ["… and 11,997 more events"]


def test_nothing_is_said_of_nothing(clock):
    with azmqtt.LocalHub() as hub:
        output = io.StringIO()
        watching = Life(telemetry_of(hub), hub._core, output, style=Style())
        for clock.now in (0.5, 1.5, 3):
            watching.show()
        watching.end()
        assert output.getvalue() == ""


def test_colours_are_for_terminals(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(life.sys, "platform", "linux")
    assert life.is_coloured(Terminal())
    assert not life.is_coloured(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not life.is_coloured(Terminal())
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "dumb")
    assert not life.is_coloured(Terminal())


def run_a_session(*options):
    """What a hub with these options has written on stderr at its end, of a session with a refusal."""
    command = [sys.executable, "-W", "error", "-m", "azmqtt", "hub", "--port", "0", "--device", "d", *options]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            if "--json" in options:
                ready = json.loads(process.stdout.readline())
                port, trust, text = ready["port"], ready["ca_file"], ready["devices"][0]["connection_string"]
            else:
                output = ""
                while "client = " not in output:
                    output += process.stdout.readline()
                port = int(re.search(r"port (\d+)", output).group(1))
                trust = re.search(r"--trust (\S+)", output).group(1)
                text = re.search(r"HostName=localhost;DeviceId=d;\S+?(?='|\s)", output).group()
            with azmqtt.DeviceClient.from_connection_string(text, port=port, trust=trust) as client:
                client.send_message('{"t":\x1b[2J}', message_id="m1")
                client.patch_reported_properties({"firmware": "1.2"})
            wrong = text.replace("DeviceId=d", "DeviceId=nobody")
            stranger = azmqtt.DeviceClient.from_connection_string(wrong, port=port, trust=trust)
            with stranger, pytest.raises(azmqtt.AuthenticationFailed):
                stranger.connect()
        finally:
            process.terminate()
        process.wait(20)
        return process.stdout.read(), process.stderr.read()


def test_a_session():
    _, err = run_a_session()
    lines = [line.split("  ", 1)[1].split(maxsplit=1) for line in err.splitlines()]
    # Who is refused may try once more, with a new token.
    assert [who for who, _ in lines[:5]] == ["d", "d", "d", "d", "nobody"]
    opened, sent, reported, closed, refused = (what for _, what in lines[:5])
    assert opened.startswith("connected: ")
    assert sent == r'message m1, 10 bytes: {"t":\x1b[2J}'
    assert reported == 'reported properties, version 2: {"firmware": "1.2"}'
    assert closed.startswith("disconnected: ")
    assert "refused with return code 5: " in refused
    assert " -> Create the device" in refused


@pytest.mark.parametrize("options", [["--quiet"], ["--json"], ["--json", "--quiet"]], ids=" ".join)
def test_it_can_be_quiet(options):
    out, err = run_a_session(*options)
    assert err == ""
    assert "--json" not in options or out == ""


def test_verbose_shows_packets():
    out, err = run_a_session("--json", "--verbose")
    assert out == ""
    for text in ("→ CONNECT", "← PUBACK", "connected: ", "message m1, 10 bytes"):
        assert text in err
    assert err.replace("\n", "").isprintable()
