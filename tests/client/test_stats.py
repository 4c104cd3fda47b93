"""What a client counts and measures."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import time
from datetime import datetime, timezone

import pytest

import azmqtt
from scripted_hub import CONNECT, PINGREQ, PINGRESP, Link, ScriptedHub, packet


def test_figures_of_a_session(hub, client):
    before = client.stats()
    assert (before.connects, before.connected_since, before.publish_round_trip) == (0, None, None)
    started = time.time()
    client.send_messages([b"x"] * 50)
    client.get_twin()
    stats = client.stats()
    assert (stats.messages_sent, stats.in_flight, stats.outbox, stats.outstanding) == (50, 0, 0, 0)
    assert stats.publish_round_trip.samples == 50
    assert 0 < stats.publish_round_trip.p50 <= stats.publish_round_trip.p99 <= stats.publish_round_trip.max < 10
    assert stats.twin_round_trip.samples == 1
    assert stats.ping_round_trip is None
    assert started - 1 <= stats.connected_since.timestamp() <= time.time()
    assert 3500 < (stats.token_valid_until - datetime.now(timezone.utc)).total_seconds() <= 3600


def test_what_waits_is_counted_whoever_holds_it(hub, client):
    messages = client.messages(timeout=5)
    client.connect()
    for _ in range(5):
        hub.send_c2d(client.device_id, b"x")
    next(messages)
    deadline = time.monotonic() + 10
    while client.stats().messages_waiting != 4:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert client.stats().messages_received == 5


def test_a_reading_is_a_mapping_that_does_not_change(hub, client):
    client.send_message(b"x")
    stats = client.stats()
    assert stats["messages_sent"] == stats.messages_sent == dict(stats)["messages_sent"] == 1
    assert len(stats) == len(list(stats)) == len(set(stats.keys())) > 20
    assert set(stats) == {name for name in azmqtt.Stats.__annotations__ if not name.startswith("_")}
    with pytest.raises(AttributeError):
        stats.connects = 5
    with pytest.raises(AttributeError, match="unknown figure 'nonsense'"):
        _ = stats.nonsense
    assert copy.deepcopy(stats) == pickle.loads(pickle.dumps(stats)) == stats  # noqa: S301 - our own
    assert "messages_sent=1" in repr(stats)
    assert "p50 " in repr(stats)
    assert isinstance(stats, azmqtt.Stats)
    assert isinstance(stats.publish_round_trip, azmqtt.RoundTrips)


def test_pings_are_measured(tmp_path):
    async def answer_pings(link: Link) -> None:
        await link.accept()
        while (await link.receive()).kind == PINGREQ:
            await link.send(packet(PINGRESP))

    assert CONNECT == 1
    with ScriptedHub(tmp_path, answer_pings) as hub:
        client = azmqtt.DeviceClient.from_symmetric_key(
            "localhost", "d", "a2V5", port=hub.port, trust=hub.ca_file, keep_alive=1
        )
        with client:
            client.connect()
            deadline = time.monotonic() + 10
            while client.stats().ping_round_trip is None:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert client.stats().ping_round_trip.max < 5


def test_looking_starts_no_thread():
    import subprocess
    import sys

    code = """
import threading, os, azmqtt
client = azmqtt.DeviceClient.from_symmetric_key("h", "d", "a2V5")
client.stats(), client._repr_html_(), repr(client), client.state
print(threading.active_count(), len(os.listdir("/proc/self/task")))
"""
    if not sys.platform.startswith("linux"):
        pytest.skip("counts threads in /proc")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "1 1\n"


INTERRUPTED_WHERE_DATETIME_IS_IMPORTED = """
import sys
import azmqtt

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "datetime":
            raise KeyboardInterrupt

with azmqtt.LocalHub() as hub, hub.device_client("dev1") as client:
    client.connect()
    assert "datetime" not in sys.modules
    sys.meta_path.insert(0, Interrupt())
    try:
        client.stats()
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_an_interrupt_is_not_lost():
    """The first times import ``datetime``, which takes long enough for Ctrl-C to come meanwhile."""
    command = [sys.executable, "-c", INTERRUPTED_WHERE_DATETIME_IS_IMPORTED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "interrupted\n"
