"""Messages as a pandas frame."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import azmqtt
from azmqtt.data import MessageList, frame

AT = dt.datetime(2026, 1, 2, 3, 4, 5, 678_000, dt.timezone.utc)


def telemetry(body, number=1, **fields):
    given = {"properties": {}, "system_properties": {}, "enqueued_time": AT + dt.timedelta(seconds=number), **fields}
    return azmqtt.TelemetryMessage(device_id="d", body=body, sequence=number, **given)


def test_telemetry_of_a_hub(hub, client):
    client.send_message({"temperature": 21.5, "position": {"lat": 52.5, "at": {"lon": 13.4}}}, properties={"a": "b"})
    client.send_message({"temperature": 22, "ok": True}, message_id="m-1")
    messages = hub.wait_for_telemetry(client.device_id, 2)
    table = messages.to_pandas()
    assert table.equals(frame(messages))
    assert table["temperature"].tolist() == [21.5, 22]
    assert table["position.lat"].iloc[0] == 52.5
    assert table["position.at.lon"].iloc[0] == 13.4
    assert pd.isna(table["position.lat"].iloc[1])
    assert table["ok"].iloc[1]
    assert table["properties.a"].iloc[0] == "b"
    assert table["system.message-id"].iloc[1] == "m-1"
    assert table["device_id"].tolist() == [client.device_id] * 2
    assert list(table.columns[:2]) == ["device_id", "sequence"]
    assert table.index.name == "time"
    assert str(table.index.tz) == "UTC"
    assert [moment.to_pydatetime() for moment in table.index] == [message.enqueued_time for message in messages]


def test_bodies_that_are_no_objects_are_kept():
    bodies = [b'{"t":1}', b"[1,2]", b"5", b"null", "é".encode(), b"\xff\x00", b"", b"{", b"NaN"]
    table = frame([telemetry(body, number) for number, body in enumerate(bodies)])
    assert table["t"].iloc[0] == 1
    kept = table["body"].tolist()
    assert kept[1:3] == [[1, 2], 5]
    assert kept[4:6] == ["é", b"\xff\x00"]
    assert kept[7:9] == ["{", "NaN"]
    assert pd.isna(kept[0])
    assert pd.isna(kept[6])


def test_members_with_the_names_of_other_columns():
    body = b'{"device_id":1,"body":2,"properties.a":3,"properties":{"a":4},"body.x":5,"sequence":6}'
    table = frame([telemetry(body, 7, properties={"a": "own"})])
    assert table.iloc[0].to_dict() == {
        "device_id": "d",
        "sequence": 7,
        "body.device_id": 1,
        "body.body": 2,
        "body.properties.a": 4,
        "body.body.x": 5,
        "body.sequence": 6,
        "properties.a": "own",
    }


def test_deep_objects_end_as_objects():
    table = frame([telemetry(b'{"a":' * 30 + b"1" + b"}" * 30)])
    [name] = [name for name in table.columns if name.startswith("a")]
    assert name == ".".join("a" * 8)
    assert isinstance(table[name].iloc[0], dict)


def test_messages_of_a_namespace():
    with azmqtt.LocalNamespace() as namespace:
        namespace.create_client("client-1")
        namespace.create_topic_space("everything", ["#"])
        namespace.create_permission_binding(
            "publish", client_group_name="$all", topic_space_name="everything", permission="Publisher"
        )
        with namespace.mqtt_client("client-1") as client:
            client.publish("plant/1", {"t": 1.5}, user_properties={"a": "b"})
        namespace.wait_for_message("plant/1")
        messages = namespace.messages("plant/#")
        table = messages.to_pandas()
        assert "plant/1" in messages._repr_html_()
    row = table.iloc[0].to_dict()
    assert {name: row[name] for name in ("topic", "t", "properties.a", "authentication_name", "content_type")} == {
        "topic": "plant/1",
        "t": 1.5,
        "properties.a": "b",
        "authentication_name": "client-1",
        "content_type": "application/json",
    }
    assert table.index[0].to_pydatetime() == messages[0].time


def test_messages_that_know_no_time(hub, client):
    incoming = client.messages(timeout=10)
    hub.send_c2d(client.device_id, {"speed": 3}, {"a": "b"}, message_id="m-1")
    table = frame([next(incoming)])
    assert table.to_dict("records") == [
        {"message_id": "m-1", "content_type": "application/json", "speed": 3, "properties.a": "b"}
    ]


def test_nothing():
    assert frame([]).empty
    assert MessageList().to_pandas().empty


def test_what_is_no_message():
    for wrong in (5, "text", azmqtt.Message({"a": 1})):
        with pytest.raises(TypeError, match=f"{type(wrong).__name__} is not a received message"):
            frame([wrong])


def test_a_message_list_is_a_list(hub, client):
    client.send_message("x")
    messages = hub.wait_for_telemetry(client.device_id)
    assert isinstance(messages, list)
    assert messages == hub.telemetry(client.device_id) == list(messages)


def as_json(value):
    return json.dumps(value).encode("utf-8")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.binary(max_size=20) | json_values.map(as_json), max_size=5))
def test_any_bodies(bodies):
    table = frame([telemetry(body, number) for number, body in enumerate(bodies)])
    assert len(table) == len(bodies)
    assert table.columns.is_unique


def test_pandas_is_imported_late_and_named_where_it_is_missing():
    code = """
import sys
import azmqtt.data
with azmqtt.LocalHub() as hub:
    messages = hub.telemetry()
assert "pandas" not in sys.modules
sys.modules["pandas"] = None
try:
    messages.to_pandas()
except ModuleNotFoundError as error:
    print(error, error.name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False)
    assert (done.stdout, done.stderr) == ("a frame needs pandas: pip install pandas pandas\n", "")
