"""mosquitto_pub and mosquitto_sub, as they are installed, against the local hub.

``docs/interoperability.md`` has the table.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import azmqtt

PUB, SUB = shutil.which("mosquitto_pub"), shutil.which("mosquitto_sub")

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(None in (PUB, SUB), reason="there are no clients (apt-get install mosquitto-clients)"),
]

HELP = "" if PUB is None else subprocess.run([PUB, "--help"], capture_output=True, text=True, check=False).stdout


def connection(hub: azmqtt.LocalHub, device_id: str, *, port: int | None = None) -> list[str]:
    """The arguments that make a client the device."""
    key = hub.device(device_id).connection_string.rpartition("SharedAccessKey=")[2]
    return [
        *("-h", "localhost", "-p", str(port or hub.port), "--cafile", hub.ca_file, "-i", device_id),
        *("-u", f"localhost/{device_id}/?api-version=2021-04-12"),
        *("-P", azmqtt.sas.generate(f"localhost/devices/{device_id}", key)),
    ]


def run(command: list[str | None], **options: object) -> str:
    """Run a client to its end; return what it wrote."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, **options)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def test_telemetry(hub: azmqtt.LocalHub) -> None:
    """QoS 0 and 1, properties, RETAIN, and a line after the other over one connection."""
    device = hub.create_device().device_id
    who, events = connection(hub, device), f"devices/{device}/messages/events/"
    run([PUB, *who, "-t", events, "-m", "zero", "-q", "0"])
    run([PUB, *who, "-t", events + "$.ct=application%2Fjson&$.ce=utf-8&k=a%20b", "-m", '{"t": 1}', "-q", "1", "-r"])
    lines = "".join(f"{number}\n" for number in range(500))
    run([PUB, *who, "-t", events, "-l", "-q", "1"], input=lines)
    zero, one, *rest = hub.wait_for_telemetry(device, 502)
    assert (zero.text, zero.properties) == ("zero", {})
    assert (one.json(), one.properties) == ({"t": 1}, {"k": "a b", "mqtt-retain": "True"})
    assert one.system_properties.items() >= {"content-type": "application/json", "content-encoding": "utf-8"}.items()
    assert [message.text for message in rest] == [str(number) for number in range(500)]


def test_cloud_messages(hub: azmqtt.LocalHub) -> None:
    """Those that wait, and one at QoS 0."""
    device = hub.create_device().device_id
    c2d = f"devices/{device}/messages/devicebound/#"
    for number in range(3):
        hub.send_c2d(device, str(number), {"n": f"{number}/"}, message_id=f"m-{number}")
    # -c keeps the session: a clean one would empty the queue.
    out = run([SUB, *connection(hub, device), "-c", "-t", c2d, "-q", "1", "-C", "3", "-F", "%q %p %t"])
    to = f"%24.to=%2Fdevices%2F{device}%2Fmessages%2FdeviceBound"
    prefix = f"devices/{device}/messages/devicebound/"
    assert out.splitlines() == [f"1 {n} {prefix}%24.mid=m-{n}&{to}&n={n}%2F" for n in range(3)]
    other = hub.create_device().device_id
    hub.send_c2d(other, "at once")
    command = [SUB, *connection(hub, other), "-c", "-t", f"devices/{other}/messages/devicebound/#", "-q", "0"]
    assert run([*command, "-C", "1"]) == "at once\n"
    # Nothing acknowledges QoS 0: what is sent is done.
    assert hub.pending_c2d(other) == 0


