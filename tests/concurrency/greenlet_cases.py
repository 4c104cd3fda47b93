"""What `test_greenlets` runs, each in a Python of its own: ``greenlet_cases.py LIBRARY CASE``.

A greenlet ticks beside every case: it must go on while the others wait.
"""

# ruff: noqa: E402 - the libraries patch first
import sys

LIBRARY, CASE = sys.argv[1:3]
if LIBRARY == "gevent":
    from gevent import monkey

    monkey.patch_all()
else:
    import eventlet

    eventlet.monkey_patch()

import asyncio
import contextlib
import faulthandler
import hashlib
import hmac
import logging
import os
import queue
import signal
import subprocess
import threading
import time
from base64 import b64decode

import azmqtt
from azmqtt.paho import client as mqtt

WAIT = 30
faulthandler.dump_traceback_later(50, exit=True)
ticks = []


def tick():
    while True:
        ticks.append(time.monotonic())
        time.sleep(0.01)


@contextlib.contextmanager
def others_run():
    """Fail unless the other greenlet has run several times meanwhile, as it would in two tenths of a second."""
    before = len(ticks)
    yield
    assert len(ticks) >= before + 3, "no other greenlet has run"


def until(condition):
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


def calls(hub):
    with hub.device_client("d") as client:
        client.connect()
        assert client.patch_reported_properties({"a": 1}).version == 2
        client.send_message("x")
        client.disconnect()
        assert client.get_twin().reported == {"a": 1}
        assert client.send_messages([b"x"] * 3000, progress=lambda *_: None) == 3000
        # Calls in greenlets, several at once.
        versions = []
        patch = lambda: versions.append(client.patch_reported_properties({"b": 1}).version)  # noqa: E731
        greenlets = [threading.Thread(target=patch) for _ in range(20)]
        for greenlet in greenlets:
            greenlet.start()
        for greenlet in greenlets:
            greenlet.join()
        assert sorted(versions) == list(range(3, 23))
        hub.inject_fault(azmqtt.faults.Silence())
        with others_run(), contextlib.suppress(azmqtt.RequestTimeout):
            client.get_twin(timeout=0.2)


def iterators(hub):
    with hub.device_client("d") as client:
        messages, changes = client.messages(timeout=0.2), client.desired_properties(timeout=WAIT)
        client.connect()
        with others_run():
            assert list(messages) == []
        threading.Timer(0.2, hub.patch_desired, ("d", {"x": 1})).start()
        with others_run():
            assert next(changes).patch == {"x": 1}
        with others_run():
            states = client.state_changes(timeout=0.2)
            assert list(states) == []
        # Closing ends an iteration.
        threading.Timer(0.1, client.close).start()
        assert list(client.messages()) == []


def handlers(hub):
    seen = queue.Queue()
    done = threading.Event()
    hub.create_module("d", "m")
    with hub.device_client("d") as client, hub.device_client("d", module_id="m") as module:

        @client.on_state_change
        def state(item):
            seen.put(("state", item.state))
            if item.state == "closed":
                done.set()

        @client.on_message
        def message(item):
            with others_run():
                time.sleep(0.2)
            seen.put(("message", item.body))

        @client.on_desired_properties
        def desired(item):
            seen.put(("desired", item.patch))

        @client.on_method("m")
        def method(request):
            client.send_message("from a handler")
            return request.payload

        @module.on_input_message("in")
        def given(item):
            seen.put(("input", item.body))

        client.connect()
        module.connect()
        assert [seen.get(timeout=WAIT) for _ in range(2)] == [("state", "connecting"), ("state", "connected")]
        hub.send_c2d("d", "x")
        with others_run():
            assert seen.get(timeout=WAIT) == ("message", b"x")
        hub.patch_desired("d", {"x": 1})
        assert seen.get(timeout=WAIT) == ("desired", {"x": 1})
        hub.send_to_input("d", "m", "in", "y")
        assert seen.get(timeout=WAIT) == ("input", b"y")
        assert hub.invoke_method("d", "m", 5).payload == 5
        hub.wait_for_telemetry("d", count=1)
        # A handler that blocks holds up no other.
        blocked = threading.Event()
        client.on_method("blocks", lambda _: blocked.wait(WAIT))
        call = threading.Thread(target=hub.invoke_method, args=("d", "blocks"))
        call.start()
        assert hub.invoke_method("d", "m", 6).payload == 6
        blocked.set()
        call.join()
    assert done.wait(WAIT)


