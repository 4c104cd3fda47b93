"""The drop-in's arguments, values and errors, without a broker."""

from __future__ import annotations

import gc
import re
import ssl
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

import azmqtt.paho
import azmqtt.paho.client as mqtt
from azmqtt.paho import enums, reasoncodes
from azmqtt.paho._topics import Filters, _match

V1, V2 = mqtt.CallbackAPIVersion.VERSION1, mqtt.CallbackAPIVersion.VERSION2


@pytest.mark.parametrize(
    ("args", "kwargs", "version", "client_id"),
    [
        ((), {}, V1, ""),
        (("id",), {}, V1, "id"),
        ((b"id",), {}, V1, "id"),
        ((None,), {}, V1, ""),
        (("id", False, "ud", mqtt.MQTTv311, "tcp", True), {}, V1, "id"),
        ((), {"client_id": "id", "protocol": 4}, V1, "id"),
        ((V1, "id"), {}, V1, "id"),
        ((V2, "id", False, "ud", mqtt.MQTTv311, "websockets", False, True), {}, V2, "id"),
        ((V2,), {"client_id": "id"}, V2, "id"),
        (("id",), {"callback_api_version": V2}, V2, "id"),
    ],
)
def test_constructors(args: tuple[Any, ...], kwargs: dict[str, Any], version: Any, client_id: str):
    client = mqtt.Client(*args, **kwargs)
    assert client.callback_api_version is version
    assert client._client_id == client_id
    if "ud" in args:
        assert client.user_data_get() == "ud"


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "text"),
    [
        ((), {"protocol": mqtt.MQTTv5}, NotImplementedError, "MQTT 5"),
        ((), {"protocol": 2}, ValueError, "MQTTv311 or MQTTv31"),
        ((), {"transport": "serial"}, ValueError, "transport"),
        ((), {"clean_session": False}, ValueError, "client_id"),
        ((), {"nonsense": 1}, TypeError, "nonsense"),
        (("id",), {"client_id": "id"}, TypeError, "client_id"),
        ((), {"callback_api_version": 2}, TypeError, "callback_api_version"),
        ((1,) * 9, {}, TypeError, "at most"),
    ],
)
def test_constructors_refuse(args: tuple[Any, ...], kwargs: dict[str, Any], error: type[Exception], text: str):
    with pytest.raises(error, match=text):
        mqtt.Client(*args, **kwargs)


#: What is not supported, and says so when it is asked for.
UNSUPPORTED: dict[str, Any] = {
    "publish at QoS 2": lambda c: c.publish("a", "", 2),
    "subscribe at QoS 2": lambda c: c.subscribe("a", 2),
    "subscribe to pairs at QoS 2": lambda c: c.subscribe([("a", 2)]),
    "will at QoS 2": lambda c: c.will_set("a", "", 2),
    "publish with properties": lambda c: c.publish("a", properties=object()),
    "subscribe with properties": lambda c: c.subscribe("a", properties=object()),
    "subscribe with options": lambda c: c.subscribe("a", options=object()),
    "unsubscribe with properties": lambda c: c.unsubscribe("a", properties=object()),
    "disconnect with a reason": lambda c: c.disconnect(reasoncode=object()),
    "connect with properties": lambda c: c.connect("localhost", properties=object()),
    "bind_address": lambda c: c.connect("localhost", bind_address="127.0.0.1"),
    "ciphers": lambda c: c.tls_set(ciphers="ALL"),
    "TLS on a Unix socket": lambda c: (setattr(c, "transport", "unix"), c.tls_set(), c.connect("broker")),
    "SOCKS4": lambda c: c.proxy_set(proxy_type=1, proxy_addr="proxy"),
    "proxy_rdns": lambda c: c.proxy_set(proxy_type=2, proxy_addr="proxy", proxy_rdns=False),
    "connect_srv": lambda c: c.connect_srv("example.com"),
    "bridge mode": lambda c: c.enable_bridge_mode(),
    "socket": lambda c: c.socket(),
    "want_write": lambda c: c.want_write(),
    "loop_read": lambda c: c.loop_read(),
    "loop_write": lambda c: c.loop_write(),
    "loop_misc": lambda c: c.loop_misc(),
    "on_socket_open": lambda c: setattr(c, "on_socket_open", print),
    "socket_open_callback": lambda c: c.socket_open_callback(),
}