def test_twin(hub: azmqtt.LocalHub) -> None:
    """A patch, and a read.

    A device has one connection, so that the two commands take turns: the answer waits in the session that they share.
    """
    device = hub.create_device().device_id
    who = [*connection(hub, device), "-c", "-q", "1"]
    subscribe = [SUB, *who, "-t", "$iothub/twin/res/#"]
    run([*subscribe, "-E"])
    run([PUB, *who, "-t", "$iothub/twin/PATCH/properties/reported/?$rid=1", "-m", '{"a": {"b": 1}}'])
    assert hub.twin(device)["properties"]["reported"]["a"] == {"b": 1}
    for _ in range(5):
        # At QoS 0 it sends DISCONNECT right behind the question. If the answer overtakes that, it has taken it.
        run([PUB, *who, "-q", "0", "-t", "$iothub/twin/GET/?$rid=g1", "-n"])
        hub.wait_for_connection(device, connected=False)
        command = [*subscribe, "-F", "%t %p", "-W", "5", "-C", "1"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        topic, _, body = done.stdout.partition(" ")
        if topic == "$iothub/twin/res/200/?$rid=g1":
            break
    assert json.loads(body) == {"desired": {"$version": 1}, "reported": {"a": {"b": 1}, "$version": 2}}


def test_will(hub: azmqtt.LocalHub) -> None:
    """A client that is killed leaves it."""
    device = hub.create_device().device_id
    will = ["--will-topic", f"devices/{device}/messages/events/why=killed", "--will-payload", "gone", "--will-qos", "1"]
    command = [SUB, *connection(hub, device), "-t", "$iothub/methods/POST/#", *will, "--will-retain"]
    with subprocess.Popen(command) as process:
        try:
            hub.wait_for_connection(device)
        finally:
            process.kill()
    (message,) = hub.wait_for_telemetry(device)
    expected = {"why": "killed", "iothub-MessageType": "Will", "mqtt-retain": "True"}
    assert (message.text, message.properties) == ("gone", expected)


def test_certificates(hub: azmqtt.LocalHub, tmp_path: Path) -> None:
    """A certificate in the place of the password; another device's is refused."""
    by_authority, by_thumbprint = hub.create_certificate("m-ca"), hub.create_certificate("m-thumb", self_signed=True)
    hub.create_device("m-ca", ca=True)
    hub.create_device("m-thumb", x509_thumbprint=by_thumbprint.thumbprint)
    for device, made, code in (("m-ca", by_authority, 0), ("m-thumb", by_thumbprint, 0), ("m-thumb", by_authority, 5)):
        certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
        certificate.write_text(made.certificate)
        key.write_text(made.private_key)
        who = ["-h", "localhost", "-p", str(hub.port), "--cafile", hub.ca_file, "-i", device]
        who += ["-u", f"localhost/{device}/?api-version=2021-04-12", "--cert", str(certificate), "--key", str(key)]
        done = subprocess.run(
            [PUB, *who, "-t", f"devices/{device}/messages/events/", "-m", "x", "-q", "1"],
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == code, done
    assert hub.wait_for_telemetry("m-ca")[0].text == hub.wait_for_telemetry("m-thumb")[0].text == "x"


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (["-P", "SharedAccessSignature sr=a&sig=b&se=1"], 5, "not authorised"),
        (["-i", "another"], 5, "not authorised"),
        # Another name of the protocol, and an older version.
        (["-V", "mqttv31"], 1, "unacceptable protocol version"),
        # CONNACK 1, which this client cannot read and yet knows what it means.
        (["-V", "mqttv5"], 132, "use MQTT v3.x mode"),
    ],
)
def test_refusals(hub: azmqtt.LocalHub, change: list[str], code: int, words: str) -> None:
    """What the client says of the CONNACK."""
    device = hub.create_device().device_id
    # The last one of an option counts.
    command = [PUB, *connection(hub, device), *change, "-t", f"devices/{device}/messages/events/", "-m", "x"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == code, done
    assert words in done.stderr, done


@pytest.mark.skipif("--ws" not in HELP, reason="this mosquitto_pub has no --ws, which came with version 2.1")
def test_websockets(hub: azmqtt.LocalHub) -> None:
    """The same on the other port."""
    device = hub.create_device().device_id
    who = connection(hub, device, port=hub.websocket_port)
    ws = ["--ws", "--ws-path", "/$iothub/websocket"]
    run([PUB, *who, *ws, "-t", f"devices/{device}/messages/events/", "-m", "x", "-q", "1"])
    assert hub.wait_for_telemetry(device)[0].text == "x"
