"""Packets, faults and tokens of a local namespace."""

from __future__ import annotations

import asyncio

import pytest

import azmqtt
from azmqtt import faults

OBJECT_ID = "11111111-2222-3333-4444-555555555555"


def token_client(namespace: azmqtt.LocalNamespace, lifetime: float = 3600) -> azmqtt.MqttClient:
    token = azmqtt.EntraToken(lambda: namespace.entra_token(OBJECT_ID, expires_in=lifetime))
    return azmqtt.MqttClient(
        namespace.hostname, "session1", port=namespace.port, trust=namespace.ca_file, authentication=token
    )


def test_packets_are_recorded_without_secrets():
    with azmqtt.LocalNamespace(record_packets=True) as namespace:
        with namespace.mqtt_client("client1") as client, pytest.raises(azmqtt.PublishRefused):
            client.publish("a", b"body")
        with token_client(namespace) as client:
            client.connect()
        kinds = [(packet.direction, packet.kind) for packet in namespace.packets("client1")]
        assert kinds[:4] == [
            ("to_namespace", "CONNECT"),
            ("to_client", "CONNACK"),
            ("to_namespace", "PUBLISH"),
            ("to_client", "PUBACK"),
        ]
        refused = namespace.wait_for_packet("client1", kind="PUBACK")
        assert refused.return_codes == (0x87,)
        connect = namespace.wait_for_packet("session1", kind="CONNECT")
        assert ("authentication_data", None) in connect.properties
        assert asyncio.run(namespace.wait_for_packet_async(kind="CLOSED")).reason
        log = namespace.packet_log("client1")
        assert "→ CONNECT" in log
        assert "    ← PUBACK" in log
        with pytest.raises(TimeoutError, match="there were none"):
            namespace.wait_for_packet("nobody", timeout=0)


def test_packets_are_recorded_only_when_asked_for():
    with (
        azmqtt.LocalNamespace() as namespace,
        pytest.raises(RuntimeError, match="make the namespace with record_packets"),
    ):
        namespace.packets()


def test_a_fault_happens_to_one_client():
    with azmqtt.LocalNamespace() as namespace:
        namespace.create_topic_space("everything", ["#"])
        namespace.create_permission_binding("publish", topic_space_name="everything", permission="Publisher")
        with namespace.mqtt_client("client1") as one, namespace.mqtt_client("client2") as two:
            one.connect()
            two.connect()
            fault = namespace.inject_fault("drop:on=publish", client_id="client1")
            two.publish("a", b"x")
            assert fault.fired == 0
            one.publish("a", b"x")  # sent again after the reconnect
            fault.wait()
            assert one.stats()["connections_lost"] == 1
            assert two.stats()["connections_lost"] == 0
        assert [fired.fault_id for fired in namespace.fired_faults()] == [fault.fault_id]
        assert fault.over
        for wrong in ("nothing:on=publish", "drop:on=nothing"):
            with pytest.raises(ValueError, match="nothing"):
                namespace.inject_fault(wrong)
        namespace.inject_fault("lose:on=puback", count=2)
        assert namespace.clear_faults() == 1


def test_faults_by_a_seed():
    schedule = faults.FaultSchedule(
        seed=7,
        duration=3600,
        faults=[
            (faults.Drop(), {"every": 600, "client_id": "client1"}),
            ("drop:on=puback", {"probability": 1, "count": 1, "client_id": "client1"}),
        ],
    )
    plan = schedule.plan("namespace")
    assert plan == schedule.plan("namespace")
    assert {planned.rule["client_id"] for planned in plan} == {"client1"}
    with pytest.raises(ValueError, match="service must be 'hub' or 'namespace'"):
        schedule.plan("broker")
    with azmqtt.LocalNamespace() as namespace:
        namespace.create_topic_space("everything", ["#"])
        namespace.create_permission_binding("publish", topic_space_name="everything", permission="Publisher")
        assert namespace.start_fault_schedule(schedule) == plan
        with namespace.mqtt_client("client1", retry=azmqtt.RetryPolicy(base=0.01)) as client:
            client.publish("a", b"sent again after the reconnect")
        [fired] = namespace.fired_faults()
        assert (fired.device_id, fired.fault) == ("client1", "drop on puback")
        assert namespace.clear_faults() > 0
        with pytest.raises(TypeError, match="schedule must be an azmqtt"):
            namespace.start_fault_schedule("drop:every=5")
        with pytest.raises(ValueError, match="nothing"):
            namespace.start_fault_schedule(faults.FaultSchedule(1, 1, [("nothing:on=puback", {"every": 1})]))


def test_a_token_is_renewed_and_a_role_taken_back():
    with azmqtt.LocalNamespace(record_packets=True) as namespace:
        namespace.create_topic_space("everything", ["#"])
        with token_client(namespace, 3) as client:
            with pytest.raises(azmqtt.PublishRefused):
                client.publish("a", b"x")
            namespace.assign_role(OBJECT_ID, "Publisher")
            client.publish("a", b"x")
            assert namespace.messages()[0].authentication_name == OBJECT_ID
            answer = namespace.wait_for_packet(
                "session1", lambda packet: packet.direction == "to_client", 20, kind="AUTH"
            )
            assert answer.properties[0] == ("authentication_method", "OAUTH2-JWT")
            namespace.remove_role(OBJECT_ID, "Publisher")
            with pytest.raises(azmqtt.PublishRefused):
                client.publish("a", b"x")
            with pytest.raises(LookupError, match=OBJECT_ID):
                namespace.remove_role(OBJECT_ID, "Publisher")
