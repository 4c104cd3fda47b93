"""``--output`` and ``--query``: JSON, lines of JSON and tables, on a terminal and not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import azmqtt
from azmqtt._cli import output, table
from azmqtt._cli.main import main

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def hub():
    with azmqtt.LocalHub() as hub:
        for number in range(3):
            hub.create_device(f"dev{number}")
        yield hub


@pytest.fixture
def service(hub, capsys, monkeypatch):
    """Runs a command as the hub's owner; the lines that it printed."""
    monkeypatch.setenv("IOTHUB_CONNECTION_STRING", hub.service_connection_string)

    def run(*arguments):
        assert main([*arguments, "--trust", hub.ca_file]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        return printed.out

    return run


LIST = ("hub", "device-identity", "list")


def test_forms_of_a_list(service):
    found = json.loads(service(*LIST))
    assert [device["deviceId"] for device in found] == ["dev0", "dev1", "dev2"]
    assert service(*LIST, "-o", "json") == json.dumps(found, indent=2) + "\n"
    assert list(map(json.loads, service(*LIST, "--output", "jsonl").splitlines())) == found
    head, rule, *rows = service(*LIST, "-o", "table").splitlines()
    assert head.split() == ["deviceId", "status", "connectionState", "lastActivityTime", "cloudToDeviceMessageCount"]
    assert set(rule) == {"-", " "}
    assert [row.split()[:3] for row in rows] == [[f"dev{n}", "enabled", "Disconnected"] for n in range(3)]
    assert found[0]["authentication"]["symmetricKey"]["primaryKey"] not in "".join(rows)


def test_a_query_selects(service):
    assert json.loads(service(*LIST, "--query", "[].deviceId")) == ["dev0", "dev1", "dev2"]
    assert service(*LIST, "--query", "[].deviceId", "-o", "jsonl") == '"dev0"\n"dev1"\n"dev2"\n'
    lines = service(*LIST, "--query", "[1:].{b: deviceId, a: authentication.type}", "-o", "table").splitlines()
    assert lines == ["b     a", "----  ---", "dev1  sas", "dev2  sas"]
    assert service(*LIST, "--query", "length(@)") == "3\n"
    # As with az, nothing is printed where nothing is found.
    assert service(*LIST, "--query", "[0].nothing") == ""


def test_an_object_is_a_table_of_its_members(service):
    twin = service("hub", "device-twin", "show", "-d", "dev0", "-o", "table").splitlines()
    assert ["deviceId", "dev0"] in [line.split() for line in twin]
    assert any(line.startswith("properties ") and '{"desired":{' in line for line in twin)


def test_the_words_of_a_method_are_kept_until_a_form_is_chosen(hub, service):
    with hub.device_client("dev2") as client:
        client.on_method("m")(lambda _: (200, {"b": 1.50, "a": [1]}))
        client.connect()
        hub.wait_for_connection("dev2")
        method = ("hub", "invoke-device-method", "-d", "dev2", "--mn", "m")
        hub.invoke_method("dev2", "m", connect_timeout=5)
        assert service(*method) == '{"status":200,"payload":{"b":1.5,"a":[1]}}\n'
        printed = service(*method, "-o", "json")
        assert printed == json.dumps({"status": 200, "payload": {"b": 1.5, "a": [1]}}, indent=2) + "\n"
        assert service(*method, "--query", "payload.a[0]") == "1\n"


def test_faults_are_lines_until_a_form_is_chosen(service):
    for spec in ("drop:on=puback,count=2", "lose:on=puback"):
        service("fault", "set", spec)
    assert len(service("fault", "list").splitlines()) == 2
    assert len(json.loads(service("fault", "list", "-o", "json"))) == 2
    assert json.loads(service("fault", "list", "--query", "[].action")) is not None
    assert len(service("fault", "list", "-o", "table").splitlines()) == 4


def test_messages_are_rows_as_they_come(hub, capsys):
    for number in range(3):
        hub.send_c2d("dev1", str(number), {"kind": "order"})
    device = ["-l", hub.device("dev1").connection_string, "--port", str(hub.port), "--trust", hub.ca_file]
    receive = ["device", "c2d-message", "receive", *device]
    assert main([*receive, "--count", "2", "-o", "table", "--query", "{body: data, kind: properties.kind}"]) == 0
    assert capsys.readouterr().out.splitlines() == ["body  kind", "----  -----", "0     order", "1     order"]
    assert main([*receive, "--query", "data"]) == 0
    assert capsys.readouterr().out == "2\n"


def test_check_has_the_same_forms(hub, capsys):
    arguments = ["check", "-l", hub.device("dev0").connection_string, "--port", str(hub.port), "--trust", hub.ca_file]
    assert main([*arguments, "-o", "table"]) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()][2:5] == ["DNS", "TCP", "TLS"]
    assert main([*arguments, "-o", "jsonl", "--query", "steps[].step"]) == 0
    assert capsys.readouterr().out.splitlines()[:3] == ['"DNS"', '"TCP"', '"TLS"']


