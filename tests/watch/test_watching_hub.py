"""Watching a local hub over HTTPS: telemetry, events, packets."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

import azmqtt
from watching import Answer, get, hub_token

if TYPE_CHECKING:
    from collections.abc import Iterator

SSE = {"Accept": "text/event-stream"}


@pytest.fixture(scope="module")
def hub() -> Iterator[azmqtt.LocalHub]:
    """One hub for all: each test has devices of its own."""
    with azmqtt.LocalHub(record_packets=True) as hub:
        yield hub


def watch(hub: azmqtt.LocalHub, path: str, headers: dict[str, str] | None = None, **options: Any) -> Answer:
    answer = get(hub.service_port, hub.ca_file, path, hub_token(hub), headers, **options)
    assert answer.status == 200, answer.text()
    return answer


def kept(hub: azmqtt.LocalHub, path: str) -> list[dict[str, Any]]:
    """What is kept now."""
    with watch(hub, path) as answer:
        assert answer.headers["content-type"] == "application/x-ndjson"
        return list(answer.lines())


def newest(hub: azmqtt.LocalHub, kind: str) -> int:
    found = kept(hub, f"/azmqtt/{kind}")
    return found[-1]["id"] if found else 0


def test_telemetry_has_bodies_as_json_text_or_bytes(hub: azmqtt.LocalHub) -> None:
    with hub.device_client("bodies") as device:
        device.send_message({"temperature": 21.5}, properties={"room": "a"}, message_id="m1")
        device.send_message("no {json}")
        device.send_message(b"\xff\x00")
        device.send_message("17", content_type="text/plain")
    first, text, raw, plain = kept(hub, "/azmqtt/telemetry?device=bodies")
    assert first["body"] == {"temperature": 21.5}
    assert first["properties"] == {"room": "a"}
    assert first["system_properties"]["message-id"] == "m1"
    assert first["system_properties"]["iothub-connection-device-id"] == first["device_id"] == "bodies"
    assert re.fullmatch(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", first["time"])
    assert (text["body"], raw["body_base64"], plain["body"]) == ("no {json}", "/wA=", "17")
    assert [one["id"] for one in (text, raw, plain)] == [first["id"] + step for step in (1, 2, 3)]


def test_a_device_has_its_modules_and_a_module_itself(hub: azmqtt.LocalHub) -> None:
    hub.create_device("of-modules")
    hub.create_module("of-modules", "m1")
    with hub.device_client("of-modules") as device, hub.device_client("of-modules", module_id="m1") as module:
        device.send_message(1)
        module.send_message(2)
        hub.wait_for_telemetry("of-modules", module_id="m1")
    assert {one["body"] for one in kept(hub, "/azmqtt/telemetry?device=of-modules")} == {1, 2}
    (one,) = kept(hub, "/azmqtt/telemetry?device=of-modules&module=m1")
    assert (one["module_id"], one["body"]) == ("m1", 2)
    assert not kept(hub, "/azmqtt/telemetry?device=of")


def test_lines_come_as_things_happen_until_the_limit(hub: azmqtt.LocalHub) -> None:
    with watch(hub, "/azmqtt/telemetry?device=live&since=now&wait=30&limit=3") as answer:
        lines = answer.lines()
        with hub.device_client("live") as device:
            for number in range(3):
                device.send_message(number)
                assert next(lines)["body"] == number
        assert list(lines) == []


def test_a_reader_goes_on_where_it_was(hub: azmqtt.LocalHub) -> None:
    seen = []
    with hub.device_client("resumed") as device:
        with watch(hub, "/azmqtt/telemetry?device=resumed&since=now", SSE) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            events = answer.events()
            for number in range(5):
                device.send_message(number)
            for _ in range(3):
                name, last, data = next(events)
                assert (name, last) == (None, str(data["id"]))
                seen.append(data["body"])
        # The connection is lost; more comes meanwhile.
        for number in range(5, 10):
            device.send_message(number)
        headers = {**SSE, "Last-Event-ID": last}
        with watch(hub, "/azmqtt/telemetry?device=resumed&since=now&limit=7", headers) as answer:
            seen += [data["body"] for _, _, data in answer.events()]
    assert seen == list(range(10))


def test_events_tell_the_life_of_a_device(hub: azmqtt.LocalHub) -> None:
    begin = newest(hub, "events")
    hub.create_device("seen")
    with hub.device_client("seen", websocket=True) as device:
        device.connect()
    hub.wait_for_connection("seen", connected=False)
    hub.remove_device("seen")
    found = kept(hub, f"/azmqtt/events?device=seen&since={begin}")
    types = [one["type"] for one in found]
    assert types == ["device.created", "connection.opened", "connection.closed", "device.deleted"]
    assert (found[1]["auth"], found[1]["connection"]) == ("sas", 1)
    assert found[1]["protocol"] == "websocket"
    assert (found[2]["reason"], found[2]["cause"]) == ("the client sent DISCONNECT", "disconnect")
    only = kept(hub, f"/azmqtt/events?device=seen&since={begin}&type=connection,device.deleted")
    assert [one["type"] for one in only] == types[1:]


def test_a_refusal_says_why_and_what_to_do(hub: azmqtt.LocalHub) -> None:
    begin = newest(hub, "events")
    hub.create_device("strict")
    key = azmqtt.sas.generate("localhost/devices/strict", "d3Jvbmcga2V5")
    client = azmqtt.DeviceClient.from_sas_token(key, trust=hub.ca_file, port=hub.port)
    with client, pytest.raises(azmqtt.AuthenticationFailed):
        client.connect()
    (refused,) = kept(hub, f"/azmqtt/events?device=strict&type=connection.refused&since={begin}")
    assert (refused["cause"], refused["return_code"]) == ("credentials", 5)
    assert "expiry" in refused["advice"]


def test_each_event_of_a_cloud_to_device_message_has_its_number(hub: azmqtt.LocalHub) -> None:
    hub.create_device("numbered")
    hub.send_c2d("numbered", "first")
    hub.send_c2d("numbered", "second", message_id="m2")
    with hub.device_client("numbered") as device:
        device.on_message(lambda _: None)
        device.connect()
        with watch(hub, "/azmqtt/events?device=numbered&type=c2d.completed&wait=30&limit=2") as answer:
            assert [one["sequence"] for one in answer.lines()] == [1, 2]
    hub.send_c2d("numbered", "third")
    assert hub.purge_c2d("numbered") == 1
    events = kept(hub, "/azmqtt/events?device=numbered&type=c2d")
    assert sorted((one["sequence"], one["type"]) for one in events) == [
        (1, "c2d.completed"),
        (1, "c2d.delivered"),
        (1, "c2d.enqueued"),
        (2, "c2d.completed"),
        (2, "c2d.delivered"),
        (2, "c2d.enqueued"),
        (3, "c2d.enqueued"),
        (3, "c2d.purged"),
    ]
    assert {one["message_id"] for one in events if one["sequence"] == 2} == {"m2"}


def test_packets_by_the_names_of_the_python_type(hub: azmqtt.LocalHub) -> None:
    with hub.device_client("wire") as device:
        device.send_message("hello")
    shown = kept(hub, "/azmqtt/packets?device=wire")
    recorded = hub.packets("wire")
    assert [(one["id"], one["type"]) for one in shown] == [(one.sequence, one.kind) for one in recorded]
    connect = shown[0]
    assert connect["has_password"] is True
    assert "password" not in connect
    publish = next(one for one in shown if one["type"] == "PUBLISH")
    assert (publish["payload"], publish["direction"], publish["connection"]) == ("hello", "to_server", 1)


def test_one_stream_has_all_kinds_and_goes_on_by_a_composite_id(hub: azmqtt.LocalHub) -> None:
    with hub.device_client("all") as device:
        device.send_message("one")
    with watch(hub, "/azmqtt/stream?device=all&wait=0", SSE) as answer:
        events = list(answer.events())
    kinds = [data["kind"] for _, _, data in events]
    assert set(kinds) == {"telemetry", "events", "packets"}
    last = events[-1][1]
    assert [part.split(":")[0] for part in last.split(",")] == ["telemetry", "events", "packets"]
    with watch(hub, f"/azmqtt/stream?device=all&wait=0&since={last}", SSE) as answer:
        assert list(answer.events()) == []
    middle = len(events) // 2
    with watch(hub, "/azmqtt/stream?device=all&wait=0", {**SSE, "Last-Event-ID": events[middle][1]}) as answer:
        again = [(data["kind"], data["id"]) for _, _, data in answer.events()]
    assert again == [(data["kind"], data["id"]) for _, _, data in events[middle + 1 :]]


def test_a_reader_that_stalls_holds_up_nobody_and_is_told_all_later(hub: azmqtt.LocalHub) -> None:
    path = "/azmqtt/telemetry?device=flood&since=now&wait=60&limit=60"
    body = "x" * 100_000
    with watch(hub, path, SSE, receive_buffer=4096) as stalled, watch(hub, path) as reader:
        with hub.device_client("flood") as device:
            for _ in range(60):
                device.send_message(body)
        assert [line["body"] == body for line in reader.lines()] == [True] * 60
        assert len({last for _, last, _ in stalled.events()}) == 60


def test_prometheus_reads_the_metrics_and_no_secret_is_in_any_answer(hub: azmqtt.LocalHub) -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    with hub.device_client("measured") as device:
        device.on_method("hello")(lambda _: None)
        device.connect()
        hub.wait_for_connection("measured")
        device.send_message(1)
        hub.invoke_method("measured", "hello", None)
    with watch(hub, "/metrics") as answer:
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = answer.text()
    families = {family.name: family for family in parser.text_string_to_metric_families(text)}
    assert all(name.startswith("azmqtt_") and family.documentation for name, family in families.items())
    assert families["azmqtt_method_duration_seconds"].type == "histogram"
    samples = {sample.name: sample.value for family in families.values() for sample in family.samples}
    assert samples["azmqtt_telemetry_messages_total"] == len(hub.telemetry())
    assert samples["azmqtt_method_duration_seconds_count"] >= 1
    assert samples["azmqtt_devices"] == len(hub.devices())
    assert "measured" not in text
    texts = [device.connection_string for device in hub.devices()] + [hub.service_connection_string]
    keys = [one.split("SharedAccessKey=")[1] for one in texts]
    with watch(hub, "/azmqtt/stream?wait=0") as answer:
        text += answer.text()
    assert len(text) > 1000
    assert [key for key in keys if key in text] == []
    assert "sig=" not in text


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/azmqtt/telemetry?devices=a", "devices"),
        ("/azmqtt/telemetry?type=twin", "type"),
        ("/azmqtt/telemetry?wait=soon", "wait"),
        ("/azmqtt/telemetry?since=-1", "since"),
        ("/azmqtt/telemetry?limit=0", "limit"),
        ("/azmqtt/telemetry?module=m", "module"),
        ("/azmqtt/events?type=twins", "type"),
        ("/azmqtt/stream?kinds=all", "kinds"),
        ("/azmqtt/stream?since=3", "since"),
    ],
)
def test_what_cannot_be_asked_for_is_named(hub: azmqtt.LocalHub, path: str, what: str) -> None:
    with get(hub.service_port, hub.ca_file, path, hub_token(hub)) as answer:
        assert answer.status == 400
        assert what in json.loads(answer.text())["Message"]


def test_only_holders_of_the_right_watch(hub: azmqtt.LocalHub) -> None:
    paths = ("/azmqtt/telemetry", "/azmqtt/events", "/azmqtt/packets", "/azmqtt/stream", "/metrics")
    for token in (
        None,
        hub_token(hub, "device"),
        hub_token(hub, "registryRead"),
        "Bearer nothing",
        "SharedAccessSignature",
    ):
        for path in paths:
            with get(hub.service_port, hub.ca_file, path, token) as answer:
                assert answer.status == 401, (path, token)
                assert "set-cookie" not in answer.headers
    with get(hub.service_port, hub.ca_file, "/health") as answer:
        assert (answer.status, answer.text()) == (200, '{"status":"ok"}')


def test_packets_that_are_not_recorded_are_a_conflict() -> None:
    with azmqtt.LocalHub() as hub, get(hub.service_port, hub.ca_file, "/azmqtt/packets", hub_token(hub)) as answer:
        assert answer.status == 409
        assert "record_packets" in answer.text()


def test_streams_end_with_the_hub() -> None:
    with azmqtt.LocalHub() as hub:
        answer = watch(hub, "/azmqtt/events", SSE)
    with answer:
        for _ in answer.chunks():
            pass
        assert answer.ended


def test_there_are_so_many_streams_and_no_more() -> None:
    with azmqtt.LocalHub() as hub:
        token = hub_token(hub)
        answers = [get(hub.service_port, hub.ca_file, "/azmqtt/events", token, SSE) for _ in range(65)]
        assert [answer.status for answer in answers] == [200] * 64 + [429]
        answers[0].stream.close()
        for answer in answers[1:]:
            answer.stream.close()