@pytest.mark.parametrize("what", UNSUPPORTED)
def test_what_is_not_supported_says_so_at_the_call(what: str):
    with pytest.raises(NotImplementedError, match=r"not supported|cannot be chosen|always|belongs|without TLS"):
        UNSUPPORTED[what](mqtt.Client())


def test_tls_settings(tmp_path: Path):
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("rubbish")
    client = mqtt.Client()
    with pytest.raises(ValueError, match="tls_set"):
        client.tls_insecure_set(value=True)
    with pytest.raises(FileNotFoundError):
        client.tls_set(str(tmp_path / "none.pem"))
    with pytest.raises(ValueError, match="ca_certs: it contains no certificate"):
        client.tls_set(str(rubbish))
    with pytest.raises(ValueError, match=r"TLS 1\.2"):
        client.tls_set(str(ca_file), tls_version=ssl.PROTOCOL_TLSv1_1)
    with pytest.raises(ValueError, match="certfile"):
        client.tls_set(keyfile=str(rubbish))
    empty = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(ValueError, match="the roots of this one cannot be read"):
        client.tls_set_context(empty)
    empty.load_verify_locations(ca_file)
    empty.minimum_version = ssl.TLSVersion.TLSv1_3
    with pytest.raises(ValueError, match="minimum_version"):
        client.tls_set_context(empty)
    client.tls_set(str(ca_file))
    with pytest.raises(ValueError, match="already"):
        client.tls_set()


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.proxy_set(proxy_type=4, proxy_addr="proxy"),
        lambda c: c.proxy_set(proxy_type=3),
        lambda c: c.proxy_set(proxy_type=3, proxy_addr="proxy", nonsense=1),
        lambda c: c.ws_set_options(headers=[("a", "b")]),
        lambda c: c.username_pw_set(None, "secret") or c.connect("127.0.0.1", 1),
        lambda c: c.username_pw_set("a", b"s" * 65_536) or c.connect("127.0.0.1", 1),
        lambda c: c.username_pw_set("a" * 65_536, "secret") or c.connect("127.0.0.1", 1),
        lambda c: c.proxy_set(proxy_type=3, proxy_addr="not a host") or c.connect("127.0.0.1", 1),
        lambda c: c.connect("127.0.0.1", 65_536),
        lambda c: c.connect("127.0.0.1", keepalive=65_536),
        lambda c: c.connect("127.0.0.1", clean_start=True),
        lambda c: c.publish("a\0b"),
        lambda c: c.publish("a" * 65_536),
        lambda c: c.subscribe("a\0b"),
    ],
)
def test_wrong_arguments(call: Any):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the field is named
        call(mqtt.Client())
    assert re.search("proxy|headers|username|password|port|keepalive|clean_start|topic|option", str(caught.value))
    assert "secret" not in str(caught.value)


def test_websocket_options_that_would_change_the_request():
    for path, headers in [
        ("no-slash", {}),
        ("/a b", {}),
        ("/a\r\nX: y", {}),
        ("/", {"X": "a\r\nY: b"}),
        ("/", {"X Y": "a"}),
    ]:
        client = mqtt.Client(transport="websockets")
        client.ws_set_options(path, headers)
        with pytest.raises(ValueError, match="ws_set_options"):
            client.connect("127.0.0.1", 1)


def test_reason_codes_compare_as_paho_s_do():
    code = mqtt.ReasonCode(mqtt.PacketTypes.CONNACK, "Not authorized")
    assert code == 135
    assert code == "Not authorized"
    assert code == mqtt.ReasonCode(mqtt.PacketTypes.CONNACK, identifier=135)
    assert code != 0
    assert code != mqtt.MQTTMessage()
    assert (code > 134, code < 136, code.is_failure, code.value) == (True, True, True, 135)
    assert (str(code), code.getName(), code.json()) == ("Not authorized",) * 3
    success = reasoncodes.ReasonCode(mqtt.PacketTypes.CONNACK)
    assert (success == 0, success == "Success", success.is_failure) == (True, True, False)
    assert str(mqtt.ReasonCode(mqtt.PacketTypes.DISCONNECT)) == "Normal disconnection"
    assert str(mqtt.ReasonCode(mqtt.PacketTypes.SUBACK, identifier=1)) == "Granted QoS 1"
    with pytest.raises(KeyError):
        mqtt.ReasonCode(mqtt.PacketTypes.CONNACK, "Nonsense")
    assert (enums.MQTTErrorCode.MQTT_ERR_NO_CONN == 4, str(mqtt.MQTT_ERR_NO_CONN)) == (True, "4")


