"""Other clients of MQTT against the local namespace, unmodified.

``docs/interoperability.md`` has the table. Each client runs once, with all that it can do; the tests look at what
came of it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import azmqtt
import environments

HERE = Path(__file__).parent / "clients"
NODE, NPM = shutil.which("node"), shutil.which("npm")
PUB, SUB = shutil.which("mosquitto_pub"), shutil.which("mosquitto_sub")

pytestmark = pytest.mark.timeout(400)

#: Not authorized, and what MQTT 3.1.1 has for it in SUBACK.
DENIED, DENIED_311 = 0x87, 0x80

Say = Callable[[str], dict[str, Any]]


@contextmanager
def contoso() -> Iterator[azmqtt.LocalNamespace]:
    """A namespace on which everybody may do everything under ``contoso/``."""
    with azmqtt.LocalNamespace() as namespace:
        namespace.create_topic_space("ContosoTopicSpace", ["contoso/#"])
        for permission in ("Publisher", "Subscriber"):
            name = f"contoso{permission.lower()}binding"
            namespace.create_permission_binding(name, topic_space_name="ContosoTopicSpace", permission=permission)
        yield namespace


def shown(namespace: azmqtt.LocalNamespace, name: str, home: Path) -> dict[str, str]:
    """Make a client; return its id and the files that it connects with."""
    certificate = namespace.create_client(name).certificate
    assert certificate is not None
    files = {"certificate": home / f"{name}.pem", "key": home / f"{name}-key.pem"}
    files["certificate"].write_text(certificate.certificate)
    files["key"].write_text(certificate.private_key)
    return {"id": name, **{what: str(path) for what, path in files.items()}}


@pytest.fixture(scope="module")
def say(tmp_path_factory: pytest.TempPathFactory) -> Say:
    """Run a client, such as ``paho-5``, once; return what it has to say."""
    home, known = tmp_path_factory.mktemp("clients"), {}

    def run(client: str, namespace: azmqtt.LocalNamespace) -> dict[str, Any]:
        name, _, kind = client.partition("-")
        given = {
            "host": "localhost",
            "port": namespace.port,
            "https_port": namespace.https_port,
            "ca": str(namespace.ca_file),
            "version": 4 if kind == "311" else 5,
            "transport": "websockets" if kind == "ws" else "tcp",
            "clients": [shown(namespace, f"{client}-{number}", home) for number in (1, 2)],
        }
        options: dict[str, Any] = {}
        if name == "mqtt.js":
            if NODE is None or NPM is None:
                pytest.skip("there is no Node")
            modules = environments.node_modules(NPM, "namespace/clients", "node-mqtt")
            options["env"] = {**os.environ, "NODE_PATH": str(modules)}
            command: list[Any] = [NODE, HERE / "client_mqtt.js"]
        elif name == "azmqtt":
            command = [sys.executable, HERE / "client_azmqtt.py"]
        else:
            command = [environments.mqtt_clients(), HERE / f"client_{name}.py"]
        done = subprocess.run(
            [*command, json.dumps(given)], capture_output=True, text=True, timeout=120, check=False, **options
        )
        assert done.returncode == 0, (done.stderr, namespace.last_refusal)
        return json.loads(done.stdout)

    def remember(client: str) -> dict[str, Any]:
        if client not in known:
            with contoso() as namespace:
                known[client] = run(client, namespace)
        return known[client]

    return remember


def clients(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("client", names)


PYTHON = ("paho-5", "paho-311", "paho-ws", "aiomqtt-5", "aiomqtt-311", "aiomqtt-ws", "gmqtt-5", "gmqtt-311", "awscrt-5")
OURS = ("azmqtt-5", "azmqtt-311", "azmqtt-ws")
JS = ("mqtt.js-5", "mqtt.js-311", "mqtt.js-ws")
ALL = (*PYTHON, *OURS, *JS)
MQTT_5 = tuple(client for client in ALL if not client.endswith("311"))


@clients(*ALL)
def test_messages(say: Say, client: str) -> None:
    """X.509, SUBSCRIBE, and messages at QoS 0 and 1."""
    assert say(client)["received"] == ["zero", "one", 1]
    assert say(client).get("connected", [0, 0]) == [0, 0]
    assert say(client).get("subscribed", [1]) == [1]
    assert say(client).get("published", 0) == 0


@clients(*MQTT_5)
def test_properties(say: Say, client: str) -> None:
    """What a message of MQTT 5 carries besides its body."""
    expected = {
        "paho": ["text/plain", "contoso/answer", "01", [["a", "b"]]],
        "aiomqtt": [["a", "b"]],
        "gmqtt": [["a", "b"]],
        "awscrt": ["text/plain", ["a", "b"]],
        "azmqtt": ["text/plain", [["a", "b"]]],
        "mqtt.js": ["text/plain", {"a": "b"}],
    }
    assert say(client)["properties"] == expected[client.partition("-")[0]]


@clients(*ALL)
def test_retained_messages(say: Say, client: str) -> None:
    """A subscription gets what is kept, with the flag."""
    assert say(client)["retained"] == [*({"paho": ["kept"]}.get(client.partition("-")[0], ["one"])), True]


@clients(*ALL)
def test_a_denied_subscription(say: Say, client: str) -> None:
    """SUBACK says so, in the code of each version."""
    code = DENIED_311 if client.endswith("311") else DENIED
    said = say(client)["denied_subscribe"]
    assert said in ([code], code)


# aiomqtt and gmqtt do not tell what is in PUBACK.
@clients(*(client for client in ALL if client not in {"aiomqtt-5", "aiomqtt-ws", "gmqtt-5"}))
def test_a_denied_message(say: Say, client: str) -> None:
    """PUBACK says so in MQTT 5; in 3.1.1 the connection ends."""
    assert say(client)["denied_publish"] == ("closed" if client.endswith("311") else DENIED)


@clients(*MQTT_5)
def test_a_shared_subscription(say: Say, client: str) -> None:
    """Granted in MQTT 5."""
    assert say(client)["shared"] == [1]


@clients(*ALL)
def test_a_session_that_is_kept(say: Say, client: str) -> None:
    """It waits for its client, and so do its messages."""
    assert say(client)["session"] == [True, "meanwhile"]


@clients(*ALL)
def test_a_will(say: Say, client: str) -> None:
    """Published for a client that goes without a word."""
    assert say(client)["will"] == "gone"


@pytest.mark.skipif(None in (PUB, SUB), reason="there are no clients (apt-get install mosquitto-clients)")
@pytest.mark.parametrize("version", ["5", "311"])
def test_mosquitto(tmp_path: Path, version: str) -> None:
    """mosquitto_pub and mosquitto_sub: messages, kept ones, sessions, both refusals; what MQTT 5 adds."""
    with contoso() as namespace:
        _mosquitto(namespace, tmp_path, version)


def _mosquitto(namespace: azmqtt.LocalNamespace, tmp_path: Path, version: str) -> None:
    options = {}
    for name in (f"pub-{version}", f"sub-{version}"):
        who = shown(namespace, name, tmp_path)
        options[name[:3]] = [
            *(
                "-h",
                "localhost",
                "-p",
                str(namespace.port),
                "--cafile",
                str(namespace.ca_file),
                "-V",
                f"mqttv{version}",
            ),
            *("-i", who["id"], "--cert", who["certificate"], "--key", who["key"], "-q", "1"),
        ]

    def run(program: str | None, *more: str) -> subprocess.CompletedProcess[str]:
        who = options["pub" if program == PUB else "sub"]
        return subprocess.run([program, *who, *more], capture_output=True, text=True, timeout=30, check=False)

    topic = f"contoso/mosquitto/{version}"
    kept = run(PUB, "-t", topic, "-m", "kept", "-r")
    assert (kept.returncode, kept.stderr) == (0, "")
    assert run(SUB, "-t", "contoso/mosquitto/#", "-C", "1", "-F", "%r %t %p").stdout == f"1 {topic} kept\n"
    assert run(PUB, "-t", topic, "-n", "-r").returncode == 0
    denied = run(SUB, "-t", "elsewhere/#", "-C", "1", "-W", "5")
    assert "denied" in denied.stderr or "All subscription requests were denied" in denied.stderr, denied
    # With its session kept, it comes back to what was published meanwhile.
    session = ["-c", "-t", topic, *(["-x", "60"] if version == "5" else [])]
    assert run(SUB, *session, "-E").returncode == 0
    assert run(PUB, "-t", topic, "-m", "meanwhile").returncode == 0
    assert run(SUB, *session, "-C", "1").stdout == "meanwhile\n"
    assert run(SUB, "-t", topic, "-E", *(["-x", "0"] if version == "5" else [])).returncode == 0
    if version == "5":
        properties = ["-D", "publish", "content-type", "text/plain", "-D", "publish", "user-property", "a", "b"]
        assert run(PUB, "-t", topic, "-m", "kept", "-r", *properties).returncode == 0
        assert run(SUB, "-t", topic, "-C", "1", "-F", "%C %P").stdout == "text/plain a:b\n"
        assert run(SUB, "-t", f"$share/group/{topic}", "-E").returncode == 0
        # In MQTT 3.1.1 the connection ends without a word, which mosquitto_pub takes for a reason to connect again.
        denied = run(PUB, "-t", "elsewhere/1", "-m", "x")
        assert "Not authorized" in denied.stderr + denied.stdout, denied
