"""A robot (see robot_lines.py for its lines) of paho-mqtt, as it comes, either 1.6.1 or 2: bare MQTT, told what to do.

Run by an interpreter that has that package. A call answers ``{"closed": true}`` when the hub ended the connection
instead.
"""

import base64
import json
import sys
import threading

from paho.mqtt import client as mqtt

WAIT = 20.0
VERSION_2 = hasattr(mqtt, "CallbackAPIVersion")

#: paho 2 speaks of refusals by MQTT 5's numbers.
RETURN_CODES = {132: 1, 133: 2, 136: 3, 134: 4, 135: 5}

_writing = threading.Lock()


def say(**line: object) -> None:
    """Write a line; callbacks do so from the network's thread."""
    with _writing:
        print(json.dumps(line), flush=True)


def number(code: object) -> int:
    """Return a code as MQTT 3.1.1 has it."""
    value = getattr(code, "value", code)
    return RETURN_CODES.get(value, value)


class Robot:
    """One client at a time; each public method is a call."""

    client = None

    def _changed(self, **what: object) -> None:
        with self.condition:
            self.state.update(what)
            self.condition.notify_all()

    def _wait(self, *names: str) -> dict:
        """Wait until one of these is known, or the connection is closed."""
        with self.condition:
            wanted = {*names, "closed"}
            if not self.condition.wait_for(lambda: wanted & self.state.keys(), WAIT):
                raise TimeoutError(f"none of {sorted(wanted)} came")
            return {name: self.state.pop(name) for name in names if name in self.state} or {"closed": True}

    def make(self, call: dict) -> None:
        """Make a client, with the arguments of the call as paho names them."""
        self.shutdown(call)
        self.condition, self.state = threading.Condition(), {}
        arguments = {
            "client_id": call["client_id"],
            "clean_session": call.get("clean_session", True),
            "transport": call.get("transport", "tcp"),
            "reconnect_on_failure": False,
        }
        if VERSION_2:
            arguments["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION2
        self.client = client = mqtt.Client(**arguments)
        client.ws_set_options(path="/$iothub/websocket")
        client.tls_set(call["ca_file"], call.get("certificate"), call.get("private_key"))
        if "username" in call:
            client.username_pw_set(call["username"], call.get("password"))
        if "will" in call:
            client.will_set(**call["will"])

        def on_connect(_client: object, _data: object, flags: object, code: object, _properties: object = None) -> None:
            present = flags["session present"] if isinstance(flags, dict) else flags.session_present
            self._changed(return_code=number(code), session_present=bool(present))

        def on_subscribe(_client: object, _data: object, _mid: int, codes: list, _properties: object = None) -> None:
            self._changed(granted=[number(code) for code in codes])

        def on_message(_client: object, _data: object, message: mqtt.MQTTMessage) -> None:
            value = {name: getattr(message, name) for name in ("topic", "qos", "retain", "dup")}
            say(event="message", value={**value, "text": message.payload.decode()})

        client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
        client.on_publish = lambda _client, _data, mid, *_: self._changed(**{f"published {mid}": True})
        client.on_unsubscribe = lambda *_: self._changed(unsubscribed=True)

        client.on_disconnect = lambda *_: self._changed(closed=True)

    def connect(self, call: dict) -> dict:
        """Connect; return the CONNACK."""
        self.client.connect(call["host"], call["port"], keepalive=call.get("keep_alive", 60))
        self.client.loop_start()
        return self._wait("return_code", "session_present")

    def subscribe(self, call: dict) -> dict:
        """Subscribe to pairs of a filter and a QoS."""
        self.client.subscribe([(topic, qos) for topic, qos in call["filters"]])
        return self._wait("granted")

    def unsubscribe(self, call: dict) -> dict:
        """Unsubscribe."""
        self.client.unsubscribe(call["filters"])
        return self._wait("unsubscribed")

    def publish(self, call: dict) -> dict:
        """Publish, and wait until it is acknowledged, or with QoS 0 written."""
        body = base64.b64decode(call["base64"]) if "base64" in call else call.get("text", "")
        sent = self.client.publish(call["topic"], body, qos=call.get("qos", 1), retain=call.get("retain", False))
        self._wait(f"published {sent.mid}")
        with self.condition:
            return {"closed": True} if "closed" in self.state else {}

    def wait_until_closed(self, _call: dict) -> dict:
        """Wait for the end of the connection."""
        return self._wait()

    def disconnect(self, _call: dict) -> None:
        """Send DISCONNECT."""
        self.client.disconnect()
        self._wait()
        self.client.loop_stop()

    def drop(self, _call: dict) -> None:
        """Be gone without DISCONNECT."""
        self.client.loop_stop(*([] if VERSION_2 else [True]))
        self.client.socket().close()
        self.client = None

    def shutdown(self, _call: dict) -> None:
        """End the client, if there is one."""
        if self.client is not None:
            self.client.disconnect()
            self.client.loop_stop()
            self.client = None


def main() -> None:
    """Do what the lines ask for, until there are no more."""
    robot = Robot()
    say(event="ready", value=sys.argv[1:])
    for line in sys.stdin:
        call = json.loads(line)
        try:
            say(id=call["id"], result=getattr(robot, call["call"])(call))
        except Exception as error:
            say(id=call["id"], error=type(error).__name__, text=str(error))


main()
