"""Development services: credentials that stay, and commands that find them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

import azmqtt
from azmqtt._cli.main import main
from azmqtt._support import dev_state

#: The tests of other processes may have the fixed ports.
FREE_PORTS = ["--port", "0", "--websocket-port", "0", "--service-port", "0", "--provisioning-port", "0"]


def environment(home):
    """The variables by which each system says where a user's state is."""
    found = {"XDG_STATE_HOME": str(home / "state"), "HOME": str(home), "LOCALAPPDATA": str(home / "state")}
    return {name: value for name, value in os.environ.items() if not name.startswith("IOTHUB_")} | found


@contextmanager
def running(home, *arguments):
    """A service with --dev, and what its line of JSON says."""
    command = [sys.executable, "-W", "error", "-m", "azmqtt", *arguments, "--dev", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(home)
    ) as process:
        try:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            yield json.loads(line)
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


@pytest.fixture
def at_home(tmp_path, monkeypatch):
    """A home directory where nobody has developed before."""
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory):
    """A home directory with a hub that runs."""
    home = tmp_path_factory.mktemp("home")
    with running(home, "hub", *FREE_PORTS):
        yield home


@pytest.fixture
def dev_hub(shared_home, monkeypatch):
    """This process has the home directory with a hub that runs."""
    for name, value in environment(shared_home).items():
        monkeypatch.setenv(name, value)


def test_everything_is_the_same_at_every_start(at_home):
    with running(at_home, "hub", *FREE_PORTS, "--device", "d") as first:
        pass
    with running(at_home, "hub") as second:
        assert second == first
        kept = json.loads(dev_state.file_of("hub").read_text("utf-8"))
    assert kept.pop("pid") > 0
    assert kept == first
    assert first["devices"][0]["device_id"] == "d"
    # Each user's keys are random.
    with running(at_home / "other", "hub", *FREE_PORTS) as other:
        secrets = {ready["service_connection_string"].partition("SharedAccessKey=")[2] for ready in (first, other)}
    assert len(secrets) == 2
    if os.name == "posix":
        places = [dev_state.directory(), *dev_state.directory().rglob("*")]
        modes = {stat.S_IMODE(place.stat().st_mode) for place in places if place.is_file()}
        assert modes == {0o600}
        assert {stat.S_IMODE(place.stat().st_mode) for place in places if place.is_dir()} == {0o700}


def test_a_port_is_remembered(at_home):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running(at_home, "hub", *FREE_PORTS) as first:
        pass
    with running(at_home, "hub", "--port", str(port)) as second:
        assert second["port"] == port
        assert second["service_connection_string"] == first["service_connection_string"]
    with running(at_home, "hub") as third:
        assert third["port"] == port


