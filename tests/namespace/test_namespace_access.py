"""Who may do what, and by which permission binding: ``/azmqtt/clients`` and ``/azmqtt/access``, beside real clients."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

import azmqtt
from watching import get

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def namespace() -> Iterator[azmqtt.LocalNamespace]:
    with azmqtt.LocalNamespace() as namespace:
        namespace.create_topic_space("rooms", ["rooms/${client.authenticationName}/+"])
        namespace.create_client_group("pumps", "attributes.kind = 'pump'")
        namespace.create_permission_binding("publish", topic_space_name="rooms", permission="Publisher")
        namespace.create_permission_binding(
            "listen", client_group_name="pumps", topic_space_name="rooms", permission="Subscriber"
        )
        yield namespace


def ask(namespace: azmqtt.LocalNamespace, path: str, status: int = 200) -> Any:
    with get(namespace.https_port, namespace.ca_file, path, f"Bearer {namespace.token}") as answer:
        text = answer.text()
        assert answer.status == status, text
    return json.loads(text)


def may(namespace: azmqtt.LocalNamespace, client: str, action: str, topic: str) -> Any:
    return ask(namespace, f"/azmqtt/access?client={quote(client, safe='')}&{action}={quote(topic, safe='')}")


def test_the_answer_is_what_the_broker_does(namespace: azmqtt.LocalNamespace) -> None:
    namespace.create_client("pump", attributes={"kind": "pump"})
    namespace.create_client("lamp")
    for name, is_pump in (("pump", True), ("lamp", False)):
        with namespace.mqtt_client(name) as client:
            for topic, is_own in ((f"rooms/{name}/a", True), ("rooms/other/a", False)):
                verdict = may(namespace, name, "publish", topic)
                assert verdict["allowed"] is is_own
                if is_own:
                    client.publish(topic, b"1", qos=1)
                    assert [by["permission_binding"] for by in verdict["by"]] == ["publish"]
                    assert verdict["by"][0]["topic_template"] == "rooms/${client.authenticationName}/+"
                else:
                    assert verdict["topic_spaces"] == ["rooms"]
                    with pytest.raises(azmqtt.PublishRefused):
                        client.publish(topic, b"1", qos=1)
            filter_ = f"rooms/{name}/+"
            verdict = may(namespace, name, "subscribe", filter_)
            assert verdict["allowed"] is is_pump
            assert verdict["groups"] == (["$all", "pumps"] if is_pump else ["$all"])
            if is_pump:
                client.subscribe(filter_)
                assert [by["client_group"] for by in verdict["by"]] == ["pumps"]
                (found,) = (one for one in ask(namespace, "/azmqtt/clients") if one["client"] == name)
                (session,) = found["sessions"]
                assert (session["connected"], session["subscriptions"]) == (True, [filter_])
            else:
                assert "no permission binding" in verdict["reason"]
                assert "Create a permission binding" in verdict["advice"]
                with pytest.raises(azmqtt.SubscribeRefused):
                    client.subscribe(filter_)


def test_a_client_that_nobody_knows(namespace: azmqtt.LocalNamespace) -> None:
    error = ask(namespace, "/azmqtt/access?client=nobody&publish=a", 404)["error"]
    assert "nobody" in error["message"]
    assert ask(namespace, "/azmqtt/clients") == []
