"""`azmqtt check` against brokers other than IoT Hub: Mosquitto, and scripted ones, over TLS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

import mqtt5
from azmqtt._cli.main import main
from mosquitto import MOSQUITTO, Mosquitto, needs_mosquitto
from mqtt5 import CONNECT
from scripted_broker import BrokerLink, Manners, ScriptedBroker

#: 2100.
LATE = 4_102_444_800


def run(*arguments: object, **environment: object) -> tuple[int, str, str]:
    """Run the check to its end: its exit code, what it printed, what it complained of."""
    names = ("IOTHUB_", "AZMQTT_", "AIO_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "azmqtt", "check", *map(str, arguments)],
        env=clean | {name: str(value) for name, value in environment.items()},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def report(out: str) -> dict[str, dict]:
    """The steps of a report in JSON, by name; facts by name, too."""
    steps = json.loads(out)["steps"]
    return {step["step"]: {**step, "facts": {fact["name"]: fact["value"] for fact in step["facts"]}} for step in steps}


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    if MOSQUITTO is None:
        pytest.skip("there is no mosquitto (apt-get install mosquitto)")
    with Mosquitto(tmp_path_factory.mktemp("mosquitto"), password=True) as broker:
        yield broker


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[Callable[..., list[object]]]:
    """Run a broker; the options that lead to it."""
    brokers: list[ScriptedBroker] = []

    def make(*scripts: Callable[..., object]) -> list[object]:
        # A look at the port, and two handshakes: what the server shows, and whether it is good.
        broker = ScriptedBroker(tmp_path, Looks(*scripts))
        brokers.append(broker)
        broker.__enter__()
        return ["--hostname", "localhost", "--port", broker.port, "--trust", broker.ca_file, "-o", "json"]

    yield make
    for broker in brokers:
        broker.__exit__()


class Looks:
    """Leaves connections on which nothing is said to themselves, and the others to one script each."""

    def __init__(self, *scripts: Callable[..., object]) -> None:
        self._scripts = list(scripts)

    async def __call__(self, link: BrokerLink) -> None:
        # The end of the stream ends the script.
        connect = await link.next()
        assert connect.kind == CONNECT
        await self._scripts.pop(0)(link, connect)


def answer(packet: bytes) -> Callable[..., object]:
    """A script that answers CONNECT, and waits for the end."""

    async def script(link: BrokerLink, _: mqtt5.Packet) -> None:
        await link.send(packet)
        await link.hang()

    return script


def token(**claims: object) -> str:
    """A token that nobody has signed."""
    parts = [urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "RS256"}, claims)]
    return ".".join([*parts, "c2VjcmV0"])


@needs_mosquitto
@pytest.mark.parametrize("protocol", [5, 4])
def test_a_broker_that_accepts(mosquitto, protocol):
    where = ["--hostname", "localhost", "--port", mosquitto.tls_port, "--trust", mosquitto.ca_file]
    arguments = [*where, "--client-id", "one", "--username", "user", "--protocol", protocol]
    code, out, err = run(*arguments, "-o", "json", AZMQTT_PASSWORD="secret")
    assert (code, err) == (0, "")
    steps = report(out)
    assert list(steps) == ["DNS", "TCP", "TLS", "MQTT CONNECT"]
    assert steps["TLS"]["facts"]["hosts"] == "localhost"
    announced = steps["MQTT CONNECT"]["facts"]
    assert announced["session"] == "a new one"
    if protocol == 5:
        assert (announced["maximum QoS"], announced["maximum packet size"]) == ("2", "20000000 bytes")
        assert announced["session expiry"] == "3600 s"
    # The session is gone again.
    code, out, _ = run(*arguments, "-o", "json", AZMQTT_PASSWORD="secret")
    assert report(out)["MQTT CONNECT"]["facts"]["session"] == "a new one"
    code, out, err = run(*arguments, AZMQTT_PASSWORD="secret")
    assert (code, err) == (0, "")
    assert "maximum QoS: 2" in out or protocol == 4


@needs_mosquitto
@pytest.mark.parametrize("protocol", [5, 4])
def test_a_wrong_password(mosquitto, tmp_path, protocol):
    (tmp_path / "password").write_text("wrong-secret\n")
    where = ["--hostname", "localhost", "--port", mosquitto.tls_port, "--trust", mosquitto.ca_file]
    options = ["--client-id", "one", "--username", "user", "--password-file", tmp_path / "password"]
    code, out, err = run(*where, *options, "--protocol", protocol)
    assert (code, err) == (1, "azmqtt: the connection fails at MQTT CONNECT\n")
    assert "Not authorized (0x87)" in out
    assert "-> check user name, password" in out
    assert "wrong-secret" not in out


@needs_mosquitto
def test_a_certificate_beside_its_name(mosquitto):
    where = ["--hostname", "localhost", "--port", mosquitto.mutual_port, "--trust", mosquitto.ca_file, "-o", "json"]
    code, out, err = run(*where)
    assert (code, err) == (1, "azmqtt: the connection fails at TLS\n")
    assert "pass --certificate" in json.loads(out)["steps"][-1]["advice"]
    options = ["--certificate", mosquitto.client_cert, "--private-key", mosquitto.client_key, "--username", "CLIENT"]
    code, out, err = run(*where, *options)
    facts = report(out)["credentials"]["facts"]
    assert facts["validation"].startswith("for CLIENT: DnsMatchesAuthenticationName match;")
    assert (facts["DNS"], len(facts["thumbprint"])) == ("client", 64)
    assert code == 1
    code, out, err = run(*where, *options, "--username", "user", AZMQTT_PASSWORD="secret")
    assert (code, err) == (0, "")
    assert "no field is it" in report(out)["credentials"]["facts"]["validation"]


@needs_mosquitto
def test_without_tls_and_over_a_websocket(mosquitto):
    user = ["--username", "user", "-o", "json"]
    options = ["--hostname", "localhost", "--port", mosquitto.port, "--no-tls", *user]
    code, out, err = run(*options, AZMQTT_PASSWORD="secret")
    assert (code, err) == (0, "")
    assert list(report(out)) == ["DNS", "TCP", "MQTT CONNECT"]
    assert "assigned client id" in report(out)["MQTT CONNECT"]["facts"]
    options = [
        "--hostname",
        "localhost",
        "--port",
        mosquitto.wss_port,
        "--trust",
        mosquitto.ca_file,
        "--websocket",
        *user,
    ]
    code, out, err = run(*options, AZMQTT_PASSWORD="secret")
    assert (code, err) == (0, "")


@needs_mosquitto
def test_the_environment_of_iot_operations(mosquitto, tmp_path):
    (tmp_path / "password").write_text("secret\n")
    environment = {
        "AIO_BROKER_HOSTNAME": "localhost",
        "AIO_BROKER_TCP_PORT": mosquitto.tls_port,
        "AIO_TLS_CA_FILE": mosquitto.ca_file,
        "AIO_MQTT_CLIENT_ID": "one",
        "AIO_MQTT_USERNAME": "user",
        "AIO_MQTT_PASSWORD_FILE": tmp_path / "password",
    }
    code, out, err = run("--environment", **environment)
    assert (code, err) == (0, "")
    assert 'localhost accepted "one"' in out
    code, _, err = run("--environment", "--port", 1, **environment)
    assert (code, err) == (1, "azmqtt: the connection fails at TCP\n")
    code, _, err = run("--environment")
    assert (code, "AIO_BROKER_HOSTNAME" in err) == (2, True)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (0x83, "a part of the CONNECT"),
        (0x84, "--protocol 4"),
        (0x86, "user name, password"),
        (0x87, "the client's permissions on the broker"),
        (0x88, "try again later"),
        (0x8C, "--method"),
    ],
)
def test_refusals_of_mqtt_5(scripted, code, expected):
    where = scripted(answer(mqtt5.connack(code, reason_string="the client is disabled")))
    returned, out, err = run(*where, "--client-id", "one")
    assert (returned, err) == (1, "azmqtt: the connection fails at MQTT CONNECT\n")
    failed = report(out)["MQTT CONNECT"]
    assert f"(0x{code:02X})" in failed["detail"]
    assert "the client is disabled" in failed["detail"]
    assert expected in failed["advice"]


def test_a_server_that_moved(scripted):
    where = scripted(answer(mqtt5.connack(0x9D, server_reference="other.example")))
    _, out, _ = run(*where)
    failed = report(out)["MQTT CONNECT"]
    assert "other.example" in failed["detail"]
    assert "--hostname" in failed["advice"]


def test_a_token_for_somebody_else(scripted, tmp_path):
    text = token(iss="https://sts.windows.net/0f0/", aud="https://management.azure.com/", sub="s", exp=LATE)
    (tmp_path / "token").write_text(text + "\n")
    seen: list[mqtt5.Packet] = []

    async def refuse(link: BrokerLink, connect: mqtt5.Packet) -> None:
        seen.append(connect)
        await link.send(mqtt5.connack(0x87))
        await link.hang()

    where = scripted(refuse)
    code, out, _ = run(*where, "--client-id", "one", "--token-file", tmp_path / "token", "--method", "OAUTH2-JWT")
    assert code == 1
    assert dict(seen[0].properties)["authentication_data"] == text.encode()
    steps = report(out)
    facts = steps["credentials"]["facts"]
    assert (facts["method"], facts["audience"]) == ("OAUTH2-JWT", "https://management.azure.com/")
    assert steps["credentials"]["ok"]
    for step in ("credentials", "MQTT CONNECT"):
        assert "https://eventgrid.azure.net/.default" in steps[step]["advice"]
    assert not any(part in out for part in text.split("."))


def test_a_token_that_is_over(scripted, tmp_path):
    (tmp_path / "token").write_text(token(sub="system:serviceaccount:default:app", aud=["aio-internal"], exp=1000))
    code, out, err = run(*scripted(), "--token-file", tmp_path / "token", "--method", "K8S-SAT")
    assert (code, err) == (1, "azmqtt: the connection fails at credentials\n")
    assert "expired at 1970-01-01T00:16:40Z" in report(out)["credentials"]["detail"]


def test_what_waits_in_a_session_stays_there(scripted):
    left: list[mqtt5.Packet] = []

    async def deliver(link: BrokerLink, _: mqtt5.Packet) -> None:
        await link.send(mqtt5.connack(0, session_present=True) + mqtt5.publish("t", b"x", qos=1))
        left.append(await link.next())

    code, out, _ = run(*scripted(deliver), "--client-id", "one")
    assert code == 0
    assert report(out)["MQTT CONNECT"]["facts"]["session"] == "the one of before"
    assert [packet.kind for packet in left] == [mqtt5.DISCONNECT]
    assert "session_expiry" not in dict(left[0].properties)


def test_the_host_of_a_namespace_for_http(tmp_path):
    host = "ns.westeurope-1.eventgrid.azure.net"
    # The name is not looked up, as a proxy's would be; and it is not there.
    code, out, _ = run("--hostname", host, "--proxy", "http://127.0.0.1:1", "-o", "json")
    assert code == 1
    assert "ns.westeurope-1.ts.eventgrid.azure.net" in json.loads(out)["steps"][-1]["advice"]


def test_a_certificate_for_another_host(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with ScriptedBroker(tmp_path, Manners()) as broker:
        where = ["--hostname", "127.0.0.1", "--port", broker.port, "--trust", broker.ca_file]
        code, out, err = run(*where)
    assert (code, err) == (1, "azmqtt: the connection fails at TLS\n")
    assert "hosts: localhost" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--client-id", "one"],
        ["--hostname", "h", "-l", "HostName=h;DeviceId=d;SharedAccessKey=a2V5"],
        ["--hostname", "h", "--token-file", "/dev/null"],
        ["--hostname", "h", "--method", "K8S-SAT"],
        ["--hostname", "h", "--token-file", "/dev/null", "--method", "K8S-SAT"],
        ["--hostname", "h", "--protocol", "3"],
        ["--hostname", "h h"],
        ["--hostname", "h", "--path", "x", "--websocket"],
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments, capsys):
    try:
        code = main(["check", *arguments])
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert capsys.readouterr().err


def test_a_token_is_for_mqtt_5(tmp_path, capsys):
    (tmp_path / "token").write_text(token(sub="s"))
    options = ["--token-file", str(tmp_path / "token"), "--method", "K8S-SAT", "--protocol", "4"]
    assert main(["check", "--hostname", "h", *options]) == 2
    assert "MQTT 5" in capsys.readouterr().err


@needs_mosquitto
def test_tls_where_there_is_none_and_the_reverse(mosquitto):
    where = ["--hostname", "localhost", "--client-id", "one", "-o", "json"]
    code, out, err = run(*where, "--port", mosquitto.port)
    assert (code, err) == (1, "azmqtt: the connection fails at TLS\n")
    assert "pass --no-tls" in report(out)["TLS"]["advice"]
    for protocol in (5, 4):
        code, out, err = run(*where, "--port", mosquitto.tls_port, "--no-tls", "--protocol", protocol)
        assert (code, err) == (1, "azmqtt: the connection fails at MQTT CONNECT\n")
        assert "omit --no-tls" in report(out)["MQTT CONNECT"]["advice"]
