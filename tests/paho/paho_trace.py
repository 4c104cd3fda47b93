"""Small applications that write down what happens to them: run with paho-mqtt and with the drop-in, to be compared.

Usage: ``paho_trace.py IMPLEMENTATION STYLE PORT PASSWORD_PORT``, with ``paho`` or ``azmqtt`` and ``old`` (the
constructor of paho 1.x), ``v1`` or ``v2`` (that of paho 2, with the version of its callbacks). Prints JSON.
"""

import json
import sys
import threading
import time
import warnings

warnings.simplefilter("ignore")
IMPLEMENTATION, STYLE, PORT, PASSWORD_PORT = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
if IMPLEMENTATION == "paho":
    import paho.mqtt.client as mqtt
else:
    import azmqtt.paho.client as mqtt

NAME = f"{IMPLEMENTATION}-{STYLE}"


def plain(value):  # noqa: PLR0911 - one for each kind
    """What is compared of an argument of a callback."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return [type(value).__name__, *(plain(each) for each in value)]
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    if hasattr(value, "is_failure") or hasattr(value, "getName"):
        return [type(value).__name__, str(value), value.value, value == 0, value.is_failure, value == str(value)]
    if hasattr(value, "payload"):
        return [value.topic, value.payload.decode(), value.qos, bool(value.retain), bool(value.dup)]
    return [type(value).__name__, str(value), bool(value.isEmpty())]


class Trace:
    """A client, and what it is called back with."""

    def __init__(self, scenario, suffix="", **options):
        self.lines = []
        self.arrived = threading.Condition()
        self.topic = f"{NAME}/{scenario}"
        client_id = f"{NAME}-{scenario}{suffix}"
        versions = {"v1": "VERSION1", "v2": "VERSION2"}
        first = [getattr(mqtt.CallbackAPIVersion, versions[STYLE])] if STYLE != "old" else []
        self.client = mqtt.Client(*first, client_id=client_id, userdata="ud", **options)
        for name in ("connect", "disconnect", "message", "publish", "subscribe", "unsubscribe", "connect_fail"):
            setattr(self.client, f"on_{name}", self.writer(f"on_{name}"))

    def writer(self, name, then=None):
        def callback(client, userdata, *arguments):
            assert (client, userdata) == (self.client, "ud")
            self.write(name, *(plain(argument) for argument in arguments))
            if then is not None:
                then(*arguments)

        return callback

    def write(self, *line):
        with self.arrived:
            line = json.loads(json.dumps(line).replace(NAME, "NAME"))
            self.lines.append(line)
            self.arrived.notify_all()

    def wait(self, name, count=1):
        with self.arrived:
            enough = self.arrived.wait_for(lambda: sum(line[0] == name for line in self.lines) >= count, 10)
        if not enough:
            raise TimeoutError(f"{name} did not come {count} times: {self.lines}")

    def pump(self, name, count=1):
        """The same by hand."""
        deadline = time.monotonic() + 10
        while sum(line[0] == name for line in self.lines) < count:
            rc = self.client.loop(0.1)
            if rc:
                self.write("loop", int(rc))
            assert time.monotonic() < deadline, (name, self.lines)

    def attempt(self, label, call):
        try:
            self.write(label, plain(call()))
        except Exception as error:
            kinds = [kind.__name__ for kind in type(error).__mro__]
            known = [
                kind for kind in kinds if kind in {"ValueError", "TypeError", "ConnectionRefusedError", "gaierror"}
            ]
            self.write(label, "raised", known or kinds[0])

    def topics(self, *names):
        return [f"{self.topic}/{name}" for name in names]


def threaded(scenario):
    t = Trace(scenario)
    c = t.client
    c.connect("127.0.0.1", PORT)
    c.loop_start()
    t.wait("on_connect")
    a, b, d = t.topics("a", "b", "d")
    t.attempt("subscribe", lambda: c.subscribe(a))
    t.wait("on_subscribe")
    t.attempt("subscribe", lambda: c.subscribe((b, 1)))
    t.wait("on_subscribe", 2)
    t.attempt("subscribe", lambda: c.subscribe([(a, 1), (d, 0)]))
    t.wait("on_subscribe", 3)
    info = c.publish(a, "one", 1)
    info.wait_for_publish(5)
    t.wait("on_message")
    t.wait("on_publish")
    c.publish(b, b"two").wait_for_publish(5)
    t.wait("on_message", 2)
    t.attempt("unsubscribe", lambda: c.unsubscribe(b))
    t.wait("on_unsubscribe")
    t.attempt("unsubscribe", lambda: c.unsubscribe([a, d]))
    t.wait("on_unsubscribe", 2)
    t.write("connected", c.is_connected())
    rc = int(c.disconnect())
    # Paho asks whether it has a thread after it has woken it. If that has sent DISCONNECT and ended by then, paho
    # writes by itself, without a socket, and answers MQTT_ERR_NO_CONN (4): in one of seven runs, with paho 2.
    t.write("disconnect", 0 if IMPLEMENTATION == "paho" and rc == int(mqtt.MQTT_ERR_NO_CONN) else rc)
    t.wait("on_disconnect")
    c.loop_stop()
    t.write("connected", c.is_connected())
    return sorted(t.lines, key=lambda line: line[0])


def by_hand(scenario):
    t = Trace(scenario)
    c = t.client
    t.attempt("loop", lambda: bool(c.loop()))
    t.attempt("connect", lambda: c.connect("127.0.0.1", PORT))
    t.attempt("early publish", lambda: list(c.publish(*t.topics("x"), "early", 0)))
    t.pump("on_connect")
    t.attempt("subscribe", lambda: c.subscribe(*t.topics("+"), qos=1))
    t.pump("on_subscribe")
    t.attempt("publish", lambda: list(c.publish(*t.topics("y"), 5, 0)))
    t.pump("on_message")
    t.attempt("publish", lambda: list(c.publish(*t.topics("z"), None, 1)))
    t.pump("on_message", 2)
    t.pump("on_publish", 3)
    t.attempt("disconnect", c.disconnect)
    t.attempt("loop", lambda: bool(c.loop()))
    t.attempt("publish", lambda: list(c.publish(*t.topics("z"), 1.5)))
    t.attempt("subscribe", lambda: c.subscribe(*t.topics("z")))
    t.attempt("unsubscribe", lambda: c.unsubscribe(*t.topics("z")))
    t.attempt("disconnect", c.disconnect)
    return t.lines


def offline(scenario):
    t = Trace(scenario)
    c = t.client
    lost = c.publish(*t.topics("lost"), "0", 0)
    kept = c.publish(*t.topics("kept"), "1", 1)
    t.write("rc", list(map(int, lost)), list(map(int, kept)), lost.mid, kept.mid)
    t.attempt("is_published", kept.is_published)
    t.attempt("wait_for_publish", lambda: lost.wait_for_publish(1))
    c.connect("127.0.0.1", PORT)
    c.loop_start()
    t.wait("on_publish")
    c.disconnect()
    t.wait("on_disconnect")
    c.loop_stop()
    return t.lines


def queue(scenario):
    t = Trace(scenario)
    c = t.client
    c.max_queued_messages_set(2)
    t.write("rcs", [int(c.publish(*t.topics("q"), n, 1).rc) for n in range(4)])
    full = c.publish(*t.topics("q"), "", 1)
    t.attempt("is_published", full.is_published)
    t.attempt("wait_for_publish", full.wait_for_publish)
    t.write("str", str((int(full[0]), int(full[1]))), [int(each) for each in full])
    t.attempt("index", lambda: full[2])
    rc, mid = full
    t.write("unpacked", int(rc), mid)
    return t.lines


def forever(scenario):
    """Everything inside callbacks."""
    t = Trace(scenario)
    c = t.client

    def connected(*_):
        c.subscribe(*t.topics("#"), qos=1)

    def subscribed(*_):
        c.publish(*t.topics("ask"), "?", 1)

    def came(message):
        if message.topic.endswith("ask"):
            c.publish(*t.topics("answer"), "!", 1)
        else:
            c.disconnect()

    c.on_connect = t.writer("on_connect", connected)
    c.on_subscribe = t.writer("on_subscribe", subscribed)
    c.on_message = t.writer("on_message", came)
    c.connect_async("127.0.0.1", PORT)
    c.loop_forever()
    lines = [line for line in t.lines if line[0] != "on_publish"]
    return [*lines, ["connected", c.is_connected()]]


def refused(scenario):
    t = Trace(scenario)
    c = t.client
    c.username_pw_set("user", "wrong")
    c.connect("127.0.0.1", PASSWORD_PORT)
    t.pump("on_disconnect")
    t.attempt("loop", lambda: bool(c.loop()))
    c.username_pw_set("user", "secret")
    t.attempt("reconnect", c.reconnect)
    t.pump("on_connect", 2)
    t.attempt("disconnect", c.disconnect)
    return t.lines


def disconnect_when_refused(scenario):
    t = Trace(scenario)
    c = t.client
    c.on_connect = t.writer("on_connect", lambda *_: c.disconnect())
    c.connect("127.0.0.1", PASSWORD_PORT)
    c.loop_forever()
    return t.lines


def nobody_there(scenario):
    t = Trace(scenario)
    c = t.client
    t.attempt("connect", lambda: c.connect("127.0.0.1", 1))
    t.attempt("connect", lambda: c.connect("127.0.0.1", 0))
    t.attempt("connect", lambda: c.connect(""))
    t.attempt("connect", lambda: c.connect("127.0.0.1", PORT, -1))
    t.attempt("connect", lambda: c.connect("no-such-host.invalid", PORT))
    c = t.client = Trace(scenario, "2").client
    c.on_connect_fail = lambda *_: t.write("failed")
    c.connect_async("127.0.0.1", 1)
    t.attempt("loop_forever", c.loop_forever)
    t.attempt("reconnect", Trace(scenario, "3").client.reconnect)
    return t.lines


def arguments(scenario):
    t = Trace(scenario)
    c = t.client
    for label, call in {
        "empty topic": lambda: c.publish("", "x"),
        "wildcard": lambda: c.publish("a/+", "x"),
        "qos 3": lambda: c.publish("a", "x", 3),
        "payload": lambda: c.publish("a", object()),
        "list payload": lambda: c.publish("a", [1]),
        "sub empty": lambda: c.subscribe(""),
        "sub none": lambda: c.subscribe(None),
        "sub filter": lambda: c.subscribe("a/#/b"),
        "sub qos": lambda: c.subscribe("a", 3),
        "sub pairs": lambda: c.subscribe([("", 0)]),
        "unsub empty": lambda: c.unsubscribe(""),
        "unsub none": lambda: c.unsubscribe(None),
        "will": lambda: c.will_set("", "x"),
        "will qos": lambda: c.will_set("a", "x", 3),
        "will payload": lambda: c.will_set("a", object()),
        "insecure": lambda: c.tls_insecure_set(value=True),
        "inflight": lambda: c.max_inflight_messages_set(-1),
        "queued": lambda: c.max_queued_messages_set(-1),
        "filter": lambda: c.message_callback_add(None, None),
        "negative loop": lambda: c.loop(-1),
        "loop_stop": c.loop_stop,
        "user data": lambda: c.user_data_set("other"),
        "no id": lambda: mqtt.Client(*([c.callback_api_version] if STYLE != "old" else []), clean_session=False),
        "transport": lambda: mqtt.Client(*([c.callback_api_version] if STYLE != "old" else []), transport="x"),
    }.items():
        t.attempt(label, call)
    return t.lines


def filters(scenario):
    t = Trace(scenario)
    c = t.client
    c.connect("127.0.0.1", PORT)
    t.pump("on_connect")
    for name in ("#", "+/b", "a/+", "a/b", "a/#", "a/b/#", "x"):
        c.message_callback_add(t.topics(name)[0], t.writer(f"filter {name}"))
    c.message_callback_remove(t.topics("x")[0])
    c.message_callback_remove(t.topics("never")[0])
    c.subscribe(*t.topics("#"))
    t.pump("on_subscribe")
    c.publish(*t.topics("a/b"), "1")
    c.publish(*t.topics("c"), "2")
    t.pump("filter #", 2)
    c.message_callback_remove(t.topics("#")[0])
    c.publish(*t.topics("c"), "3")
    t.pump("on_message")
    c.disconnect()
    return t.lines


def failing_callback(scenario):
    t = Trace(scenario)
    c = t.client

    def fail(*_):
        raise KeyError("mine")

    c.connect("127.0.0.1", PORT)
    t.pump("on_connect")
    c.on_subscribe = t.writer("on_subscribe", fail)
    c.suppress_exceptions = True
    c.subscribe(*t.topics("a"))
    t.pump("on_subscribe")
    c.suppress_exceptions = False
    c.subscribe(*t.topics("#"))
    # paho would call it again and again with the same packet from here on.
    try:
        t.pump("on_subscribe", 3)
    except KeyError as error:
        t.write("raised", str(error))
    c.disconnect()
    return t.lines


def taken_over(scenario):
    t = Trace(scenario)
    t.client.connect("127.0.0.1", PORT)
    t.pump("on_connect")
    other = Trace(scenario)
    other.client.connect("127.0.0.1", PORT)
    other.pump("on_connect")
    t.pump("on_disconnect")
    if STYLE != "old":
        # paho 1.6 goes on to say that it is connected.
        t.write("connected", t.client.is_connected())
    other.client.disconnect()
    return t.lines


def retained(scenario):
    t = Trace(scenario)
    c = t.client
    c.connect("127.0.0.1", PORT)
    t.pump("on_connect")
    c.publish(*t.topics("r"), "kept", 1, retain=True)
    t.pump("on_publish")
    c.subscribe(*t.topics("r"), 1)
    t.pump("on_message")
    c.publish(*t.topics("r"), "", 1, retain=True)
    t.pump("on_message", 2)
    t.pump("on_publish", 2)
    c.disconnect()
    return sorted(t.lines, key=lambda line: line[0])


def sessions(scenario):
    t = Trace(scenario, clean_session=False)
    for _ in range(2):
        t.client.connect("127.0.0.1", PORT)
        t.pump("on_connect", len([line for line in t.lines if line[0] == "on_connect"]) + 1)
        t.client.subscribe(*t.topics("s"), 1)
        t.pump("on_subscribe", len([line for line in t.lines if line[0] == "on_subscribe"]) + 1)
        t.client.disconnect()
    other = Trace(scenario, "-other")
    other.client.connect("127.0.0.1", PORT)
    other.pump("on_connect")
    other.client.publish(*t.topics("s"), "while away", 1)
    other.pump("on_publish")
    other.client.disconnect()
    t.client.reconnect()
    t.pump("on_message")
    t.client.disconnect()
    cleared = Trace(scenario)
    cleared.client.connect("127.0.0.1", PORT)
    cleared.pump("on_connect")
    cleared.client.disconnect()
    return [*t.lines, *cleared.lines]


def loops(scenario):
    t = Trace(scenario)
    c = t.client
    c.connect("127.0.0.1", PORT)
    started = [int(c.loop_start() or 0) for _ in range(2)]
    t.wait("on_connect")
    t.write("started", started)
    done = threading.Event()

    def stop(*_):
        c.loop_stop()
        done.set()

    c.on_subscribe = t.writer("on_subscribe", stop)
    c.subscribe(*t.topics("a"))
    t.write("stopped from within", done.wait(5))
    return t.lines


def strings(scenario):
    t = Trace(scenario)
    pairs = [("a/+", "a/b"), ("#", "$SYS/a"), ("+/a", "$SYS/a"), ("$SYS/#", "$SYS/a"), ("a/#", "a"), ("a", "b")]
    for sub, topic in pairs:
        t.write(sub, topic, mqtt.topic_matches_sub(sub, topic))
    t.write("connack", [bool(mqtt.connack_string(number)) for number in range(7)])
    t.write("error", [bool(mqtt.error_string(number)) for number in range(-1, 20)])
    for name in ("MQTT_ERR_SUCCESS", "MQTT_ERR_NO_CONN", "MQTT_ERR_QUEUE_SIZE", "MQTT_ERR_CONN_LOST", "MQTTv311"):
        t.write(name, int(getattr(mqtt, name)))
    return t.lines


SCENARIOS = [
    threaded, by_hand, offline, queue, forever, refused, disconnect_when_refused, nobody_there, arguments, filters,
    failing_callback, taken_over, retained, sessions, loops, strings,
]  # fmt: skip

if __name__ == "__main__":
    traces = {}
    for scenario in SCENARIOS:
        try:
            traces[scenario.__name__] = scenario(scenario.__name__)
        except Exception as error:
            traces[scenario.__name__] = f"{type(error).__name__}: {error}"
    json.dump(traces, sys.stdout)
