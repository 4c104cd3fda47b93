"""The drop-in on a real Mosquitto: what an MQTT 3.1.1 client has to do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import azmqtt.paho.client as mqtt
from mosquitto import Mosquitto, needs_mosquitto
from paho_apps import App

pytestmark = needs_mosquitto


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """One that may be killed."""
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.mark.parametrize("qos", [0, 1])
def test_messages_arrive_in_their_order(broker: Mosquitto, qos: int):
    with App().connect(broker.port) as app:
        topic = f"order/{qos}"
        assert app.subscribe(topic, qos) == [qos]
        infos = [app.client.publish(topic, f"{n}", qos) for n in range(500)]
        app.wait("message", 500)
        assert app.bodies() == [b"%d" % n for n in range(500)]
        assert {message.qos for message in app.messages} == {qos}
        app.wait("publish", 500)
        assert sorted(app.all("publish")) == [info.mid for info in infos]
        assert all(info.is_published() for info in infos)


@pytest.mark.parametrize("size", [0, 1, 300_000, 15_000_000])
def test_any_size(broker: Mosquitto, size: int):
    with App().connect(broker.port) as app:
        app.subscribe("large")
        payload = bytes(range(256)) * (size // 256 + 1)
        app.client.publish("large", payload[:size], 1)
        assert app.wait("message").payload == payload[:size]


def test_retained_messages_come_with_the_subscription(broker: Mosquitto):
    with App().connect(broker.port) as app:
        app.client.publish("kept", "1", 1, retain=True).wait_for_publish(10)
        app.subscribe("kept")
        message = app.wait("message")
        assert (message.payload, message.retain) == (b"1", True)
        app.client.publish("kept", "2", 1)
        assert not app.wait("message", 2).retain
        app.client.publish("kept", None, 1, retain=True).wait_for_publish(10)
    with App().connect(broker.port) as other:
        other.subscribe("kept")
        other.client.publish("kept", "end", 1)
        assert other.wait("message").payload == b"end"


@pytest.mark.parametrize("polite", [True, False])
def test_the_will_is_published_unless_the_client_disconnects(broker: Mosquitto, *, polite: bool):
    with App().connect(broker.port) as watcher:
        watcher.subscribe(f"will/{polite}")
        app = App(f"will-{polite}")
        app.client.will_set(f"will/{polite}", "gone", 1)
        app.connect(broker.port)
        if polite:
            app.client.disconnect()
        else:
            # Another connection of the same name takes over, without a will.
            App(f"will-{polite}").connect(broker.port).__exit__()
        app.wait("disconnect")
        app.client.loop_stop()
        watcher.client.publish(f"will/{polite}", "end", 1)
        watcher.until(lambda: b"end" in watcher.bodies())
        assert watcher.bodies() == ([b"end"] if polite else [b"gone", b"end"])


def test_a_session_is_kept_and_cleared(broker: Mosquitto):
    with App("session", clean_session=False).connect(broker.port) as app:
        assert app.wait("connect") == (False, "Success")
        app.subscribe("session")
    with App().connect(broker.port) as other:
        other.client.publish("session", "while away", 1).wait_for_publish(10)
    with App("session", clean_session=False).connect(broker.port) as app:
        assert app.wait("connect") == (True, "Success")
        assert app.wait("message").payload == b"while away"
    with App("session").connect(broker.port) as app:
        assert app.wait("connect") == (False, "Success")
    with App("session", clean_session=False).connect(broker.port) as app:
        assert app.wait("connect") == (False, "Success")


def test_what_is_published_offline_arrives_later(broker: Mosquitto):
    with App().connect(broker.port) as watcher, App() as app:
        watcher.subscribe("offline")
        infos = [app.client.publish("offline", f"{n}", 1) for n in range(50)]
        lost = app.client.publish("offline", "lost")
        assert {info.rc for info in [*infos, lost]} == {mqtt.MQTT_ERR_NO_CONN}
        app.connect(broker.port)
        app.wait("publish", 50)
        watcher.wait("message", 50)
        assert watcher.bodies() == [b"%d" % n for n in range(50)]


def test_after_the_end_of_a_subscription_nothing_comes(broker: Mosquitto):
    with App().connect(broker.port) as app:
        assert app.subscribe([("end/a", 1), ("end/b", 0)]) == [1, 0]
        _, mid = app.client.unsubscribe("end/a")
        assert app.wait("unsubscribe") == mid
        app.client.publish("end/a", "no", 1)
        app.client.publish("end/b", "yes", 1)
        assert app.wait("message").payload == b"yes"
        assert len(app.messages) == 1


def test_overlapping_filters_have_one_callback_each(broker: Mosquitto):
    with App().connect(broker.port) as app:
        came: list[str] = []
        app.client.message_callback_add("over/+", lambda _c, _u, _m: came.append("+"))
        app.client.message_callback_add("over/a", lambda _c, _u, _m: came.append("a"))
        app.subscribe([("over/#", 1), ("over/+", 0), ("end", 1)])
        app.client.publish("over/a", "1", 1)
        app.client.publish("end", "", 1)
        app.wait("message")
        # Mosquitto sends one copy for each matching subscription, or one for all of them (§3.3.5).
        assert came in (["a", "+"], ["a", "+", "a", "+"])


def test_a_wrong_password_is_refused(tmp_path: Path):
    with Mosquitto(tmp_path, password=True) as broker, App() as app:
        app.client.username_pw_set("user", "wrong")
        app.client.reconnect_delay_set(0.05, 0.05)
        app.client.connect("127.0.0.1", broker.port)
        app.client.loop_start()
        session_present, reason = app.wait("connect")
        assert (session_present, reason == "Not authorized", reason.is_failure) == (False, True, True)
        app.wait("disconnect")
        app.client.username_pw_set("user", "secret")
        app.until(lambda: app.all("connect")[-1][1] == 0)


def test_the_keep_alive_keeps_a_quiet_connection(broker: Mosquitto):
    with App("quiet").connect(broker.port, keepalive=1) as app:
        # Mosquitto ends a connection that is silent for one and a half intervals.
        time.sleep(2.5)
        app.client.publish("quiet", "", 1).wait_for_publish(10)
        assert app.all("disconnect") == []


def test_a_silent_broker_is_noticed(own_broker: Mosquitto):
    with App().connect(own_broker.port, keepalive=1) as app:
        own_broker.pause(signal.SIGSTOP)
        try:
            assert app.wait("disconnect") == "Keep alive timeout"
        finally:
            own_broker.pause(signal.SIGCONT)
        app.wait("connect", 2)


def test_messages_outlive_a_broker_that_is_killed(own_broker: Mosquitto):
    with App("sender", clean_session=False) as app:
        app.client.reconnect_delay_set(0.05, 0.2)
        app.connect(own_broker.port)
        own_broker.kill()
        assert app.wait("disconnect") == "Unspecified error"
        infos = [app.client.publish("killed", f"{n}", 1, retain=True) for n in range(5)]
        app.wait("connect_fail", 2)
        own_broker.start()
        app.wait("connect", 2)
        app.wait("publish", len(infos))
        app.subscribe("killed")
        assert app.wait("message").payload == b"4"


def test_in_flight_messages_are_sent_again(own_broker: Mosquitto):
    with App("again", clean_session=False) as app:
        app.client.reconnect_delay_set(0.05, 0.2)
        app.connect(own_broker.port)
        own_broker.pause(signal.SIGSTOP)
        infos = [app.client.publish(f"again/{n}", f"{n}", 1, retain=True) for n in range(30)]
        assert {info.rc for info in infos} == {mqtt.MQTT_ERR_SUCCESS}
        own_broker.kill()
        own_broker.start()
        for info in infos:
            info.wait_for_publish(15)
            assert info.is_published()
        app.subscribe("again/#")
        app.wait("message", 30)
        assert sorted(app.bodies(), key=int) == [b"%d" % n for n in range(30)]


def test_whoever_is_taken_over_is_told(broker: Mosquitto):
    first = App("twin", reconnect_on_failure=False).connect(broker.port)
    with App("twin").connect(broker.port):
        first.wait("disconnect")
        assert not first.client.is_connected()
    first.client.loop_stop()


def test_the_end_of_an_old_connection_does_not_end_the_new_one(broker: Mosquitto):
    app = App("old-and-new", reconnect_on_failure=False)
    app.client.connect("127.0.0.1", broker.port)
    while not app.client.is_connected():
        app.client.loop(0.1)
    # Nobody takes the events of the first connection, which the broker ends.
    App("old-and-new").connect(broker.port).__exit__()
    app.client.reconnect()
    while len(app.all("connect")) < 2:
        assert app.client.loop(0.1) == mqtt.MQTT_ERR_SUCCESS
    assert app.all("disconnect") == []
    app.client.disconnect()


def test_a_loop_may_see_a_connection_before_connect_returns(broker: Mosquitto):
    client = App().client
    client._handle((1, "connected", False))
    assert (client.is_connected(), client._connection) == (True, 1)
    client._handle((1, "ended", "lost", None))
    # This is what `reconnect` does when it comes back.
    client._meet(1)
    assert client._connection is None


def test_nobody_connects_beside_a_connection(broker: Mosquitto):
    with App().connect(broker.port) as app:
        app.client._try_again()
        app.client.publish("beside", "", 1).wait_for_publish(10)
        assert len(app.all("connect")) == 1


def test_what_was_not_written_is_lost_with_its_connection():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = App().client
        client.connect("127.0.0.1", listener.getsockname()[1])
        # No CONNACK comes, so that it waits for a moment and no longer.
        info = client.publish("lost", "")
        assert not info.is_published()
        client.reconnect()
        assert info.rc == mqtt.MQTT_ERR_CONN_LOST
        with pytest.raises(RuntimeError, match="lost"):
            info.wait_for_publish(1)


def test_messages_are_acknowledged_by_hand(broker: Mosquitto):
    with App("manual", clean_session=False, manual_ack=True).connect(broker.port) as app:
        app.subscribe("manual")
        app.client.publish("manual", "1", 1)
        app.client.publish("manual", "2", 1)
        app.wait("message", 2)
        app.client.ack(app.messages[0].mid, 1)
        # A round trip: the broker has the acknowledgement.
        app.client.publish("other", "", 1).wait_for_publish(10)
    with App("manual", clean_session=False).connect(broker.port) as app:
        message = app.wait("message")
        assert (message.payload, message.dup) == (b"2", True)


def test_threads_publish_beside_loop_forever(broker: Mosquitto):
    app = App()
    app.client.connect("127.0.0.1", broker.port)

    def publish() -> None:
        app.wait("connect")
        app.subscribe("beside/#")
        for n in range(20):
            app.client.publish(f"beside/{threading.get_ident()}", f"{n}", n % 2)
        app.wait("message", 40)
        app.client.disconnect()

    threads = [threading.Thread(target=publish) for _ in range(2)]
    for thread in threads:
        thread.start()
    app.client.loop_forever()
    for thread in threads:
        thread.join()
    assert app.all("disconnect") == ["Normal disconnection"]


def test_a_script_without_a_loop_gets_its_message_out(broker: Mosquitto):
    with App().connect(broker.port) as watcher:
        watcher.subscribe("script")
        app = App()
        app.client.connect("127.0.0.1", broker.port)
        app.client.publish("script", "0")
        app.client.publish("script", "1", 1)
        assert app.client.disconnect() == mqtt.MQTT_ERR_SUCCESS
        assert app.all("disconnect") == ["Normal disconnection"]
        watcher.wait("message", 2)
        assert sorted(watcher.bodies()) == [b"0", b"1"]


def test_a_thread_that_is_started_first_waits_for_something_to_connect_to(broker: Mosquitto):
    with App() as app:
        app.client.loop_start()
        app.client.connect("127.0.0.1", broker.port)
        app.wait("connect", seconds=5)
        app.client.publish("first", "", 1).wait_for_publish(5)
        assert len(app.all("connect")) == 1


def test_messages_wait_for_a_loop_without_costing_memory(broker: Mosquitto):
    app = App("flooded")
    app.client.connect("127.0.0.1", broker.port)
    while not app.client.is_connected():
        app.client.loop(0.1)
    app.client.subscribe("flood", 1)
    while not app.all("subscribe"):
        app.client.loop(0.1)
    with App().connect(broker.port) as sender:
        # Mosquitto drops what it cannot send past its queue: what matters is that the connection lives.
        for _ in range(40):
            sender.client.publish("flood", bytes(1_000_000))
        sender.client.publish("flood", "end", 1).wait_for_publish(20)
    deadline = time.monotonic() + 20
    while not app.messages and time.monotonic() < deadline:
        app.client.loop(0.1)
    assert app.messages
    app.client.disconnect()


def test_max_inflight_messages(broker: Mosquitto):
    with App() as app:
        app.client.max_inflight_messages_set(1)
        infos = [app.client.publish("window", f"{n}", 1) for n in range(20)]
        app.connect(broker.port)
        app.wait("publish", 20)
        assert app.all("publish") == [info.mid for info in infos]
        app.client.max_inflight_messages_set(0)
        app.client.publish("window", "", 1).wait_for_publish(10)


def test_a_peer_that_is_no_broker():
    with socket.create_server(("127.0.0.1", 0)) as listener, App(reconnect_on_failure=False) as app:
        app.client.connect("127.0.0.1", listener.getsockname()[1])
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            app.client.loop_start()
            assert app.wait("disconnect") == "Protocol error"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_exception_in_a_callback_ends_the_thread_and_its_connection(broker: Mosquitto):
    with App().connect(broker.port) as app:
        thread = app.client._thread
        assert thread is not None

        def fail(*_: object) -> None:
            raise KeyError("mine")

        app.client.message_callback_add("fail", fail)
        app.subscribe([("fail", 1), ("after", 1)])
        app.client.publish("fail", "", 1)
        thread.join(10)
        assert not thread.is_alive()
        assert not app.client.is_connected()
        assert app.client.loop_start() == mqtt.MQTT_ERR_SUCCESS
        app.wait("connect", 2)
        app.subscribe("after")
        app.client.publish("after", "", 1)
        assert app.wait("message").topic == "after"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("forever", [False, True])
def test_the_will_is_published_after_an_exception_in_a_callback(broker: Mosquitto, *, forever: bool):
    topic = f"raised/{forever}"

    def fail(*_: object) -> None:
        raise KeyError("mine")

    with App().connect(broker.port) as watcher:
        watcher.subscribe(topic)
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.will_set(topic, "gone")
        client.on_connect = fail
        client.connect("127.0.0.1", broker.port, 600)
        if forever:
            with pytest.raises(KeyError, match="mine"):
                client.loop_forever()
        else:
            client.loop_start()
        assert watcher.wait("message").payload == b"gone"
        assert not client.is_connected()


@pytest.mark.parametrize("how", ["thread", "no loop", "forever", "unpublished", "stop only"])
def test_a_broker_that_does_not_answer_connect_holds_nobody_up(how: str):
    """Times are compared, since what must not happen is a wait: of the keep-alive, 60 s, or of DISCONNECT, 10 s."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "x")
        ends = []
        client.on_disconnect = lambda *arguments: ends.append(arguments[3])
        client.connect("127.0.0.1", silent.getsockname()[1])
        peer, _ = silent.accept()
        with peer:
            began = time.monotonic()
            if how == "forever":
                threading.Timer(0.2, client.disconnect).start()
                client.loop_forever()
            elif how == "no loop":
                client.disconnect()
            else:
                client.connect_timeout = 0.5
                client.loop_start()
                if how == "unpublished":
                    client.publish("a", "", 1)
                if how not in {"unpublished", "stop only"}:
                    client.disconnect()
                client.loop_stop()
            assert time.monotonic() - began < 9
            if how in {"thread", "no loop", "forever"}:
                assert [str(reason) for reason in ends] == ["Normal disconnection"]
                sent = b""
                while chunk := peer.recv(4096):
                    sent += chunk
                # CONNECT, and DISCONNECT after it.
                assert (sent[0], sent[-2:]) == (0x10, b"\xe0\x00")
            client._drop()


