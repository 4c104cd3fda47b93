"""What `azmqtt namespace` shows of its life, and the link to its page."""

from __future__ import annotations

import io
import json
import os
import re
import ssl
import subprocess
import sys
import urllib.request
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import azmqtt
from azmqtt._cli.life import Life, published_on
from azmqtt._cli.life_lines import Style, event_line, publish_line
from azmqtt._namespace_types import NamespaceMessage

NOW = datetime(2026, 11, 30, 12, 0, 0, 123_456, timezone.utc)
AZMQTT = [sys.executable, "-W", "error", "-m", "azmqtt"]


def message(payload: bytes = b"", topic: str = "t", who: str | None = "c", **rest: Any) -> NamespaceMessage:
    nothing = dict.fromkeys(("content_type", "response_topic", "correlation_data", "message_expiry", "payload_format"))
    fields: dict[str, Any] = {"qos": 1, "retain": False, "client_id": who, "user_properties": (), **nothing, **rest}
    return NamespaceMessage(topic=topic, payload=payload, authentication_name=who, time=NOW, sequence=1, **fields)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (message(b'{"t": 1}', "rooms/a"), 'message on rooms/a, QoS 1, 8 bytes: {"t": 1}'),
        (message(b"x", qos=0, retain=True), "message on t, QoS 0, retained, 1 byte: x"),
        (message(b"x", user_properties=(("k", "v"), ("k", ""))), "message on t, QoS 1, 1 byte, k=v k=: x"),
        (message(b"a\x1b[2J", "a\nb"), r"message on a\nb, QoS 1, 5 bytes: a\x1b[2J"),
    ],
)
def test_messages(given: NamespaceMessage, text: str) -> None:
    assert publish_line(given, Style()).endswith(f"  {text}")


@pytest.mark.parametrize(
    ("kind", "members", "text"),
    [
        ("connection.opened", {"session": "s", "connection": 1}, "connected: session s"),
        ("connection.closed", {"reason": "ConnectionLost"}, "disconnected: ConnectionLost"),
        (
            "connection.refused",
            {"reason": "disabled", "advice": "Enable it.", "reason_code": 135},
            "refused with reason code 0x87: disabled -> Enable it.",
        ),
        (
            "publish.refused",
            {"topic": "a\n", "reason": "no template", "advice": "Add one.", "left_out": 7},
            r"publish on a\n refused: no template -> Add one. (and 7 more)",
        ),
        ("subscribe.refused", {"filter": "#", "reason": "no template"}, "subscribe to # refused: no template"),
        ("fault.struck", {"rule": 3, "action": "drop"}, "fault 3 struck: drop"),
        ("client.deleted", {"resource": "r"}, 'client deleted: {"resource": "r"}'),
    ],
)
def test_events(kind: str, members: dict[str, Any], text: str) -> None:
    line = event_line({"type": kind, "client": "c", **members}, NOW, Style())
    assert re.split(" {2,}", line, maxsplit=2)[1:] == ["c", text]


@given(st.binary(max_size=600), st.text(), st.none() | st.text(), st.lists(st.tuples(st.text(), st.text()), max_size=3))
def test_no_message_reaches_the_terminal_as_it_is(
    payload: bytes, topic: str, who: str | None, properties: list[tuple[str, str]]
) -> None:
    assert publish_line(message(payload, topic, who, user_properties=tuple(properties)), Style()).isprintable()


def test_many_messages_are_counted_and_few_are_kept() -> None:
    with azmqtt.LocalNamespace(record=10) as namespace:
        namespace.create_topic_space("all", ["t"])
        namespace.create_permission_binding("publish", topic_space_name="all", permission="Publisher")
        namespace.create_client("c")
        with namespace.mqtt_client("c") as client:
            output = io.StringIO()
            watching = Life(published_on(namespace), namespace._core, output, style=Style(), budget=20)
            for number in range(100):
                client.publish("t", str(number).encode(), qos=1)
            watching.end()
        assert len(namespace.messages()) == 10
    lines = output.getvalue().splitlines()
    assert [line.rsplit(" ", 1)[1] for line in lines if "message on t" in line] == [str(n) for n in range(90, 100)]
    assert lines[-1] == "… and 90 more messages"


CONFIG = {
    "topicSpaces": [{"name": "space", "properties": {"topicTemplates": ["rooms/#"]}}],
    "permissionBindings": [
        {
            "name": "publish",
            "properties": {"clientGroupName": "$all", "topicSpaceName": "space", "permission": "Publisher"},
        }
    ],
}