@pytest.mark.usefixtures("dev_hub")
def test_commands_find_it(capsys):
    assert main(["device", "send-d2c-message", "--dev", "--data", "hello"]) == 0
    assert json.loads(capsys.readouterr().out)["device_id"] == "my-device"
    assert main(["device-twin", "update", "--dev", "-d", "new", "--json", '{"a": 1}']) == 0
    capsys.readouterr()
    assert main(["hub", "device-twin", "show", "--dev", "-d", "new"]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["reported"]["a"] == 1
    assert main(["check", "--dev", "--device-id", "checked", "--websocket"]) == 0
    assert "localhost accepted checked" in capsys.readouterr().out
    assert main(["device", "send-d2c-message", "--dev", "-d", "d", "-m", "module", "--data", "x"]) == 0
    assert main(["fault", "list", "--dev"]) == 0
    capsys.readouterr()
    assert main(["dps", "enrollment", "create", "--dev", "--eid", "e", "--query", "registrationId"]) == 0
    assert capsys.readouterr().out == '"e"\n'
    assert main(["device", "upload-file", "--dev", "--file-path", __file__, "--blob-name", "test"]) == 0
    assert json.loads(capsys.readouterr().out)["blob_name"] == "my-device/test"


@pytest.mark.usefixtures("dev_hub")
def test_clients_find_it():
    with azmqtt.DeviceClient.from_dev_hub("python", keep_alive=30) as client:
        client.send_message("hello")
        assert (client.device_id, client.module_id) == ("python", None)
    with azmqtt.DeviceClient.from_dev_hub("python", module_id="m", websocket=True) as client:
        client.send_message("hello")
        assert client.module_id == "m"
    with azmqtt.DeviceClient.from_dev_hub() as client:
        assert client.device_id == "my-device"
        assert client.get_twin().desired == {}
    with pytest.raises(azmqtt.RequestFailed, match="400"):
        azmqtt.DeviceClient.from_dev_hub("no device/at all")
    with pytest.raises(TypeError, match="device_id"):
        azmqtt.DeviceClient.from_dev_hub(7)
    with pytest.raises(ValueError, match="keep_alive"):
        azmqtt.DeviceClient.from_dev_hub("python", keep_alive=-1)


@pytest.mark.asyncio
@pytest.mark.usefixtures("dev_hub")
async def test_clients_find_it_without_blocking():
    async with await azmqtt.DeviceClient.from_dev_hub_async("python", module_id="n") as client:
        await client.send_message_async("hello")
    with pytest.raises(TypeError, match="module_id"):
        await azmqtt.DeviceClient.from_dev_hub_async("python", module_id=7)


@pytest.mark.usefixtures("dev_hub")
def test_a_device_with_a_certificate_has_no_key(capsys):
    ready = dev_state.dev_hub()
    assert "SharedAccessKey" not in repr(ready)
    from azmqtt._client import dev_hub

    identity = {"deviceId": "x509", "authentication": {"type": "certificateAuthority"}}
    dev_hub.service().request("PUT", "/devices/x509", identity)
    with pytest.raises(ValueError, match="x509 has no key on the development hub"):
        azmqtt.DeviceClient.from_dev_hub("x509")
    assert main(["device", "send-d2c-message", "--dev", "-d", "x509", "--data", ""]) == 2
    assert "certificate" in capsys.readouterr().err
    assert "SharedAccessKey" not in repr(dev_hub.identity("d"))


@pytest.mark.usefixtures("dev_hub")
def test_there_is_one_at_a_time(capsys):
    pid = json.loads(dev_state.file_of("hub").read_text("utf-8"))["pid"]
    assert main(["hub", "--dev"]) == 1
    expected = f"azmqtt hub: another 'azmqtt hub --dev', process {pid}, runs already: use that one, or end it first\n"
    assert capsys.readouterr().err == expected


def test_its_port_is_taken(at_home, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["hub", "--dev", *FREE_PORTS[2:], "--port", str(port)]) == 1
    error = capsys.readouterr().err
    assert f"port {port} of 127.0.0.1 is in use by another program, and --dev uses it at every start" in error
    assert "--port 18883" in error


def test_none_was_ever_started(at_home, capsys):
    assert main(["device", "send-d2c-message", "--dev", "--data", "x"]) == 1
    assert capsys.readouterr().err == (
        f"azmqtt: there is no development hub in {dev_state.directory()} yet: 'azmqtt hub --dev' starts it\n"
    )
    with pytest.raises(FileNotFoundError, match="azmqtt hub --dev"):
        azmqtt.DeviceClient.from_dev_hub("d")
    assert main(["namespace", "client", "list", "--dev"]) == 1
    assert "'azmqtt namespace --dev' starts it" in capsys.readouterr().err


def test_it_does_not_run(at_home, capsys):
    with running(at_home, "hub", *FREE_PORTS):
        pass
    for command in (["device", "send-d2c-message", "--data", "x"], ["hub", "query", "-q", "SELECT * FROM devices"]):
        assert main([*command, "--dev"]) == 1
        assert "no server listens there; start the development hub with 'azmqtt hub --dev'" in capsys.readouterr().err
    with pytest.raises(OSError, match="azmqtt hub --dev"):
        azmqtt.DeviceClient.from_dev_hub("d")


@pytest.mark.skipif(os.name != "posix", reason="other systems have other permissions")
@pytest.mark.parametrize(("place", "mode"), [("dev", 0o710), ("dev/dev.json", 0o640), (".", 0o770)])
def test_others_could_read_the_keys(at_home, place, mode, capsys):
    dev_state.make_directory()
    dev_state.write("hub", {})
    path = (dev_state.directory().parent / place).resolve()
    path.chmod(mode)
    assert main(["device", "send-d2c-message", "--dev", "--data", "x"]) == 1
    error = f"azmqtt: others may use {path}, which is to hold keys: 'chmod go-rwx {path}' forbids it\n"
    assert capsys.readouterr().err == error
    assert main(["hub", "--dev", *FREE_PORTS]) == 1
    assert capsys.readouterr().err == error.replace("azmqtt:", "azmqtt hub:")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give a file away")
def test_another_user_made_the_directory(at_home):
    dev_state.make_directory()
    os.chown(dev_state.directory(), 12345, -1)
    with pytest.raises(PermissionError, match="belongs to another user"):
        dev_state.read("hub")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged: it is not an object"),
        ('{"hostname": "localhost"}', "is damaged: port is no port"),
        ('{"hostname": "localhost", "port": true}', "is damaged: port is no port"),
        ('{"hostname": 7}', "is damaged: hostname is no text"),
    ],
)
def test_a_damaged_file(at_home, content, reason, capsys):
    dev_state.make_directory()
    dev_state.write("hub", {})
    dev_state.file_of("hub").write_text(content, "utf-8")
    assert main(["device", "send-d2c-message", "--dev", "--data", "x"]) == 2
    error = capsys.readouterr().err
    assert reason in error
    assert "'azmqtt hub --dev' writes it anew" in error


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["hub", "--dev", "--host", "0.0.0.0"], "--host 0.0.0.0 is not a loopback address"),  # noqa: S104 - refused
        (["hub", "--dev", "--host", "example.com"], "--host example.com is not a loopback address"),
        (["namespace", "--dev", "--host", "::"], "--host :: is not a loopback address"),
        (["hub", "--dev", "--state", "x"], "--state"),
        (["hub", "--dev", "--hostname", "iothub"], "--hostname"),
        (["device", "simulate", "--dev", "-l", "x"], "--dev and --connection-string do not go together"),
        (["device", "simulate", "--dev", "--certificate", "x"], "--dev and --certificate do not go together"),
        (["device", "simulate", "-d", "x"], "--device-id goes with --dev"),
        (["device", "simulate", "--dev", "-m", "x"], "--module-id needs --device-id"),
        (["hub", "query", "-q", "x", "--dev", "--login", "x"], "--dev knows the hub"),
        (["check", "--dev", "--hostname", "x"], "--dev is for the hub"),
        (["hub", "query", "-q", "x"], "for the hub of 'azmqtt hub --dev' --dev"),
    ],
)
def test_options_that_do_not_go_together(at_home, arguments, reason, capsys):
    assert main(arguments) == 2
    assert reason in capsys.readouterr().err
    assert not list(at_home.iterdir())


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="the XDG directories are for the others")
def test_the_directory_is_that_of_the_system(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for relative in ("", "state"):
        monkeypatch.setenv("XDG_STATE_HOME", relative)
        assert dev_state.directory() == tmp_path / ".local" / "state" / "azmqtt" / "dev"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "x"))
    assert dev_state.directory() == tmp_path / "x" / "azmqtt" / "dev"