def test_the_package_leads_to_every_name():
    assert azmqtt.paho.Client is mqtt.Client
    assert azmqtt.paho.MQTTv311 == 4
    with pytest.raises(AttributeError):
        azmqtt.paho.nonsense  # noqa: B018 - that is the test


def test_subclasses_with_methods_as_callbacks():
    class Mine(mqtt.Client):
        def on_pre_connect(self, client: mqtt.Client, userdata: Any) -> None:  # type: ignore[override]
            assert (client, userdata) == (self, None)
            self.seen = True

    client = Mine(V2)
    with pytest.raises(ConnectionRefusedError):
        client.connect("127.0.0.1", 1)
    assert client.seen


def test_decorators():
    client = mqtt.Client(V2)
    for name in (
        "connect",
        "connect_fail",
        "disconnect",
        "log",
        "message",
        "pre_connect",
        "publish",
        "subscribe",
        "unsubscribe",
    ):

        @getattr(client, f"{name}_callback")()
        def callback(*_: object) -> None: ...

        assert getattr(client, f"on_{name}") is callback
    client.topic_callback("a/#")(print)
    assert client._filters.matching("a/b") == [print]


def test_a_client_that_nobody_has_any_more_goes():
    client = mqtt.Client(V2)
    client.publish("a", "", 1)
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None


def test_loop_stop_ends_a_thread_that_waits_to_reconnect():
    client = mqtt.Client(V2)
    failed = threading.Event()
    client.on_connect_fail = lambda *_: failed.set()
    client.reconnect_delay_set(60, 60)
    client.connect_async("127.0.0.1", 1)
    client.loop_start()
    assert failed.wait(10)
    assert client.loop_stop() == 0
    assert client._thread is None


def test_importing_it_imports_no_paho():
    code = "import sys, azmqtt.paho.client; print([name for name in sys.modules if name.split('.')[0] == 'paho'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


LEVELS = st.lists(st.sampled_from(["a", "b", "", "$a", "+", "#"]), min_size=1, max_size=4)


def reference(sub: list[str], topic: list[str]) -> bool:
    """Matching by a regular expression (MQTT 3.1.1 §4.7)."""
    if topic[0].startswith("$") and sub[0] in {"+", "#"}:
        return False
    pattern = "/".join("[^/]*" if level == "+" else re.escape(level) for level in sub if level != "#")
    if sub == ["#"]:
        pattern = ".*"
    elif sub[-1] == "#":
        pattern += "(/.*)?"
    return re.fullmatch(pattern, "/".join(topic)) is not None


@given(LEVELS, LEVELS)
def test_filters_match_as_the_standard_says(sub: list[str], topic: list[str]):
    sub = [level for place, level in enumerate(sub) if level != "#" or place == len(sub) - 1] or ["a"]
    topic = [level for level in topic if level not in {"+", "#"}] or ["a"]
    assert (_match(sub, topic) is not None) == reference(sub, topic)
    filters = Filters()
    filters.add("/".join(sub), print)
    assert bool(filters.matching("/".join(topic))) == reference(sub, topic)


def test_a_client_id_that_is_no_text_is_refused_by_the_constructor():
    for wrong in (5, ["a"]):
        with pytest.raises(TypeError, match=r"client_id must be str or bytes, not (int|list)"):
            mqtt.Client(V2, wrong)
    with pytest.raises(ValueError, match="client_id must be UTF-8"):
        mqtt.Client(V2, b"\xff")


def test_reinitialise_makes_a_new_client_of_it():
    client = mqtt.Client(V2, "one", userdata="mine")
    client.username_pw_set("user", "secret")
    client.on_message = print
    client.reinitialise("two", userdata="yours")
    assert (client._client_id, client.user_data_get(), client._callback_api_version) == ("two", "yours", V2)
    assert (client.on_message, client._username) == (None, None)


def test_without_paho_the_drop_in_is_not_told_to_install_it():
    code = """
import sys
sys.modules["paho"] = None
import azmqtt.paho
try:
    azmqtt.paho.TwinPatcher(azmqtt.paho.Client())
except TypeError as error:
    assert "DeviceClient" in str(error), error
else:
    raise SystemExit("no error")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
