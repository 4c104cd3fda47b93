"""Python's logging: what is written, when nothing is, and that no secret ever is."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import textwrap

import pytest

import azmqtt
from logs import lines_until
from scripted_hub import Link, ScriptedHub

KEY = "dG9wIHNlY3JldCBrZXkgb2YgYSB0ZXN0IQ=="


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


def test_a_session_is_written_from_the_log_thread(hub, caplog):
    caplog.set_level(logging.INFO, "azmqtt")
    device = hub.create_device().device_id
    with hub.device_client(device, sas_ttl=2, retry=azmqtt.RetryPolicy(base=0.01, max=0.05)) as client:
        client.connect()
        lines_until(caplog, f"{device}: renewed")
        hub.disconnect(device)
        client.get_twin()
    lines = lines_until(caplog, f"{device}: closed")
    mine = [(level, text) for name, level, text in lines if name == "azmqtt.connection" and text.startswith(device)]
    texts = [text.removeprefix(f"{device}: ") for _, text in mine]
    assert texts[:3] == ["connecting", "connected", "renewed its token by a planned reconnect"]
    lost = next(line for line in mine if "lost" in line[1])
    assert lost[0] == "WARNING"
    assert "next attempt in 0.0 s" in lost[1]
    assert texts[-1] == "closed"
    assert {record.threadName for record in caplog.records if record.name == "azmqtt.connection"} == {"azmqtt-log"}


def test_a_refusal_is_written_with_its_reason(hub, caplog):
    device = hub.create_device()
    hub.set_enabled(device.device_id, enabled=False)
    with hub.device_client(device.device_id) as client, pytest.raises(azmqtt.IotHubError):
        client.connect()
    lines = lines_until(caplog, f"{device.device_id}: gave up")
    assert any(level == "WARNING" and "CONNACK" in text for _, level, text in lines)


def test_unmatched_answers_are_written_for_those_who_debug(tmp_path, caplog):
    async def chatter(link: Link) -> None:
        await link.accept()
        topic = b"$iothub/twin/res/204/?$rid=evil\nline&$version=1"
        await link.send(b"\x30" + bytes([len(topic) + 2]) + len(topic).to_bytes(2, "big") + topic)
        await link.hang()

    caplog.set_level(logging.DEBUG, "azmqtt.twin")
    with ScriptedHub(tmp_path, chatter) as hub:
        client = azmqtt.DeviceClient.from_symmetric_key("localhost", "d", KEY, port=hub.port, trust=hub.ca_file)
        with client:
            client.connect()
            lines = lines_until(caplog, "no open request")
    text = next(text for name, _, text in lines if name == "azmqtt.twin")
    assert "evil\\nline" in text
    assert "\n" not in text


SESSION = """
    import logging, sys, azmqtt
    {configuration}
    with azmqtt.DeviceClient.from_connection_string(
        sys.argv[1], port=int(sys.argv[2]), trust=sys.argv[3], retry=azmqtt.RetryPolicy(base=0.01, max=0.05)
    ) as client:
        client.send_message(b"x")
    import threading
    print(sorted(thread.name for thread in threading.enumerate()))
