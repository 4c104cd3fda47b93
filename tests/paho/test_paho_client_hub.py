"""The drop-in on the local hub: Microsoft's sample for direct MQTT, and twins by hand."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

import azmqtt
import azmqtt.paho.client as mqtt
from paho_apps import App

#: The sample of the page "Use MQTT" of IoT Hub's documentation, cut down to what matters, with the import changed.
SAMPLE = """
from azmqtt.paho import client as mqtt
import ssl

def on_connect(client, userdata, flags, rc{more}):
    print("connected", rc)

def on_disconnect(client, userdata, {flags}rc{more}):
    print("disconnected", rc)

def on_publish(client, userdata, mid{result}):
    print("sent", mid)
    client.disconnect()

client = mqtt.Client({first}client_id=device_id, protocol=mqtt.MQTTv311)

client.on_connect = on_connect
client.on_disconnect = on_disconnect
client.on_publish = on_publish

client.username_pw_set(username=iot_hub_name + "/" + device_id + "/?api-version=2021-04-12", password=sas_token)

client.tls_set(ca_certs=path_to_root_cert, certfile=None, keyfile=None,
               cert_reqs=ssl.CERT_REQUIRED, tls_version=ssl.PROTOCOL_TLSv1_2, ciphers=None)
client.tls_insecure_set(False)

client.connect(iot_hub_name, port=port)

client.publish("devices/" + device_id + "/messages/events/", '{{"id":123}}', qos=1)
client.loop_forever()
"""

OLD = {"first": "", "more": "", "flags": "", "result": ""}
NEW = {
    "first": "mqtt.CallbackAPIVersion.VERSION2, ",
    "more": ", properties",
    "flags": "flags, ",
    "result": ", rc, properties",
}


def credentials(hub: azmqtt.LocalHub) -> tuple[str, str]:
    device = hub.create_device()
    key = device.connection_string.rpartition("SharedAccessKey=")[2]
    return device.device_id, azmqtt.sas.generate(f"localhost/devices/{device.device_id}", key)


@pytest.mark.parametrize(("form", "reasons"), [(OLD, ("0", "0")), (NEW, ("Success", "Normal disconnection"))])
def test_the_sample_runs(
    hub: azmqtt.LocalHub, form: dict[str, str], reasons: tuple[str, str], capsys: pytest.CaptureFixture[str]
):
    device_id, token = credentials(hub)
    names = {"device_id": device_id, "sas_token": token, "iot_hub_name": "localhost", "port": hub.port}
    exec(SAMPLE.format(**form), {**names, "path_to_root_cert": hub.ca_file})  # noqa: S102 - it is ours
    assert capsys.readouterr().out.splitlines() == [f"connected {reasons[0]}", "sent 1", f"disconnected {reasons[1]}"]
    (message,) = hub.wait_for_telemetry(device_id, count=1)
    assert message.body == b'{"id":123}'


def hub_app(hub: azmqtt.LocalHub, **options: Any) -> tuple[App, str]:
    device_id, token = credentials(hub)
    app = App(device_id, **options)
    app.client.username_pw_set(f"localhost/{device_id}/?api-version=2021-04-12", token)
    app.client.tls_set(hub.ca_file)
    return app, device_id


def test_a_twin_by_hand(hub: azmqtt.LocalHub):
    app, device_id = hub_app(hub)
    with app:
        app.connect(hub.port, "localhost")
        app.subscribe("$iothub/twin/res/#", 0)
        app.client.publish("$iothub/twin/PATCH/properties/reported/?$rid=1", json.dumps({"firmware": "1.1"}))
        message = app.wait("message")
        assert message.topic.startswith("$iothub/twin/res/204/?$rid=1&$version=")
        app.client.publish("$iothub/twin/GET/?$rid=2", "")
        twin = json.loads(app.wait("message", 2).payload)
        assert twin["reported"]["firmware"] == "1.1"
    assert hub.twin(device_id)["properties"]["reported"]["firmware"] == "1.1"


def test_the_hub_over_websockets(hub: azmqtt.LocalHub):
    app, device_id = hub_app(hub, transport="websockets")
    app.client.ws_set_options("/$iothub/websocket")
    with app:
        app.connect(hub.websocket_port, "localhost")
        app.client.publish(f"devices/{device_id}/messages/events/", b"x" * 200_000, 1).wait_for_publish(10)
    (message,) = hub.wait_for_telemetry(device_id, count=1)
    assert len(message.body) == 200_000


def test_a_wrong_token_is_refused(hub: azmqtt.LocalHub):
    app, _ = hub_app(hub)
    app.client.password = "SharedAccessSignature sr=localhost&sig=AAAA&se=1"
    with app:
        app.client.connect("localhost", hub.port)
        app.client.loop_start()
        assert app.wait("connect")[1].is_failure


def test_a_disconnect_by_the_hub_is_healed(hub: azmqtt.LocalHub):
    app, device_id = hub_app(hub, clean_session=False)
    app.client.reconnect_delay_set(0.05, 0.2)
    with app:
        app.connect(hub.port, "localhost")
        hub.disconnect(device_id)
        assert app.wait("disconnect") == "Unspecified error"
        app.wait("connect", 2)
        app.client.publish(f"devices/{device_id}/messages/events/", "x", 1).wait_for_publish(10)


def test_two_threads_and_a_logger(hub: azmqtt.LocalHub, caplog: pytest.LogCaptureFixture, tmp_path: Path):
    app, device_id = hub_app(hub)
    lines: list[str] = []
    app.client.on_log = lambda _c, _u, _level, text: lines.append(text)
    app.client.enable_logger()
    caplog.set_level("DEBUG", "azmqtt.paho")
    with app:
        app.connect(hub.port, "localhost")
        topic = f"devices/{device_id}/messages/events/"
        threads = [threading.Thread(target=lambda: app.client.publish(topic, "x", 1)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        app.wait("publish", 8)
        assert sorted(app.all("publish")) == list(range(1, 9))
    assert "the broker accepted (session present: False)" in lines
    assert [record.getMessage() for record in caplog.records] == lines
    # No secret in any of them.
    assert not any("sig=" in line for line in lines)
    assert mqtt.MQTT_LOG_DEBUG == 16
