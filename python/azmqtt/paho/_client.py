"""`Client`: the interface of `paho.mqtt.client.Client` on the Rust core."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from azmqtt.paho._callbacks import _no_socket
from azmqtt.paho._engine import LEAVE, NO_CONN, Engine, State
from azmqtt.paho._enums import (
    MQTT_CLEAN_START_FIRST_ONLY,
    MQTT_LOG_DEBUG,
    CallbackAPIVersion,
    MQTTErrorCode,
    MQTTProtocolVersion,
    MQTTv5,
    MQTTv31,
    MQTTv311,
)
from azmqtt.paho._loops import Loops
from azmqtt.paho._messages import MQTTMessage, MQTTMessageInfo, PayloadType, encode_payload
from azmqtt.paho._settings import SUCCESS, check_properties, check_qos, check_transport
from azmqtt.paho._topics import check_filter, check_topic

if TYPE_CHECKING:
    from collections.abc import Sequence

Topics: TypeAlias = "str | tuple[str, int] | list[tuple[str, int]]"

_POSITIONS = ("client_id", "clean_session", "userdata", "protocol", "transport", "reconnect_on_failure", "manual_ack")


def _arguments(args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[CallbackAPIVersion, dict[str, Any]]:
    """Return the arguments of either form by name; in paho 2 the callback version comes first."""
    version = kwargs.pop("callback_api_version", None)
    if version is None and args and isinstance(args[0], CallbackAPIVersion):
        version, args = args[0], args[1:]
    if version is None:
        version = CallbackAPIVersion.VERSION1
    if not isinstance(version, CallbackAPIVersion):
        raise TypeError("callback_api_version must be CallbackAPIVersion.VERSION1 or .VERSION2 of azmqtt.paho")
    if len(args) > len(_POSITIONS):
        raise TypeError(f"Client takes {len(_POSITIONS) + 1} arguments at most")
    for name, value in zip(_POSITIONS, args, strict=False):
        if name in kwargs:
            raise TypeError(f"{name} is given twice")
        kwargs[name] = value
    if unknown := kwargs.keys() - set(_POSITIONS):
        raise TypeError(f"Client has no argument {min(unknown)!r}")
    return version, kwargs


def _client_id(client_id: Any) -> str:
    if client_id is None:
        return ""
    if isinstance(client_id, (bytes, bytearray)):
        try:
            return client_id.decode()
        except UnicodeDecodeError:
            raise ValueError("client_id must be UTF-8 (MQTT 3.1.1 §1.5.3)") from None
    if not isinstance(client_id, str):
        raise TypeError(f"client_id must be str or bytes, not {type(client_id).__name__}")
    return client_id


class Client(Loops, Engine):
    """An MQTT 3.1.1 and 3.1 client with the methods and callbacks of `paho.mqtt.client.Client`.

    The constructor accepts both of paho's forms: `Client(client_id="", clean_session=None, ...)` as in 1.x, and
    `Client(CallbackAPIVersion.VERSION2, client_id="", ...)` as in 2.x. Callbacks get the arguments of that version.

    Args:
        callback_api_version: The callback version, as the first positional argument or by name; `VERSION1` by default.
        client_id: The client identifier. If it is empty, the broker assigns one.
        clean_session: Whether the broker discards the session at the end of a connection, which is the default.
        userdata: The second argument of callbacks.
        protocol: `MQTTv311`, or `MQTTv31` for MQTT 3.1.
        transport: `tcp`, `websockets`, or `unix`: `host` is then the path of a socket, without TLS.
        reconnect_on_failure: Whether `loop_start` and `loop_forever` reconnect.
        manual_ack: Whether the application acknowledges messages itself, with `ack`.

    Raises:
        TypeError: An argument is unknown.
        ValueError: An argument is invalid.
        NotImplementedError: The version of MQTT or the transport is not supported.
    """

    @overload
    def __init__(
        self,
        callback_api_version: CallbackAPIVersion = ...,
        client_id: str | bytes | None = "",
        clean_session: bool | None = None,
        userdata: Any = None,
        protocol: MQTTProtocolVersion | int = MQTTv311,
        transport: str = "tcp",
        reconnect_on_failure: bool = True,
        manual_ack: bool = False,
    ) -> None: ...

    @overload
    def __init__(
        self,
        client_id: str | bytes | None = "",
        clean_session: bool | None = None,
        userdata: Any = None,
        protocol: MQTTProtocolVersion | int = MQTTv311,
        transport: str = "tcp",
        reconnect_on_failure: bool = True,
    ) -> None: ...

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        version, given = _arguments(args, kwargs)
        protocol, transport = given.get("protocol", MQTTv311), check_transport(given.get("transport", "tcp"))
        if protocol == MQTTv5:
            raise NotImplementedError(
                "protocol: MQTT 5 is not supported: IoT Hub supports MQTT 3.1.1. Omit it, or pass MQTTv311"
            )
        if protocol not in {MQTTv31, MQTTv311}:
            raise ValueError("protocol must be MQTTv311 or MQTTv31")
        super().__init__(version, given.get("userdata"), transport)
        client_id = given.get("client_id")
        self._client_id = _client_id(client_id)
        clean_session = given.get("clean_session")
        self._clean_session = True if clean_session is None else bool(clean_session)
        if not self._clean_session and not self._client_id:
            raise ValueError("client_id must be given with clean_session=False: the broker keeps the session by it")
        self._protocol = MQTTProtocolVersion(protocol)
        if protocol == MQTTv31 and not self._client_id:
            # In MQTT 3.1, brokers do not assign a client identifier. It has up to 23 characters.
            self._client_id = secrets.token_hex(11)
        self._reconnect_on_failure = given.get("reconnect_on_failure", True)
        self._manual_ack = bool(given.get("manual_ack"))

    def reinitialise(self, client_id: str = "", clean_session: bool = True, userdata: Any = None) -> None:
        """Reset the client to its initial state."""
        self._drop()
        # Without these attributes, the methods of a subclass are the callbacks, if it has them.
        for name in [name for name in vars(self) if name.startswith("on_")]:
            delattr(self, name)
        Client.__init__(self, self._callback_api_version, client_id, clean_session, userdata)

    # Connections.

    def connect(
        self,
        host: str,
        port: int = 1883,
        keepalive: int = 60,
        bind_address: str = "",
        bind_port: int = 0,
        clean_start: int = MQTT_CLEAN_START_FIRST_ONLY,
        properties: object = None,
    ) -> MQTTErrorCode:
        """Connect to a broker. Return when CONNECT is on its way; `on_connect` tells of the answer.

        Raises:
            ValueError: An argument cannot be used.
            NotImplementedError: `bind_address`, `bind_port`, or what is for MQTT 5.
            OSError: A step failed: `socket.gaierror`, `ConnectionRefusedError`, `TimeoutError`, `ssl.SSLError`,
                `ssl.SSLCertVerificationError` or `WebsocketConnectionError` for one.
        """
        self.connect_async(host, port, keepalive, bind_address, bind_port, clean_start, properties)
        return self.reconnect()

    def connect_async(
        self,
        host: str,
        port: int = 1883,
        keepalive: int = 60,
        bind_address: str = "",
        bind_port: int = 0,
        clean_start: int = MQTT_CLEAN_START_FIRST_ONLY,
        properties: object = None,
    ) -> None:
        """Set the broker that `loop_start` or `loop_forever` connects to.

        Raises:
            ValueError: An argument cannot be used.
            NotImplementedError: `bind_address`, `bind_port`, or what is for MQTT 5.
        """
        if clean_start != MQTT_CLEAN_START_FIRST_ONLY:
            raise ValueError("clean_start is for MQTT 5; use clean_session")
        check_properties(properties)
        self._set_server(host, port, keepalive, bind_address, bind_port)
        self._drop()
        self._state = State.CONNECT_ASYNC
        self._changed.set()

    def connect_srv(self, *_args: object, **_kwargs: object) -> MQTTErrorCode:
        """Not supported: raises `NotImplementedError`."""
        raise NotImplementedError("connect_srv: SRV records are not supported; look up the host and call connect")

    def disconnect(self, reasoncode: object = None, properties: object = None) -> MQTTErrorCode:
        """Send DISCONNECT after all earlier packets.

        If no loop runs in another thread, the call waits until the packets are sent, and calls `on_disconnect` itself.

        Raises:
            NotImplementedError: An argument is for MQTT 5.
        """
        check_properties(reasoncode)
        check_properties(properties)
        if self._connection is None:
            self._state = State.DISCONNECTED
            self._changed.set()
            return NO_CONN
        self._state = State.DISCONNECTING
        self._log(MQTT_LOG_DEBUG, "DISCONNECT")
        self._core.disconnect()
        self._changed.set()
        if self._is_inline():
            self._leave()
        return SUCCESS

    # Messages.

    def _mid(self) -> int:
        with self._lock:
            self._last_mid = self._last_mid % 65_535 + 1
            return self._last_mid

    def publish(
        self, topic: str, payload: PayloadType = None, qos: int = 0, retain: bool = False, properties: object = None
    ) -> MQTTMessageInfo:
        """Publish a message.

        Without a connection, a message at QoS 0 is lost and a message at QoS 1 waits for a connection. In both cases
        `rc` is `MQTT_ERR_NO_CONN`, as in paho.

        Raises:
            ValueError: `topic`, `payload` or `qos` is invalid.
            TypeError: The type of the payload is not supported.
            NotImplementedError: `qos` is 2, or `properties` is given.
        """
        check_properties(properties)
        topic, qos, encoded = check_topic(topic), check_qos(qos), encode_payload(payload)
        mid = self._mid()
        if qos == 0:
            return self._publish_once(mid, topic, encoded, retain)
        message = MQTTMessage(mid, topic.encode())
        message.payload, message.qos, message.retain = encoded, qos, bool(retain)
        with self._lock:
            full = 0 < self.max_queued_messages <= len(self._outgoing)
            if full or mid in self._outgoing:
                message.info.rc = MQTTErrorCode.MQTT_ERR_QUEUE_SIZE
                return message.info
            # Before the core can report the message.
            self._outgoing[mid] = message
            try:
                self._core.publish(mid, topic, encoded, qos, bool(retain))
            except BaseException:
                del self._outgoing[mid]
                raise
        if self._connection is None:
            message.info.rc = NO_CONN
        return message.info

    def _publish_once(self, mid: int, topic: str, payload: bytes, retain: bool) -> MQTTMessageInfo:
        info = MQTTMessageInfo(mid)
        if self._connection is None:
            info.rc = NO_CONN
            return info
        self._unwritten[mid] = info
        try:
            self._core.publish(mid, topic, payload, 0, bool(retain))
        except BaseException:
            del self._unwritten[mid]
            raise
        if self._is_inline():
            self._write_out(lambda: mid not in self._unwritten, LEAVE)
        return info

    def subscribe(
        self, topic: Topics, qos: int = 0, options: object = None, properties: object = None
    ) -> tuple[MQTTErrorCode, int | None]:
        """Subscribe to one topic, or to several at once.

        Args:
            topic: A topic, a pair of topic and QoS, or a list of such pairs.
            qos: 0 or 1, for a single topic.
            options: For MQTT 5; not supported.
            properties: For MQTT 5; not supported.

        Returns:
            The result, and the message id that `on_subscribe` gets.

        Raises:
            ValueError: A topic filter is invalid or missing.
            NotImplementedError: The QoS is 2, or an argument is for MQTT 5.
        """
        check_properties(options)
        check_properties(properties)
        if isinstance(topic, tuple):
            topic, qos = topic
        pairs = topic if isinstance(topic, list) else [(topic, qos)]
        if not pairs:
            raise ValueError("topic must not be an empty list")
        filters = [(check_filter(name), check_qos(quality)) for name, quality in pairs]
        if self._connection is None:
            return NO_CONN, None
        mid = self._mid()
        self._core.subscribe(mid, filters)
        return SUCCESS, mid

    def unsubscribe(self, topic: str | list[str], properties: object = None) -> tuple[MQTTErrorCode, int | None]:
        """End the subscription to one topic, or to several.

        Returns:
            The result, and the message id that `on_unsubscribe` gets.

        Raises:
            ValueError: A topic filter is invalid or missing.
            NotImplementedError: `properties` is given.
        """
        check_properties(properties)
        topics = topic if isinstance(topic, list) else [topic]
        if not topics:
            raise ValueError("topic must not be an empty list")
        filters = [check_filter(name) for name in topics]
        if self._connection is None:
            return NO_CONN, None
        mid = self._mid()
        self._core.unsubscribe(mid, filters)
        return SUCCESS, mid

    def ack(self, mid: int, qos: int) -> MQTTErrorCode:
        """Acknowledge a message, with `manual_ack`. Only messages at QoS 1 from this connection need it."""
        if self._manual_ack and qos == 1:
            if self._connection is None:
                return NO_CONN
            # The broker resends a message of an earlier connection, and its id may belong to another message now.
            self._core.acknowledge(self._unacknowledged.pop(mid, 0), mid)
        return SUCCESS

    def drop_out_messages(self) -> list[MQTTMessage]:
        """Drop the QoS 1 messages that the broker has not acknowledged, and return them."""
        with self._lock:
            dropped = list(self._outgoing.values())
            self._outgoing.clear()
            self._core.forget_messages()
        return dropped

    # The interface for external event loops.

    def socket(self) -> Any:
        """Not supported: raises `NotImplementedError`."""
        raise _no_socket("socket()")

    def want_write(self) -> bool:
        """Not supported: raises `NotImplementedError`."""
        raise _no_socket("want_write()")

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Not supported: raises `NotImplementedError`."""
        raise _no_socket("loop_read()")

    def loop_write(self, max_packets: int = 1) -> MQTTErrorCode:
        """Not supported: raises `NotImplementedError`."""
        raise _no_socket("loop_write()")

    def loop_misc(self) -> MQTTErrorCode:
        """Not supported: raises `NotImplementedError`."""
        raise _no_socket("loop_misc()")