def coroutines(hub):
    seen = []

    async def handler(item):
        await asyncio.sleep(0.05)
        seen.append(item)

    with hub.device_client("d") as client:
        client.on_state_change(handler)
        client.on_message(handler)
        client.on_desired_properties(handler)

        @client.on_method("m")
        async def method(request):
            await asyncio.sleep(0.2)
            return request.payload

        client.connect()
        with others_run():
            assert hub.invoke_method("d", "m", 5).payload == 5
        hub.send_c2d("d", "x")
        hub.patch_desired("d", {"x": 1})
        until(lambda: len(seen) == 4)
    until(lambda: len(seen) == 5)


def waits_of_the_hub(hub):
    with others_run(), contextlib.suppress(AssertionError, TimeoutError):
        hub.wait_for_telemetry("d", count=1, timeout=0.2)
    with others_run(), contextlib.suppress(TimeoutError):
        hub.wait_for_connection("d", timeout=0.2)
    with hub.device_client("d") as client:
        threading.Timer(0.2, client.send_message, ("x",)).start()
        with others_run():
            hub.wait_for_telemetry("d", count=1, timeout=WAIT)
    with others_run():
        try:
            hub.invoke_method("d", "m", connect_timeout=0.3)
        except azmqtt.RequestFailed as error:
            failed = error.error_code
    assert failed == 404103


def provisioning(hub):
    def policy(request):
        with others_run():
            time.sleep(0.2)
        return azmqtt.Allocation(device_id="allocated")

    hub.on_allocation(policy)
    enrollment = hub.create_enrollment("r")
    options = hub.provisioning_options
    with (
        others_run(),
        azmqtt.DeviceClient.provision(hub.id_scope, "r", symmetric_key=enrollment.key, **options) as client,
    ):
        assert client.device_id == "allocated"
        client.send_message("x")


def upload(hub):
    size = 3_000_000
    with hub.device_client("d") as client:
        assert client.upload_file(b"x" * size, "blob", block_size=65_536).size == size


def credentials(hub):
    key = hub.create_device("s").connection_string.rpartition("SharedAccessKey=")[2]

    def sign(data):
        with others_run():
            time.sleep(0.2)
        return hmac.new(b64decode(key), data, hashlib.sha256).digest()

    async def sign_async(data):
        await asyncio.sleep(0.2)
        return hmac.new(b64decode(key), data, hashlib.sha256).digest()

    for signer in (sign, sign_async):
        with azmqtt.DeviceClient.from_signer("localhost", "s", signer, trust=hub.ca_file, port=hub.port) as client:
            with others_run():
                client.send_message("x")
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                continue
            raise AssertionError("a loop seems to run in this greenlet")


def logs(hub):
    records = []

    class Handler(logging.Handler):
        def emit(self, record):
            records.append(record.getMessage())

    logger = logging.getLogger("azmqtt.connection")
    logger.setLevel(logging.INFO)
    logger.addHandler(Handler())
    with hub.device_client("d") as client:
        client.connect()
        until(lambda: any("connected" in record for record in records))


def timeouts(hub):
    """A timeout of the library's ends a call, and the client still works."""
    with hub.device_client("d") as client:
        client.connect()
        changes = client.desired_properties()
        if LIBRARY == "gevent":
            import gevent

            limit = gevent.Timeout.start_new(0.2)
        else:
            limit = eventlet.Timeout(0.2)
        try:
            next(changes)
        except type(limit):
            limit.cancel()
        else:
            raise AssertionError
        hub.patch_desired("d", {"x": 1})
        assert next(changes).patch == {"x": 1}


