"""The connection as the application's threads see it: the core's events in order, and their handling.

The core's task sends, receives and keeps the connection alive without Python. Its events wait until one of the
application's loops takes them; only there are callbacks called. As in paho, the loop decides when to reconnect.
"""

from __future__ import annotations

import enum
import os
import secrets
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

from azmqtt import _core
from azmqtt._support.arguments import within
from azmqtt.paho import _transport_options
from azmqtt.paho._enums import MQTT_LOG_DEBUG, MQTT_LOG_INFO, MQTT_LOG_WARNING, CallbackAPIVersion, MQTTErrorCode
from azmqtt.paho._messages import MQTTMessage, MQTTMessageInfo
from azmqtt.paho._settings import SUCCESS, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

NO_CONN = MQTTErrorCode.MQTT_ERR_NO_CONN
CONN_LOST = MQTTErrorCode.MQTT_ERR_CONN_LOST
CONN_REFUSED = MQTTErrorCode.MQTT_ERR_CONN_REFUSED
PROTOCOL = MQTTErrorCode.MQTT_ERR_PROTOCOL
KEEPALIVE = MQTTErrorCode.MQTT_ERR_KEEPALIVE

#: How many events are taken at a time.
_BATCH = 256
#: How long a call outside a loop waits for its bytes to be sent, in seconds.
LEAVE = 1.0
#: The broker refuses the client identifier (MQTT 3.1.1 §3.2.2.3).
_BAD_CLIENT_ID = 2


class State(enum.Enum):
    """The state of the client."""

    NEW = enum.auto()
    CONNECT_ASYNC = enum.auto()
    CONNECTING = enum.auto()
    CONNECTED = enum.auto()
    CONNECTION_LOST = enum.auto()
    DISCONNECTING = enum.auto()
    DISCONNECTED = enum.auto()


_WANTED_END = frozenset({State.DISCONNECTING, State.DISCONNECTED})


#: Clients whose locks a forked child replaces, because a thread of the parent may have held them.
_live: weakref.WeakSet[Engine] = weakref.WeakSet()


