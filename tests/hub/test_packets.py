"""The recording of packets, as tests see it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest

import azmqtt
from azmqtt import Packet, faults


@pytest.fixture(scope="module")
def recording() -> Iterator[azmqtt.LocalHub]:
    with azmqtt.LocalHub(record_packets=True) as hub:
        yield hub


@pytest.mark.parametrize("websocket", [False, True])
def test_a_message_and_its_acknowledgement(recording, websocket):
    device_id = recording.create_device().device_id
    with recording.device_client(device_id, websocket=websocket) as client:
        client.send_message(b"hello", properties={"a": "b"})
    recording.wait_for_packet(device_id, kind="CLOSED")
    packets = recording.packets(device_id)
    assert [packet.kind for packet in packets] == ["CONNECT", "CONNACK", "PUBLISH", "PUBACK", "DISCONNECT", "CLOSED"]
    connect, connack, publish, puback, _, closed = packets
    assert (connect.client_id, connect.protocol_level, connect.has_password) == (device_id, 4, True)
    assert connect.username.startswith(f"localhost/{device_id}/?api-version=")
    assert (connack.return_codes, connack.session_present) == ((0,), False)
    assert (publish.direction, publish.qos, publish.dup, publish.retain) == ("to_hub", 1, False, False)
    assert (publish.topic, publish.payload) == (f"devices/{device_id}/messages/events/a=b", b"hello")
    assert (puback.direction, puback.packet_id) == ("to_device", publish.packet_id)
    assert closed.reason == "the client sent DISCONNECT"
    assert {packet.connection for packet in packets} == {1}
    assert abs((connect.time - datetime.now(timezone.utc)).total_seconds()) < 60
    assert recording.packets(device_id, after=publish.sequence) == packets[3:]
    with pytest.raises(dataclasses.FrozenInstanceError):
        publish.topic = "other"  # type: ignore[misc]


def test_modules_and_devices_are_apart(recording):
    device = recording.create_device()
    with recording.device_client(device.device_id, module_id="m") as module:
        module.send_message(b"")
    assert recording.packets(device.device_id) == []
    assert recording.wait_for_packet(device.device_id, kind="PUBLISH", module_id="m").client_id.endswith("/m")
    with pytest.raises(ValueError, match="module_id"):
        recording.packets(module_id="m")


def test_wait_for_what_is_to_come_and_for_what_never_comes(recording):
    device_id = recording.create_device().device_id
    with pytest.raises(TimeoutError, match=r"no CONNECT that matches within 0.05 s; there were none"):
        recording.wait_for_packet(device_id, kind="CONNECT", timeout=0.05)
    with recording.device_client(device_id) as client:
        client.connect()
        recording.disconnect(device_id)
        again = recording.wait_for_packet(device_id, lambda packet: packet.connection == 2)
        assert again.kind == "CONNECT"
        with pytest.raises(TimeoutError, match=r"no packet that matches within 0 s; the last ones were:\n  "):
            recording.wait_for_packet(device_id, lambda _: False, 0)
    recording.wait_for_packet(device_id, kind="CLOSED", after=again.sequence)


def test_the_log_is_for_people_and_shows_no_secret(recording):
    device = recording.create_device()
    key = dict(part.split("=", 1) for part in device.connection_string.split(";"))["SharedAccessKey"]
    with recording.device_client(device.device_id) as client:
        client.send_message({"temperature": 21.5})
        client.send_message(b"\x00\xff")
        client.send_message("x" * 100)
    recording.wait_for_packet(device.device_id, kind="CLOSED")
    log = recording.packet_log(device.device_id)
    lines = log.splitlines()
    assert lines[1] == f"{device.device_id}, connection 1:"
    assert lines[2].endswith("keep-alive=60 password")
    assert lines[3].endswith("      ← CONNACK 0 (accepted)")
    assert '20 B {"temperature":21.5}' in log
    assert f"100 B {'x' * 60}…" in log
    assert lines[-1].endswith("■ closed: the client sent DISCONNECT")
    assert key not in log
    assert "sig=" not in log + repr(recording.packets(device.device_id))
    assert recording.packet_log("nobody") == "no packets"


def test_each_kind_in_one_line():
    def packet(kind: str, **fields: object) -> str:
        return str(Packet(kind, fields.pop("direction", "to_hub"), datetime.now(timezone.utc), 1, "d", 1, **fields))

    publish = {"packet_id": 3, "qos": 1, "topic": "devices/d/messages/events/", "payload": b"twelve bytes"}
    assert packet("PUBLISH", **publish) == "→ PUBLISH id=3 qos=1 devices/d/messages/events/ 12 B"
    assert packet("PUBLISH", **publish, dup=True, retain=True).split()[4:6] == ["dup", "retain"]
    assert packet("CONNECT", protocol_level=6) == "→ CONNECT protocol-level=6 d"
    will = {"topic": "t", "qos": 0, "payload": b"gone"}
    connect = packet("CONNECT", protocol_level=4, keep_alive=60, clean_session=True, username="u", **will)
    assert connect == "→ CONNECT u keep-alive=60 clean-session without-password will qos=0 t 4 B"
    assert packet("CONNACK", return_codes=(5,), direction="to_device") == "← CONNACK 5 (not authorized)"
    subscribe = packet("SUBSCRIBE", packet_id=1, filters=("a/#", "b"), requested_qos=(1, 0))
    assert subscribe == "→ SUBSCRIBE id=1 a/# qos=1 b qos=0"
    assert packet("SUBACK", packet_id=1, return_codes=(1, 128)) == "→ SUBACK id=1 qos=1 refused"
    assert packet("UNSUBSCRIBE", packet_id=2, filters=("b",)) == "→ UNSUBSCRIBE id=2 b"
    assert packet("PUBACK", packet_id=2) == "→ PUBACK id=2"
    assert packet("PINGREQ") == "→ PINGREQ"
    assert packet("MALFORMED", reason="why") == "→ MALFORMED why"


def test_each_kind_of_mqtt_5_in_one_line():
    def packet(kind: str, *properties: tuple[str, object], **fields: object) -> str:
        given = {"properties": properties, **fields}
        return str(Packet(kind, "to_hub", datetime.now(timezone.utc), 1, "d", 1, **given))

    secret = [("authentication_method", "K8S-SAT"), ("authentication_data", None)]
    will = {"topic": "t", "qos": 0, "payload": b"gone", "will_properties": (("will_delay_interval", 30),)}
    assert packet("CONNECT", *secret, protocol_level=5, keep_alive=60, **will) == (
        "→ CONNECT protocol-level=5 d without-username keep-alive=60 without-password will qos=0 t 4 B "
        "will-delay-interval=30 authentication-method=K8S-SAT authentication-data=(secret)"
    )
    assert packet("CONNACK", ("reason_string", "no\n"), return_codes=(0x87,)) == (
        "→ CONNACK 0x87 (Not authorized) reason-string='no\\n'"
    )
    publish = {"packet_id": 3, "qos": 1, "topic": "t", "payload": b"1"}
    properties = [("user_property", ("unit", "°C")), ("correlation_data", bytes(20))]
    assert packet("PUBLISH", *properties, **publish) == (
        f"→ PUBLISH id=3 qos=1 t 1 B user-property=unit:°C correlation-data={'00' * 16}…"
    )
    assert packet("PUBACK", packet_id=3, return_codes=(0x10,)) == "→ PUBACK id=3 0x10 (No matching subscribers)"
    assert packet("PUBACK", packet_id=3, return_codes=(0,)) == "→ PUBACK id=3"
    options = {"no_local": (True, False), "retain_as_published": (False, True), "retain_handling": (2, 0)}
    subscribe = {"packet_id": 1, "filters": ("a/#", "b"), "requested_qos": (1, 0), **options}
    assert packet("SUBSCRIBE", **subscribe) == (
        "→ SUBSCRIBE id=1 a/# qos=1 no-local retain-handling=2 b qos=0 retain-as-published"
    )
    assert packet("SUBACK", packet_id=1, return_codes=(2, 0x87)) == "→ SUBACK id=1 qos=2 0x87 (Not authorized)"
    assert packet("DISCONNECT", return_codes=(0x8E,)) == "→ DISCONNECT 0x8E (Session taken over)"
    assert packet("AUTH", return_codes=(0x19,)) == "→ AUTH 0x19 (Re-authenticate)"


def test_a_client_of_mqtt_5_is_shown_with_its_properties_and_without_its_secrets(recording):
    """The hub speaks 3.1.1 alone; what came is on record all the same."""
    device_id = recording.create_device().device_id
    will = azmqtt.Will("gone", "bye", delay=30, user_properties=[("a", "1"), ("a", "2")])
    client = azmqtt.MqttClient(
        "localhost",
        device_id,
        port=recording.port,
        trust=recording.ca_file,
        username="name",
        password="hunter2",
        session_expiry=77,
        user_properties=[("unit", "°C"), ("unit", "K")],
        will=will,
    )
    with client, pytest.raises(azmqtt.Error):
        client.connect(timeout=5)
    with (
        azmqtt.MqttClient(
            "localhost",
            device_id,
            port=recording.port,
            trust=recording.ca_file,
            authentication=azmqtt.Enhanced("SCRAM-SHA-256", lambda _: b"hunter2"),
        ) as client,
        pytest.raises(azmqtt.Error),
    ):
        client.connect(timeout=5)
    packets = recording.packets(device_id)
    connect, connack = packets[:2]
    assert (connect.kind, connect.protocol_level, connect.username, connect.has_password) == (
        "CONNECT",
        5,
        "name",
        True,
    )
    given = dict(connect.properties)
    assert given["session_expiry_interval"] == 77
    assert [value for name, value in connect.properties if name == "user_property"] == [("unit", "°C"), ("unit", "K")]
    assert ("will_delay_interval", 30) in connect.will_properties
    assert ("user_property", ("a", "2")) in connect.will_properties
    assert (connack.kind, connack.return_codes) == ("CONNACK", (1,))
    enhanced = next(packet for packet in packets if "authentication_method" in dict(packet.properties))
    assert dict(enhanced.properties)["authentication_data"] is None
    shown = recording.packet_log(device_id) + repr(packets)
    assert "session-expiry-interval=77" in shown
    assert "authentication-data=(secret)" in shown
    assert "hunter2" not in shown


def test_without_recording(hub):
    for ask in (hub.packets, hub.packet_log, hub.wait_for_packet):
        with pytest.raises(RuntimeError, match="record_packets=True"):
            ask("d")


def test_a_kind_that_there_is_not(recording):
    with pytest.raises(ValueError, match=r"kind must be one of CONNECT, .*, not 'publish'"):
        recording.wait_for_packet(kind="publish", timeout=0)


def test_what_faults_do_is_seen_as_it_was(recording):
    device_id = recording.create_device().device_id
    with recording.device_client(device_id, retry=azmqtt.RetryPolicy(base=0.01)) as client:
        client.connect()
        for fault in (faults.Cut("puback"), faults.Corrupt("puback"), faults.Refuse(3)):
            recording.inject_fault(fault, device_id=device_id)
        client.send_message("again and again")
        recording.clear_faults()
    recording.wait_for_packet(device_id, kind="DISCONNECT")
    by_connection = {}
    for packet in recording.packets(device_id):
        by_connection.setdefault(packet.connection, []).append(packet)
    ends = {number: [packet.kind for packet in packets[-2:]] for number, packets in by_connection.items()}
    assert ["INCOMPLETE", "CLOSED"] in ends.values()
    refused = next(packets for packets in by_connection.values() if packets[1].return_codes == (3,))
    assert (refused[-1].kind, refused[-1].reason) == ("CLOSED", "refused")
    sent = [packet for packet in recording.packets(device_id) if packet.kind == "PUBLISH"]
    assert [packet.dup for packet in sent][:2] == [False, True]
    assert {packet.payload for packet in sent} == {b"again and again"}
    assert [packet.kind for packet in recording.packets(device_id)].count("PUBACK") == 1
