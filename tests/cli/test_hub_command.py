"""`azmqtt hub` as other programs use it."""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

import azmqtt
from azmqtt._rest.service import ServiceApi
from azmqtt._support.connection_string import parts

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"


@contextmanager
def running(*arguments):
    """The command, and what its line of JSON says."""
    command = [sys.executable, "-W", "error", "-m", "azmqtt", "hub", "--port", "0", "--json", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.terminate()


def test_the_line_is_the_contract_of_the_page():
    text = PAGE.read_text(encoding="utf-8")
    promised = dict(re.findall(r"^\| `(\w+)` \| (string|number|array)", text, re.MULTILINE))
    kinds = {"string": str, "number": int, "array": list}
    with running("--service-port", "0", "--websocket-port", "0", "--provisioning-port", "0") as (_, ready):
        assert {name: type(value) for name, value in ready.items()} == {
            name: kinds[kind] for name, kind in promised.items()
        }
        service = f"HostName=localhost:{ready['service_port']};SharedAccessKeyName=iothubowner;SharedAccessKey="
        assert ready["service_connection_string"].startswith(service)
        assert ready["devices"][0]["device_id"] == "my-device"


def test_the_options_arrive():
    options = ["--hostname", "127.0.0.1", "--c2d-lock", "0.2", "--c2d-ttl", "60", "--c2d-max-delivery-count", "3"]
    with running(*options, "--keep-c2d", "--packets", "--device", "d") as (process, ready):
        assert ready["hostname"] == "127.0.0.1"
        text = ready["devices"][0]["connection_string"]
        with azmqtt.DeviceClient.from_connection_string(text, port=ready["port"], trust=ready["ca_file"]) as client:
            client.send_message("hello")
        # To the end of the connection; the pytest timeout bounds this.
        lines = [process.stderr.readline()]
        while "closed" not in lines[-1]:
            lines.append(process.stderr.readline())
        process.terminate()
        assert process.wait(10) == 0
    shown = [line.split(": ", 1)[1].split()[1] for line in lines]
    assert shown == ["CONNECT", "CONNACK", "PUBLISH", "PUBACK", "DISCONNECT", "closed:"]
    assert all(" d, connection 1: " in line for line in lines)
    assert text.rsplit("SharedAccessKey=", 1)[1] not in "".join(lines)


def test_feedback_comes_as_soon_as_the_option_says():
    with running("--c2d-feedback-interval", "0.1", "--device", "d") as (_, ready):
        hub = ServiceApi(parts(ready["service_connection_string"]), trust=ready["ca_file"])
        hub.request("POST", "/azmqtt/devices/d/messages/deviceBound", b"x", headers={"iothub-ack": "full"})
        hub.request("DELETE", "/devices/d/commands")
        deadline = time.monotonic() + 10
        while (batch := hub.request("GET", "/messages/serviceBound/feedback")[0]) is None:
            assert time.monotonic() < deadline, "before the 15 s that it takes by default"
            time.sleep(0.02)
        assert [record["deviceId"] for record in batch] == ["d"]


@pytest.mark.parametrize(
    ("options", "error"),
    [((), azmqtt.ConnectionFailed), (("--disabled-return-code", "5"), azmqtt.AuthenticationFailed)],
)
def test_what_a_disabled_device_is_told(options, error):
    with running(*options, "--device", "d", "--service-port", "0") as (_, ready):
        key = ready["service_connection_string"].partition("SharedAccessKey=")[2]
        url = f"https://localhost:{ready['service_port']}/devices/d?api-version=2021-04-12"
        token = azmqtt.sas.generate("localhost", key, policy="iothubowner")
        headers = {"Authorization": token, "If-Match": '"*"', "Content-Type": "application/json"}
        roots = ssl.create_default_context(cafile=ready["ca_file"])
        request = urllib.request.Request(url, headers={"Authorization": token})
        with urllib.request.urlopen(request, context=roots, timeout=10) as answer:  # noqa: S310 - https, above
            identity = json.load(answer)
        # Without its keys it would get new ones.
        body = json.dumps({**identity, "status": "disabled"}).encode()
        request = urllib.request.Request(url, body, headers, method="PUT")
        urllib.request.urlopen(request, context=roots, timeout=10).close()  # noqa: S310 - https, above
        text = ready["devices"][0]["connection_string"]
        with azmqtt.DeviceClient.from_connection_string(text, port=ready["port"], trust=ready["ca_file"]) as client:
            with pytest.raises(error) as raised:
                client.connect()
            assert type(raised.value) is error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--c2d-lock", "0"], "0 is not a number of seconds: more than 0, at most 31536000"),
        (["--c2d-lock", "99999999"], "99999999 is not a number of seconds: more than 0, at most 31536000"),
        (["--service-port", "x"], "x is not a port: 0 to 65535"),
        (["--c2d-max-delivery-count", "0"], "c2d_max_delivery_count must be from 1 to 100, not 0"),
        (["--hostname", "a b"], "host name"),
    ],
)
def test_options_out_of_range(arguments, message):
    command = [sys.executable, "-m", "azmqtt", "hub", "--port", "0", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode in {1, 2}
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_one_port_may_serve_devices_and_back_ends():
    with running() as (_, first):
        port = str(first["service_port"])
    with running("--service-port", port, "--websocket-port", port) as (_, ready):
        assert ready["service_port"] == ready["websocket_port"] == int(port)


@pytest.mark.skipif(
    not (shutil.which("jq") and shutil.which("mosquitto_pub")), reason="jq and mosquitto_pub are needed"
)
def test_the_shell_script_of_the_page(tmp_path):
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (script,) = [block for block in blocks if "mosquitto_pub" in block]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [shutil.which("bash"), "-c", f"set -eu\n{script}wait"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.timeout(360)
def test_the_node_program_of_the_page(tmp_path, node_sdk):
    (program,) = re.findall(r"```js\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    script = tmp_path / "page.js"
    script.write_text(program, encoding="utf-8")
    command, environment = node_sdk(script)
    environment = {**environment, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_state_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, "-m", "azmqtt", "hub", "--port", "0", "--state", tmp_path / "file"],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    expected = f"azmqtt hub: state must be a directory, and {tmp_path / 'file'} is a file\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)
