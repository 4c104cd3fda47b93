"""Watching a local namespace over HTTPS: published messages, events, metrics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import azmqtt
from watching import get

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def namespace() -> Iterator[azmqtt.LocalNamespace]:
    with azmqtt.LocalNamespace() as namespace:
        yield namespace


def watch(namespace: azmqtt.LocalNamespace, path: str, headers: dict[str, str] | None = None) -> list[dict]:
    with get(namespace.https_port, namespace.ca_file, path, f"Bearer {namespace.token}", headers) as answer:
        assert answer.status == 200, answer.text()
        return list(answer.lines())


def test_messages_events_and_metrics(namespace: azmqtt.LocalNamespace) -> None:
    namespace.create_topic_space("all", ["rooms/#"])
    namespace.create_permission_binding("publish", topic_space_name="all", permission="Publisher")
    namespace.create_client("sensor")
    with namespace.mqtt_client("sensor") as client:
        client.publish("rooms/a/temperature", b'{"value": 21.5}', qos=1)
        client.publish("rooms/b", b"\xff", qos=1)
    first, second = watch(namespace, "/azmqtt/messages")
    assert (first["client"], first["topic"], first["body"]) == ("sensor", "rooms/a/temperature", {"value": 21.5})
    assert (second["body_base64"], second["id"]) == ("/w==", first["id"] + 1)
    assert watch(namespace, "/azmqtt/messages?topic=rooms/%2b&client=sensor") == [second]
    assert watch(namespace, "/azmqtt/messages?client=nobody") == []
    types = [one["type"] for one in watch(namespace, "/azmqtt/events?client=sensor")]
    assert types[:2] == ["client.updated", "connection.opened"]
    kinds = [one["kind"] for one in watch(namespace, "/azmqtt/stream?kinds=messages,events")]
    assert set(kinds) == {"messages", "events"}
    with get(namespace.https_port, namespace.ca_file, "/metrics", f"Bearer {namespace.token}") as answer:
        text = answer.text()
    assert "\nazmqtt_published_messages_total 2\n" in text
    assert namespace.token not in text


def test_only_the_owner_watches(namespace: azmqtt.LocalNamespace) -> None:
    for path in ("/azmqtt/messages", "/azmqtt/events", "/azmqtt/packets", "/azmqtt/stream", "/metrics"):
        with get(namespace.https_port, namespace.ca_file, path, "Bearer wrong") as answer:
            assert answer.status == 401, path
    with get(namespace.https_port, namespace.ca_file, "/health") as answer:
        assert (answer.status, answer.text()) == (200, '{"status":"ok"}')
    refused = watch(namespace, "/azmqtt/events?type=request.refused")
    assert {one["reason"] for one in refused} == {"management: the bearer token is wrong"}


@pytest.mark.parametrize(
    ("path", "status", "what"),
    [
        ("/azmqtt/messages?device=a", 400, "device"),
        ("/azmqtt/messages?topic=a/%23/b", 400, "topic"),
        ("/azmqtt/packets", 409, "record_packets"),
    ],
)
def test_what_cannot_be_asked_for(namespace: azmqtt.LocalNamespace, path: str, status: int, what: str) -> None:
    with get(namespace.https_port, namespace.ca_file, path, f"Bearer {namespace.token}") as answer:
        assert answer.status == status
        assert what in json.loads(answer.text())["error"]["message"]


def test_streams_end_with_the_namespace() -> None:
    with azmqtt.LocalNamespace() as namespace:
        sse = {"Accept": "text/event-stream"}
        answer = get(namespace.https_port, namespace.ca_file, "/azmqtt/events", f"Bearer {namespace.token}", sse)
    with answer:
        answer.text()
        assert answer.ended