def test_a_namespace(at_home, capsys):
    ports = ["--port", "0", "--https-port", "0"]
    with running(at_home, "namespace", *ports) as first:
        assert main(["namespace", "client", "create", "--dev", "-n", "stays", "--authentication-name", "stays"]) == 0
        capsys.readouterr()
    with running(at_home, "namespace") as second:
        same = ("port", "https_port", "management_url", "ca_file", "resource_id")
        assert {name: second[name] for name in same} == {name: first[name] for name in same}
        assert main(["namespace", "client", "list", "--dev"]) == 0
        assert [client["name"] for client in json.loads(capsys.readouterr().out)] == ["stays"]


@pytest.mark.usefixtures("dev_hub")
def test_many_devices_are_simulated(capsys):
    options = ["--msg-count", "2", "--msg-interval", "0.2"]
    assert main(["device", "simulate", "--dev", "--devices", "5", "-d", "many", *options]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[-1] == {"event": "sent", "devices": 5, "messages": 10}
    query = "SELECT deviceId FROM devices WHERE STARTSWITH(deviceId, 'many-')"
    assert main(["hub", "query", "--dev", "-q", query]) == 0
    assert {found["deviceId"] for found in json.loads(capsys.readouterr().out)} == {f"many-{n}" for n in range(1, 6)}


def lines_to_paste(output):
    """The lines that the hub says another shell needs: what is indented below its headings, up to Python's."""
    text = output.partition("shell")[2].partition("Python")[0]
    return [line.strip() for line in re.findall(r"^  \S.*$", text, re.MULTILINE)]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize("options", [["--dev"], ["--device", "it's"]], ids=["dev", "keys"])
def test_what_it_says_can_be_pasted(tmp_path, options):
    if "--dev" not in options and not (shutil.which("jq") and shutil.which("mosquitto_pub")):
        pytest.skip("jq and mosquitto_pub are needed")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**environment(tmp_path), "PATH": path, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "azmqtt", "hub", *FREE_PORTS, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables) as hub:
        try:
            output = ""
            while "client = " not in output:
                line = hub.stdout.readline()
                assert line, hub.stderr.read()
                output += line
            pasted = lines_to_paste(output)
            assert any(line.startswith("azmqtt device send-d2c-message") for line in pasted)
            # That one would go on until Ctrl-C.
            monitor = "azmqtt hub monitor-events --dev"
            pasted = [f"{line} --since 0 --count 1" if line == monitor else line for line in pasted]
            done = subprocess.run(
                [shutil.which("bash"), "-eu"],
                input="\n".join(pasted),
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
                env=variables,
            )
        finally:
            hub.terminate()
    assert (done.returncode, done.stderr) == (0, "")
    device = "my-device" if "--dev" in options else "it's"
    assert f'{{"device_id": "{device}", "bytes": 21}}' in done.stdout
    assert ('"body": {"temperature": 21.5}' in done.stdout) == ("--dev" in options)