SCRIPT = """
import sys
import azmqtt.paho.client as mqtt

client = mqtt.Client()
client.on_connect = lambda *_: print("connected", flush=True)
client.connect("127.0.0.1", int(sys.argv[1]))
"""


def test_ctrl_c_ends_loop_forever(broker: Mosquitto):
    command = [sys.executable, "-c", SCRIPT + "client.loop_forever()", str(broker.port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "connected\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert errors.strip().endswith("KeyboardInterrupt")


def test_a_process_ends_with_its_main_thread(broker: Mosquitto):
    # A thread that prints while the interpreter ends is Python's own fatal error.
    code = SCRIPT + "client.on_connect = None\nclient.loop_start()\nwhile not client.is_connected(): pass"
    command = [sys.executable, "-W", "error", "-c", code, str(broker.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_is_told(broker: Mosquitto):
    code = (
        SCRIPT
        + """
import os
client.on_connect = None
client.loop_start()
while not client.is_connected(): pass
# As if the loop's thread had been inside of them.
held = [client._lock, client._opening]
import threading
thread = threading.Thread(target=lambda: [lock.acquire() for lock in held])
thread.start(); thread.join()
if os.fork() == 0:
    port = int(sys.argv[1])
    calls = (
        lambda: client.publish("a", "", 1), lambda: client.publish("a"), lambda: client.subscribe("a"),
        lambda: client.unsubscribe("a"), lambda: client.loop(), lambda: client.loop_start(), lambda: client.loop_stop(),
        lambda: client.disconnect(), lambda: client.reconnect(), lambda: client.connect("127.0.0.1", port),
    )
    for call in calls:
        try: call()
        except RuntimeError as error: print("fork" in str(error), flush=True)
    os._exit(0)
os.wait()
os._exit(0)
"""
    )
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, str(broker.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n" * 10), done.stderr