"""


@pytest.mark.parametrize(
    ("configuration", "is_heard"),
    [
        ("", False),
        ("logging.getLogger('azmqtt').addHandler(logging.NullHandler())", False),
        ("logging.basicConfig(level=logging.ERROR)", False),
        ("logging.basicConfig(level=logging.WARNING)", True),
        ("logging.basicConfig(level=logging.INFO)", True),
        ("logging.getLogger('azmqtt').setLevel(logging.DEBUG)", True),
    ],
)
def test_the_thread_runs_only_while_somebody_listens(hub, configuration, is_heard):
    device = hub.create_device()
    done = run(SESSION.format(configuration=configuration), device.connection_string, hub.port, hub.ca_file)
    assert ("azmqtt-log" in done.stdout) is is_heard, done.stderr
    assert ("connected" in done.stderr) is ("INFO" in configuration)


def test_the_last_line_of_a_script_is_written(hub):
    device = hub.create_device()
    done = run(
        SESSION.format(configuration="logging.basicConfig(level=logging.INFO)"),
        device.connection_string,
        hub.port,
        hub.ca_file,
    )
    assert done.stderr.splitlines()[-1] == f"INFO:azmqtt.connection:{device.device_id}: closed"


def test_a_client_in_a_forked_child_is_logged(hub):
    if sys.platform == "win32":
        pytest.skip("there is no fork here")
    device = hub.create_device()
    code = """
        import logging, os, sys, warnings, azmqtt
        warnings.simplefilter("ignore")
        logging.basicConfig(level=logging.INFO)
        def session():
            with azmqtt.DeviceClient.from_connection_string(
                sys.argv[1], port=int(sys.argv[2]), trust=sys.argv[3]
            ) as client:
                client.send_message(b"x")
        session()
        child = os.fork()
        session() if child == 0 else os.waitpid(child, 0)
    """
    done = run(code, device.connection_string, hub.port, hub.ca_file)
    assert done.stderr.count("connected") == 2, done.stderr
    assert done.stderr.count("closed") == 2


def test_no_secret_is_written_anywhere(hub):
    """A whole bad day at level DEBUG: nothing of a key or a token in anything that was put out."""
    device = hub.create_device(None, KEY)
    token = azmqtt.sas.generate(f"localhost/devices/{device.device_id}", KEY, ttl=600)
    code = """
        import logging, sys, traceback, azmqtt
        logging.basicConfig(level=logging.DEBUG)
        connection_string, key, token, port, trust = sys.argv[1:]
        options = dict(port=int(port), trust=trust, timeout=5, retry=azmqtt.RetryPolicy(base=0.01, max=0.05))
        device = connection_string.split("DeviceId=")[1].split(";")[0]
        wrong = azmqtt.sas.generate("localhost/devices/other", key)
        makers = [
            lambda: azmqtt.DeviceClient.from_connection_string(connection_string, **options),
            lambda: azmqtt.DeviceClient.from_sas_token(token, **options),
            lambda: azmqtt.DeviceClient.from_symmetric_key("localhost", device, key, **{**options, "sas_ttl": 1}),
            lambda: azmqtt.DeviceClient.from_symmetric_key("localhost", "nobody", key, **options),
            lambda: azmqtt.DeviceClient.from_sas_token(wrong, **options),
            lambda: azmqtt.DeviceClient.from_symmetric_key("localhost", device, key, **{**options, "port": 1}),
            lambda: azmqtt.DeviceClient.from_symmetric_key("localhost", device, key.encode(), **options),
            lambda: azmqtt.DeviceClient.from_connection_string(connection_string.encode()),
            lambda: azmqtt.DeviceClient.from_connection_string(connection_string + "x"),
            lambda: azmqtt.sas.parse(token + "&x=1"),
        ]
        for make in makers:
            try:
                with make() as client:
                    client.on_state_change(print)
                    client.on_message(print)
                    client.send_message(b"x")
                    client.get_twin()
                    import time; time.sleep(0.05)
                    print(client, repr(client.stats()), client._repr_html_(), client.stats()._repr_html_())
                    print(repr(client._core), client.last_error)
            except Exception:
                traceback.print_exc()
        print("done")
    """
    done = run(code, device.connection_string, KEY, token, hub.port, hub.ca_file)
    assert done.stdout.endswith("done\n"), done.stderr
    assert "azmqtt.connection" in done.stderr
    output = done.stdout + done.stderr
    signature = token.split("sig=")[1].split("&")[0]
    for secret in (KEY, KEY.rstrip("="), signature, "sig=", "SharedAccessKey=", "SharedAccessSignature sr"):
        assert secret not in output, secret


#: What a record has besides the attributes of every record.
FIELDS = ("event", "device_id", "module_id", "client_id", "reason", "step", "retry_in", "request_id", "status")


def fields_of(caplog, event):
    """The fields of the first record of an event."""
    record = next(record for record in caplog.records if getattr(record, "event", None) == event)
    return {name: getattr(record, name) for name in FIELDS if getattr(record, name) is not None}


def test_records_have_fields(hub, caplog):
    caplog.set_level(logging.INFO, "azmqtt")
    device = hub.create_device().device_id
    retry = azmqtt.RetryPolicy(base=0.01, max=0.05)
    with hub.device_client(device, module_id="m", retry=retry) as client:
        client.connect()
        hub.disconnect(device, module_id="m")
        client.get_twin()
    lines_until(caplog, f"{device}/m: closed")
    who = {"device_id": device, "module_id": "m"}
    assert fields_of(caplog, "connected") == {"event": "connected", **who}
    lost = fields_of(caplog, "retry")
    assert 0 <= lost.pop("retry_in") <= 0.05
    assert "closed the connection" in lost.pop("reason")
    assert lost == {"event": "retry", **who}
    assert fields_of(caplog, "closed") == {"event": "closed", **who}


def test_records_name_the_step_that_failed(caplog):
    caplog.set_level(logging.INFO, "azmqtt")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        retry = azmqtt.RetryPolicy(base=0.01, max=0.05, first_connect=True)
        device = azmqtt.DeviceClient.from_symmetric_key("localhost", "unreachable", KEY, port=port, retry=retry)
        with device, pytest.raises(azmqtt.RequestTimeout):
            device.connect(timeout=0.5)
        broker = azmqtt.MqttClient("localhost", "a broker's", port=port, retry=retry, tls=False)
        with broker, pytest.raises(azmqtt.RequestTimeout):
            broker.connect(timeout=0.5)
        lines_until(caplog, "a broker's: closed")
    failed = fields_of(caplog, "retry")
    assert (failed["device_id"], failed["step"]) == ("unreachable", "TCP")
    assert "refused" in failed["reason"]
    records = [record for record in caplog.records if getattr(record, "client_id", None) is not None]
    assert {(record.client_id, record.device_id) for record in records} == {("a broker's", None)}
    assert {record.step for record in records if record.event == "retry"} == {"TCP"}
