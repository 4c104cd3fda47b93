"""What becomes of clients and their sessions, as a local namespace tells it to tests."""

from __future__ import annotations

import asyncio

import pytest

import azmqtt


def test_a_session_from_its_beginning_to_its_end():
    with azmqtt.LocalNamespace() as namespace:
        with namespace.mqtt_client("client1", "session1") as client:
            client.connect()
            assert namespace.connected("session1")
            begun = namespace.wait_for_life_cycle_event(kind="MQTTClientSessionConnected")
            assert (begun.authentication_name, begun.client_id) == ("client1", "session1")
            assert (begun.client_name, begun.enabled, begun.disconnection_reason) == (None, None, None)
        namespace.wait_for_connection("session1", connected=False)
        assert not namespace.connected("session1")
        ended = namespace.wait_for_life_cycle_event(lambda event: event.disconnection_reason, after=begun.sequence)
        assert ended.kind == "MQTTClientSessionDisconnected"
        assert (ended.connection, ended.disconnection_reason) == (begun.connection, "ClientInitiatedDisconnect")
        assert ended.time >= begun.time
        assert str(ended) == (
            f"#{ended.sequence} MQTTClientSessionDisconnected session1 (client1): ClientInitiatedDisconnect"
        )
        assert namespace.life_cycle_events("MQTTClientSessionDisconnected") == [ended]
        assert namespace.life_cycle_events(after=ended.sequence) == []


def test_a_client_resource_from_its_beginning_to_its_end():
    with azmqtt.LocalNamespace() as namespace:
        namespace.create_client("pump", authentication_name="pump-1", attributes={"floor": 3, "kinds": ["a"]})
        namespace.update_client("pump", enabled=False)
        namespace.delete_client("pump")
        made, changed, deleted = namespace.life_cycle_events()
        assert (made.kind, made.client_name, made.authentication_name) == (
            "MQTTClientCreatedOrUpdated",
            "pump",
            "pump-1",
        )
        assert (made.enabled, changed.enabled, deleted.enabled) == (True, False, None)
        assert (made.attributes, deleted.attributes) == ({"floor": 3, "kinds": ["a"]}, {})
        assert (deleted.kind, deleted.client_name, deleted.client_id) == ("MQTTClientDeleted", "pump", None)


def test_whose_client_is_deleted_is_disconnected_for_that_reason():
    async def story(namespace: azmqtt.LocalNamespace) -> azmqtt.LifeCycleEvent:
        async with namespace.mqtt_client("client1") as client:
            await client.connect_async()
            await namespace.wait_for_connection_async("client1")
            namespace.delete_client("client1")
            return await namespace.wait_for_life_cycle_event_async(kind="MQTTClientSessionDisconnected")

    with azmqtt.LocalNamespace() as namespace:
        assert asyncio.run(story(namespace)).disconnection_reason == "ClientAuthenticationError"


def test_what_does_not_happen_says_what_did():
    with azmqtt.LocalNamespace() as namespace:
        namespace.create_client("pump")
        with pytest.raises(TimeoutError, match=r"no event matched .*\n  #1 MQTTClientCreatedOrUpdated pump \(pump\)"):
            namespace.wait_for_life_cycle_event(kind="MQTTClientDeleted", timeout=0)
        with pytest.raises(TimeoutError, match="nobody did not connect"):
            namespace.wait_for_connection("nobody", timeout=0)
        with pytest.raises(ValueError, match="kind must be one of MQTTClientSessionConnected"):
            namespace.life_cycle_events("Connected")
        with pytest.raises(ValueError, match="kind must be one of"):
            namespace.wait_for_life_cycle_event(kind="Connected")
        with pytest.raises(TypeError, match="predicate"):
            namespace.wait_for_life_cycle_event("MQTTClientDeleted")
    with pytest.raises(RuntimeError, match="stopped"):
        namespace.wait_for_life_cycle_event(kind="MQTTClientDeleted")
    assert [event.client_name for event in namespace.life_cycle_events()] == ["pump"]
