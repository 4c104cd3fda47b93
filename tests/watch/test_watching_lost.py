"""Events that a ring has dropped before a reader got them: the answer says how many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import azmqtt
from watching import get, hub_token

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A hub and a namespace keep so many events (docs/watching.md).
KEPT = 10_000

#: The longest id: an event of it has more than 200 bytes. 30,000 of them fit neither into the ring nor into the buffers
#: of a socket that nobody reads, 4 MiB at most (tcp(7): tcp_wmem).
LONG_ID = "d" * 128


def toggle(hub: azmqtt.LocalHub, device_id: str, times: int) -> None:
    """Make so many events ``device.updated``."""
    for number in range(times):
        hub.set_enabled(device_id, number % 2 == 1)


def check_late(lines: Iterator[dict[str, Any]], since: int, newest: int) -> None:
    """Check the answer to a reader that comes back when events after ``since`` are gone."""
    lost, *kept = lines
    assert lost == {"id": newest - KEPT, "lost": newest - KEPT - since}
    assert [one["id"] for one in kept] == list(range(newest - KEPT + 1, newest + 1))


def test_a_late_reader_of_a_hub_is_told_how_many_are_gone() -> None:
    with azmqtt.LocalHub() as hub:
        hub.create_device("late")
        toggle(hub, "late", KEPT + 20)
        path = "/azmqtt/events?since=3"
        with get(hub.service_port, hub.ca_file, path, hub_token(hub)) as answer:
            check_late(answer.lines(), 3, 1 + KEPT + 20)
        path = "/azmqtt/stream?kinds=events&since=events:20&limit=1"
        with get(hub.service_port, hub.ca_file, path, hub_token(hub)) as answer:
            lost, _ = answer.lines()
        assert lost == {"kind": "events", "id": 21, "lost": 1}


def test_a_late_reader_of_a_namespace_is_told_how_many_are_gone() -> None:
    with azmqtt.LocalNamespace() as namespace:
        namespace.create_client("late")
        for number in range(KEPT + 20):
            namespace.update_client("late", description=str(number))
        path = "/azmqtt/events?since=3"
        with get(namespace.https_port, namespace.ca_file, path, f"Bearer {namespace.token}") as answer:
            check_late(answer.lines(), 3, 1 + KEPT + 20)


def test_a_reader_that_stalls_is_told_how_many_it_has_missed() -> None:
    sse = {"Accept": "text/event-stream"}
    with azmqtt.LocalHub() as hub:
        hub.create_device(LONG_ID)
        path = "/azmqtt/events?since=1"
        with get(hub.service_port, hub.ca_file, path, hub_token(hub), sse, receive_buffer=4096) as answer:
            # It reads nothing before the last event has happened.
            toggle(hub, LONG_ID, 3 * KEPT)
            hub.remove_device(LONG_ID)
            position, lost = 1, 0
            for name, last, data in answer.events():
                if name == "lost":
                    lost += data["lost"]
                    position += data["lost"]
                else:
                    position += 1
                assert (data["id"], last) == (position, str(position))
                if data.get("type") == "device.deleted":
                    break
        assert lost > 0
        assert position == 2 + 3 * KEPT