def _after_fork() -> None:
    for client in list(_live):
        client._lock, client._opening = threading.RLock(), threading.RLock()  # noqa: SLF001 - the class is below


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Engine(Settings):
    """Connections, and the events of the core."""

    def __init__(self, version: CallbackAPIVersion, userdata: Any, transport: str) -> None:
        super().__init__(version, userdata, transport)
        self._max_inflight = 20
        self._made: _core.MqttClient | None = None
        self._state = State.NEW
        #: The number of the newest connection so far.
        self._newest = 0
        self._lock = threading.RLock()
        self._opening = threading.RLock()
        self._backlog: deque[Any] = deque()
        #: Whether something changed that a waiting loop must look at.
        self._changed = threading.Event()
        #: Messages at QoS 1 that are not acknowledged yet, and messages at QoS 0 that are not written yet.
        self._outgoing: dict[int, MQTTMessage] = {}
        self._unwritten: dict[int, MQTTMessageInfo] = {}
        self._last_mid = 0
        #: With `manual_ack`: the connection on which a message arrived, by message id.
        self._unacknowledged: dict[int, int] = {}
        #: How many loops run.
        self._looping = 0
        _live.add(self)

    @property
    def _core(self) -> _core.MqttClient:
        """The core's client, created on first use."""
        with self._lock:
            if self._made is None:
                self._made = _core.MqttClient(self._max_inflight or 65_535)
            return self._made

    @property
    def max_inflight_messages(self) -> int:
        """How many QoS 1 messages may wait for their PUBACK; 0 means no limit."""
        return self._max_inflight

    @max_inflight_messages.setter
    def max_inflight_messages(self, inflight: int) -> None:
        # MQTT has this many packet identifiers.
        within("inflight", inflight, 0, 65_535)
        self._max_inflight = inflight
        if self._made is not None:
            self._made.set_max_in_flight(inflight or 65_535)

    def max_inflight_messages_set(self, inflight: int) -> None:
        """Set how many QoS 1 messages may wait for their PUBACK; 0 means no limit.

        Raises:
            ValueError: The number is negative, or larger than the number of packet identifiers.
        """
        self.max_inflight_messages = inflight

    def _check_process(self) -> None:
        """Raise if this process was forked after the client was used: the connection belongs to the parent."""
        if self._made is not None:
            self._made.check_process()

    def is_connected(self) -> bool:
        """Whether the broker has accepted the connection, and a loop has handled its answer."""
        return self._state is State.CONNECTED

    # Connecting.

    def _drop(self) -> None:
        """Close the connection without sending DISCONNECT or calling callbacks."""
        self._connection = None
        if self._made is not None:
            self._made.drop_connection()

    def _lose(self) -> None:
        """End the connection without DISCONNECT, as a network failure does, so that the broker publishes the will."""
        if self._connection is not None:
            self._drop()
            if self._state not in _WANTED_END:
                self._state = State.CONNECTION_LOST

    def reconnect(self) -> MQTTErrorCode:
        """Connect with the last settings. Return when CONNECT is on its way; `on_connect` tells of the answer.

        Raises:
            ValueError: The settings are missing or invalid.
            OSError: A step failed: `socket.gaierror`, `ConnectionRefusedError`, `TimeoutError`, `ssl.SSLError`,
                `ssl.SSLCertVerificationError` or `WebsocketConnectionError` for one.
        """
        if not self._host:
            raise ValueError("host must be set: call connect or connect_async first")
        with self._opening:
            self._drop()
            self._state = State.CONNECTING
            for info in self._unwritten.values():
                info._settle(CONN_LOST)  # noqa: SLF001 - a class of ours
            self._unwritten.clear()
            if self.on_pre_connect is not None:
                self._call("on_pre_connect", self.on_pre_connect)
            self._log(MQTT_LOG_DEBUG, "connecting to %s:%d as %r", self._host, self._port, self._client_id)
            opened = self._core.open(self._server(), self._connect_fields())
            if not isinstance(opened, int):
                error = _transport_options.error(opened)
                self._log(MQTT_LOG_WARNING, "no connection: %s", error)
                raise error
            self._meet(opened)
            if self._state in _WANTED_END:
                # Another thread has disconnected meanwhile.
                self._drop()
        self._changed.set()
        return SUCCESS

    def _meet(self, number: int) -> None:
        """Note a new connection. Its events may be handled before `reconnect` returns, or after."""
        with self._lock:
            if number > self._newest:
                self._newest = number
                self._connection = number

    # Events.

    def _take(self, timeout: float) -> list[tuple[Any, ...]]:
        is_main = threading.current_thread() is threading.main_thread()
        return self._core.take(_BATCH, timeout, is_main)

    def _next(self, timeout: float) -> bool:
        """Wait for events; return whether any arrived."""
        if not self._backlog:
            self._backlog.extend(self._take(timeout))
        return bool(self._backlog)

    def _step(self, timeout: float) -> MQTTErrorCode:
        """Handle events, or wait for them."""
        if not self._next(timeout if self._connection is not None else 0):
            return NO_CONN if self._connection is None else SUCCESS
        while self._backlog:
            rc = self._handle(self._backlog.popleft())
            if rc != SUCCESS:
                return rc
        return SUCCESS

    def _handle(self, event: tuple[Any, ...]) -> MQTTErrorCode:
        number, what, *details = event
        self._meet(number)
        if what == "message":
            self._handle_message(number, *details)
        elif what == "acknowledged":
            self._handle_acknowledged(details[0])
        elif what == "written":
            self._handle_written(details[0])
        elif what == "subscribed":
            self._tell_subscribe(*details)
        elif what == "unsubscribed":
            self._tell_unsubscribe(*details)
        elif what == "bad topic":
            self._log(MQTT_LOG_WARNING, "a message was dropped: its topic is not valid (MQTT 3.1.1 §1.5.3, §4.7)")
        elif number != self._connection:
            return SUCCESS  # an event of an abandoned connection
        elif what == "connected":
            self._handle_connected(*details)
        elif what == "refused":
            return self._handle_refused(*details)
        else:
            return self._handle_ended(*details)
        return SUCCESS

    def _handle_connected(self, session_present: bool) -> None:
        self._log(MQTT_LOG_DEBUG, "the broker accepted (session present: %s)", session_present)
        if self._state in _WANTED_END:
            return
        self._state = State.CONNECTED
        self._delay = None
        self._tell_connect(session_present, 0)

    def _handle_refused(self, code: int) -> MQTTErrorCode:
        self._log(MQTT_LOG_DEBUG, "the broker refused with return code %d", code)
        if code == _BAD_CLIENT_ID and not self._client_id:
            # Not every broker assigns a client identifier [MQTT-3.1.3-8].
            self._client_id = secrets.token_hex(11)
            return self.reconnect()
        self._tell_connect(False, code)  # noqa: FBT003 - no session of ours
        return self._over(CONN_REFUSED)

    def _handle_ended(self, how: str, reason: str | None) -> MQTTErrorCode:
        self._log(MQTT_LOG_INFO, "the connection is over: %s", reason or how)
        if how == "disconnected":
            self._over(SUCCESS)
            return SUCCESS
        if how == "silent":
            self._over(KEEPALIVE)
            return CONN_LOST
        return self._over(PROTOCOL if how == "protocol" else CONN_LOST)

    def _over(self, rc: MQTTErrorCode) -> MQTTErrorCode:
        """Note the end of the connection and its reason. A wanted end counts as success."""
        self._connection = None
        if self._state in _WANTED_END:
            self._state = State.DISCONNECTED
            rc = SUCCESS
        elif rc != CONN_REFUSED:
            self._state = State.CONNECTION_LOST
        self._tell_disconnect(rc)
        return rc

    def _handle_written(self, mid: int) -> None:
        info = self._unwritten.pop(mid, None)
        try:
            self._tell_publish(mid)
        finally:
            if info is not None:
                info._settle()  # noqa: SLF001 - a class of ours

    def _handle_acknowledged(self, mid: int, *, silently: bool = False) -> None:
        message = self._outgoing.get(mid)
        if message is None:
            return
        try:
            if not silently:
                self._tell_publish(mid)
        finally:
            self._outgoing.pop(mid, None)
            message.info._settle()  # noqa: SLF001 - a class of ours

    def _handle_message(
        self, number: int, topic: str, payload: bytes, qos: int, retain: bool, dup: bool, packet_id: int
    ) -> None:
        message = MQTTMessage(packet_id, topic.encode())
        message.payload, message.qos, message.retain, message.dup = payload, qos, retain, dup
        message.timestamp = time.monotonic()
        if qos == 1 and self._manual_ack:
            self._unacknowledged[packet_id] = number
        self._tell_message(message)
        if qos == 1 and not self._manual_ack:
            self._core.acknowledge(number, packet_id)

    # Calls outside a loop.

    def _is_inline(self) -> bool:
        """Whether no loop takes events. In this case paho writes and calls callbacks at once."""
        return self._looping == 0 and self._calling is None

    def _write_out(self, done: Callable[[], bool], limit: float) -> None:
        """Send bytes and call the callbacks for sent messages. Received packets wait for a loop."""
        until = time.monotonic() + limit
        while not done() and (left := until - time.monotonic()) > 0:
            for event in self._take(left):
                if event[1] == "written":
                    self._handle(event)
                else:
                    self._backlog.append(event)
                    if event[1] in {"ended", "refused"}:
                        return

    def _leave(self) -> None:
        """Send DISCONNECT and wait until it is sent. As in paho, only already settled messages are reported."""
        until = time.monotonic() + self.connect_timeout + LEAVE
        while self._connection is not None:
            left = until - time.monotonic()
            if left <= 0:
                self._drop()
                self._over(SUCCESS)
                return
            events = list(self._backlog) or self._take(left)
            self._backlog.clear()
            for event in events:
                if event[1] == "acknowledged":
                    self._handle_acknowledged(event[2], silently=True)
                elif event[1] == "refused" and event[0] == self._connection:
                    self._over(SUCCESS)
                elif event[1] in {"written", "ended"}:
                    self._handle(event)