@pytest.mark.parametrize(
    ("query", "complaint"),
    [("[", "--query is not a JMESPath expression: "), ("length(`1`)", "--query: ")],
)
def test_a_bad_query_is_wrong_usage(query, complaint, hub, capsys, monkeypatch):
    monkeypatch.setenv("IOTHUB_CONNECTION_STRING", hub.service_connection_string)
    assert main([*LIST, "--trust", hub.ca_file, "--query", query]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"azmqtt: {complaint}")
    assert printed.err.count("\n") == 1


def test_without_the_package_a_query_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jmespath", None)
    assert main([*LIST, "--query", "@", "-l", "HostName=h;SharedAccessKeyName=p;SharedAccessKey=AAAA"]) == 2
    assert capsys.readouterr().err == "azmqtt: --query needs jmespath: pip install 'azmqtt[query]'\n"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
def test_a_table_fits_the_terminal(hub):
    import pty

    terminal, other = pty.openpty()
    command = [sys.executable, "-m", "azmqtt", *LIST, "--trust", hub.ca_file, "-o", "table", "--query", "[]"]
    environment = {**os.environ, "COLUMNS": "60", "IOTHUB_CONNECTION_STRING": hub.service_connection_string}
    with subprocess.Popen(command, stdout=other, env=environment) as process:
        os.close(other)
        printed = b""
        # Linux ends the reading of a terminal that nobody has open by an error.
        try:
            while chunk := os.read(terminal, 4096):
                printed += chunk
        except OSError:
            pass
        assert process.wait(20) == 0
    os.close(terminal)
    lines = printed.decode().splitlines()
    assert len(lines) == 5
    assert max(map(len, lines)) <= 60
    assert lines[0].startswith("deviceId  ")
    assert "\x1b" not in printed.decode()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(st.text(max_size=8), VALUES, max_size=6), max_size=4), st.integers(20, 100))
def test_every_line_of_a_table_is_printable_and_fits(rows, width):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table.sys.stdout, "isatty", lambda: True)
        patch.setattr(table.shutil, "get_terminal_size", lambda: os.terminal_size((width, 24)))
        lines = table.Table().lines(rows)
        growing = table.Table()
        for row in rows:
            lines += growing.next_lines(row)
    for line in lines:
        assert line == "" or line.isprintable()
        assert table._width(line) <= width


def test_wide_characters_are_counted():
    assert unicodedata.east_asian_width("日") == "W"
    assert table.Table().lines([{"a": "日本", "b": 1}, {"a": "x", "b": None}]) == ["a     b", "----  -", "日本  1", "x"]


def test_control_characters_do_nothing_to_a_terminal():
    assert table.Table().lines([{"a": "\x1b[2J"}])[2] == '"\\u001b[2J"'


def test_a_choice_ends_with_its_command(capsys):
    output.say([1])
    assert capsys.readouterr().out == "[1]\n"
