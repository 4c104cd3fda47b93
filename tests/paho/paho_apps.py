"""What the tests of the drop-in share: a client whose callbacks can be waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import azmqtt.paho.client as mqtt


class App:
    """A client with a thread, and what it was called back with."""

    def __init__(self, client_id: str = "", **options: Any) -> None:
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id, **options)
        self._came = threading.Condition()
        self.messages: list[mqtt.MQTTMessage] = []
        self.events: list[tuple[str, Any]] = []
        client = self.client
        client.on_connect = lambda _c, _u, flags, reason, _p: self._add("connect", (flags.session_present, reason))
        client.on_disconnect = lambda _c, _u, _flags, reason, _p: self._add("disconnect", str(reason))
        client.on_connect_fail = lambda _c, _u: self._add("connect_fail", None)
        client.on_publish = lambda _c, _u, mid, _r, _p: self._add("publish", mid)
        client.on_subscribe = lambda _c, _u, mid, codes, _p: self._add(
            "subscribe", (mid, [code.value for code in codes])
        )
        client.on_unsubscribe = lambda _c, _u, mid, _codes, _p: self._add("unsubscribe", mid)
        client.on_message = lambda _c, _u, message: self._add("message", message)

    def _add(self, name: str, value: Any) -> None:
        with self._came:
            self.events.append((name, value))
            if name == "message":
                self.messages.append(value)
            self._came.notify_all()

    def until(self, condition: Callable[[], bool], seconds: float = 15) -> None:
        with self._came:
            assert self._came.wait_for(condition, seconds), self.events

    def wait(self, name: str, count: int = 1, seconds: float = 15) -> Any:
        """The value of an event, once it came that often."""
        self.until(lambda: len(self.all(name)) >= count, seconds)
        return self.all(name)[count - 1]

    def all(self, name: str) -> list[Any]:
        return [value for event, value in self.events if event == name]

    def bodies(self) -> list[bytes]:
        return [message.payload for message in self.messages]

    def connect(self, port: int, host: str = "127.0.0.1", keepalive: int = 60) -> App:
        self.client.connect(host, port, keepalive)
        self.client.loop_start()
        self.wait("connect")
        return self

    def subscribe(self, topic: Any, qos: int = 1) -> list[int]:
        rc, mid = self.client.subscribe(topic, qos)
        assert rc == mqtt.MQTT_ERR_SUCCESS
        self.until(lambda: any(value[0] == mid for value in self.all("subscribe")))
        return next(codes for number, codes in self.all("subscribe") if number == mid)

    def __enter__(self) -> App:
        return self

    def __exit__(self, *exception: object) -> None:
        self.client.drop_out_messages()
        self.client.disconnect()
        self.client.loop_stop()