def run_a_session(folder: Path, *options: str) -> tuple[str, str]:
    """What a namespace with these options has written at its end, of a session with a refusal."""
    config = folder / "config.json"
    config.write_text(json.dumps(CONFIG))
    command = [*AZMQTT, "namespace", "--port", "0", "--https-port", "0", "--config", str(config)]
    command += ["--client", "sensor", "--certificates", str(folder), *options]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        output = ""
        try:
            if "--json" in options:
                ready = json.loads(process.stdout.readline())
                port, trust = ready["port"], ready["ca_file"]
            else:
                while "/#open=" not in output:
                    output += process.stdout.readline()
                port, trust = int(re.search(r"port (\d+)", output)[1]), re.search(r"  (\S+ca\.pem)", output)[1]
            options_of = {"port": port, "trust": trust, "certificate": folder / "sensor.pem"}
            options_of["private_key"] = folder / "sensor-key.pem"
            with azmqtt.MqttClient("localhost", "sensor", username="sensor", **options_of) as client:
                client.publish("rooms/a", b'{"t":\x1b[2J}', qos=1)
                with pytest.raises(azmqtt.PublishRefused):
                    client.publish("halls/a", b"", qos=1)
            stranger = azmqtt.MqttClient("localhost", "nobody", username="nobody", **options_of)
            with stranger, pytest.raises(azmqtt.AuthenticationFailed):
                stranger.connect()
        finally:
            process.terminate()
        process.wait(20)
        return output + process.stdout.read(), process.stderr.read()


def test_a_session(tmp_path: Path) -> None:
    _, err = run_a_session(tmp_path)
    lines = [line.split("  ", 1)[1].split(maxsplit=1) for line in err.splitlines()]
    assert [who for who, _ in lines[:5]] == ["sensor", "sensor", "sensor", "sensor", "nobody"]
    opened, sent, denied, closed, refused = (what for _, what in lines[:5])
    assert opened == "connected: session sensor"
    assert sent == r'message on rooms/a, QoS 1, 10 bytes: {"t":\x1b[2J}'
    assert denied.startswith(
        "publish on halls/a refused: no topic template matches in the topic spaces space -> Correct"
    )
    assert closed == "disconnected: ClientInitiatedDisconnect"
    assert 'refused with reason code 0x87: no client has the authentication name "nobody"' in refused
    assert " -> Create a client" in refused


@pytest.mark.parametrize("options", [["--quiet"], ["--json"], ["--json", "--quiet"]], ids=" ".join)
def test_it_can_be_quiet(tmp_path: Path, options: list[str]) -> None:
    out, err = run_a_session(tmp_path, *options)
    assert err == ""
    assert "--json" not in options or out == ""


def test_verbose_shows_packets(tmp_path: Path) -> None:
    out, err = run_a_session(tmp_path, "--json", "--verbose")
    assert out == ""
    for text in ("→ CONNECT", "← PUBACK", "connected: ", "message on rooms/a"):
        assert text in err
    assert err.replace("\n", "").isprintable()


def test_a_link_to_a_namespace_that_runs() -> None:
    with azmqtt.LocalNamespace() as namespace:
        environment = {
            **os.environ,
            "AZMQTT_NAMESPACE_MANAGEMENT_URL": namespace.management_url,
            "AZMQTT_NAMESPACE_TOKEN": namespace.token,
            "AZMQTT_NAMESPACE_CA_FILE": namespace.ca_file,
        }
        command = [*AZMQTT, "namespace", "page"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        origin, code = done.stdout.strip().split("/#open=")
        body = json.dumps({"code": code}).encode()
        request = urllib.request.Request(f"{origin}/azmqtt/page/session", body)  # noqa: S310 - https
        context = ssl.create_default_context(cafile=namespace.ca_file)
        with urllib.request.urlopen(request, context=context) as answer:  # noqa: S310 - https
            assert json.load(answer)["kind"] == "namespace"


def test_open_opens_the_page_and_records(tmp_path: Path) -> None:
    # A browser that writes down what it is to open, as BROWSER names it.
    opened = tmp_path / "opened"
    script = tmp_path / "browser.py"
    script.write_text(f"import sys, pathlib; pathlib.Path({str(opened)!r}).write_text(sys.argv[1])")
    environment = {**os.environ, "BROWSER": f"{sys.executable} {script} %s"}
    command = [*AZMQTT, "namespace", "--port", "0", "--https-port", "0", "--json", "--open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            context = ssl.create_default_context(cafile=ready["ca_file"])
            for path in ("packets", "messages"):
                request = urllib.request.Request(  # noqa: S310 - https
                    f"{ready['management_url']}/azmqtt/{path}", headers={"Authorization": f"Bearer {ready['token']}"}
                )
                with urllib.request.urlopen(request, context=context) as answer:  # noqa: S310 - https
                    assert answer.status == 200
        finally:
            process.terminate()
        process.wait(20)
    assert opened.read_text().startswith(f"https://localhost:{ready['https_port']}/#open=")