def ctrl_c(hub):
    with hub.device_client("d") as client:
        # From outside: a signal of its own would reach the greenlet that sends it.
        interrupt = f"import os, time; time.sleep(0.5); os.kill({os.getpid()}, {int(signal.SIGINT)})"
        subprocess.Popen([sys.executable, "-c", interrupt])
        try:
            next(client.messages())
        except KeyboardInterrupt:
            return
    raise AssertionError


def drop_in(hub):
    key = hub.create_device("p").connection_string.rpartition("SharedAccessKey=")[2]
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "p")
    client.username_pw_set("localhost/p/?api-version=2021-04-12", azmqtt.sas.generate("localhost/devices/p", key))
    client.tls_set(ca_certs=hub.ca_file)
    connected, received = threading.Event(), queue.Queue()
    client.on_connect = lambda *_: client.subscribe("devices/p/messages/devicebound/#", 1)
    client.on_subscribe = lambda *_: connected.set()
    client.on_message = lambda *given: received.put(given[2].payload)
    return client, connected, received


def loop_start(hub):
    client, connected, received = drop_in(hub)
    client.connect("localhost", hub.port)
    client.loop_start()
    with others_run():
        assert connected.wait(WAIT)
        time.sleep(0.2)
    info = client.publish("devices/p/messages/events/", "x", 1)
    info.wait_for_publish(WAIT)
    assert info.is_published()
    hub.send_c2d("p", "y")
    assert received.get(timeout=WAIT) == b"y"
    # The loop waits now, and so may others.
    with others_run():
        time.sleep(0.2)
    client.disconnect()
    client.loop_stop()


def loop_forever(hub):
    client, connected, received = drop_in(hub)
    client.connect_async("localhost", hub.port)
    loop = threading.Thread(target=client.loop_forever, kwargs={"retry_first_connection": True})
    loop.start()
    assert connected.wait(WAIT)
    client.publish("devices/p/messages/events/", "x", 1).wait_for_publish(WAIT)
    hub.send_c2d("p", "y")
    assert received.get(timeout=WAIT) == b"y"
    client.disconnect()
    loop.join(WAIT)
    assert not loop.is_alive()


def loop(hub):
    client, connected, _ = drop_in(hub)
    client.connect("localhost", hub.port)
    while not connected.is_set():
        client.loop(0.1)
    with others_run():
        client.loop(0.2)
    client.disconnect()


def closing(hub):
    """Closing waits for a handler, and for what cannot be sent, while others run."""
    client = hub.device_client("d")
    entered = threading.Event()

    @client.on_message
    def handler(message):
        entered.set()
        time.sleep(0.3)

    client.connect()
    hub.send_c2d("d", "x")
    assert entered.wait(WAIT)
    with others_run():
        client.close()


def any_broker(hub):
    """The client of any broker, and a local hub as one: MQTT 3.1.1 with a token as password."""
    login = hub.create_device("m")
    key = login.connection_string.partition("SharedAccessKey=")[2]
    client = azmqtt.MqttClient(
        "localhost",
        "m",
        port=hub.port,
        trust=hub.ca_file,
        protocol=4,
        username="localhost/m/?api-version=2021-04-12",
        password=azmqtt.sas.generate("localhost/devices/m", key),
    )
    received = queue.Queue()
    client.on_message("devices/m/messages/devicebound/#", received.put)
    client.subscribe("devices/m/messages/devicebound/#")
    assert client.publish_many(("devices/m/messages/events/", str(number)) for number in range(10)) == 10
    hub.send_c2d("m", "x")
    with others_run():
        assert received.get(timeout=WAIT).payload == b"x"
        time.sleep(0.2)
    with others_run():
        assert list(client.messages(timeout=0.2)) == []
    client.close()


with azmqtt.LocalHub() as the_hub:
    the_hub.create_device("d")
    threading.Thread(target=tick, daemon=True).start()
    time.sleep(0)
    globals()[CASE](the_hub)
print("done")
