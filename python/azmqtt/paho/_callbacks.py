"""Callbacks: setting them, and the arguments that they get."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from azmqtt._support.uncopied import Uncopied
from azmqtt.paho._enums import (
    MQTT_LOG_DEBUG,
    MQTT_LOG_ERR,
    CallbackAPIVersion,
    ConnackCode,
    LogLevel,
    MQTTErrorCode,
)
from azmqtt.paho._reason_codes import (
    ConnectFlags,
    DisconnectFlags,
    PacketTypes,
    Properties,
    ReasonCode,
    convert_connack_rc_to_reason_code,
    convert_disconnect_error_code_to_reason_code,
)
from azmqtt.paho._topics import Filters

if TYPE_CHECKING:
    from azmqtt.paho._messages import MQTTMessage

Callback: TypeAlias = Callable[..., Any]
_C = TypeVar("_C", bound=Callback)

_LEVELS = {1: logging.INFO, 2: logging.INFO, 4: logging.WARNING, 8: logging.ERROR, 16: logging.DEBUG}


def _no_socket(name: str) -> NotImplementedError:
    return NotImplementedError(
        f"{name}: the socket belongs to the core, which reads and writes it without Python; it cannot be watched "
        "from an external event loop. Use loop_start(), loop_forever() or loop()"
    )


class _SocketCallback:
    """A socket callback, which cannot be set."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, client: object, owner: type) -> None:
        return None

    def __set__(self, client: object, callback: Callback | None) -> None:
        if callback is not None:
            raise _no_socket(self._name)


class Callbacks(Uncopied):
    """The callbacks of a client. Each can be set as an attribute, by a decorator, or as a method of a subclass."""

    on_connect: Callback | None = None
    on_connect_fail: Callback | None = None
    on_disconnect: Callback | None = None
    on_log: Callback | None = None
    on_message: Callback | None = None
    on_pre_connect: Callback | None = None
    on_publish: Callback | None = None
    on_subscribe: Callback | None = None
    on_unsubscribe: Callback | None = None
    on_socket_open: _SocketCallback = _SocketCallback()
    on_socket_close: _SocketCallback = _SocketCallback()
    on_socket_register_write: _SocketCallback = _SocketCallback()
    on_socket_unregister_write: _SocketCallback = _SocketCallback()

    def __init__(self, version: CallbackAPIVersion, userdata: Any) -> None:
        self._callback_api_version = version
        self._userdata = userdata
        self._filters = Filters()
        #: The thread that runs a callback.
        self._calling: int | None = None
        self.logger: logging.Logger | None = None
        #: Whether exceptions of callbacks are only logged.
        self.suppress_exceptions = False

    @property
    def callback_api_version(self) -> CallbackAPIVersion:
        """The version of the callbacks, which determines their arguments."""
        return self._callback_api_version

    def user_data_set(self, userdata: Any) -> None:
        """Set the second argument of callbacks."""
        self._userdata = userdata

    def user_data_get(self) -> Any:
        """Return the second argument of callbacks."""
        return self._userdata

    def enable_logger(self, logger: logging.Logger | None = None) -> None:
        """Log to a Python logger, `azmqtt.paho` by default."""
        if logger is None and self.logger is not None:
            return
        self.logger = logging.getLogger("azmqtt.paho") if logger is None else logger

    def disable_logger(self) -> None:
        """Log to `on_log` only."""
        self.logger = None

    def message_callback_add(self, sub: str | None, callback: Callback | None) -> None:
        """Call a callback for messages that match a filter, instead of `on_message`.

        Raises:
            ValueError: The filter or the callback is missing.
        """
        if sub is None or callback is None:
            raise ValueError("sub and callback must both be given")
        self._filters.add(sub, callback)

    def message_callback_remove(self, sub: str | None) -> None:
        """Remove a callback added by `message_callback_add`.

        Raises:
            ValueError: `sub` is missing.
        """
        if sub is None:
            raise ValueError("sub must be given")
        self._filters.remove(sub)

    def topic_callback(self, sub: str) -> Callable[[_C], _C]:
        """Decorate a callback for messages that match a filter."""

        def decorate(callback: _C) -> _C:
            self.message_callback_add(sub, callback)
            return callback

        return decorate

    def _setter(self, name: str) -> Callable[[_C], _C]:
        def decorate(callback: _C) -> _C:
            setattr(self, name, callback)
            return callback

        return decorate

    def connect_callback(self) -> Callable[[_C], _C]:
        """Decorate what becomes `on_connect`."""
        return self._setter("on_connect")

    def connect_fail_callback(self) -> Callable[[_C], _C]:
        """Decorate what becomes `on_connect_fail`."""
        return self._setter("on_connect_fail")

    def disconnect_callback(self) -> Callable[[_C], _C]:
        """Decorate what becomes `on_disconnect`."""
        return self._setter("on_disconnect")

    def log_callback(self) -> Callable[[_C], _C]:
        """Decorate what becomes `on_log`."""
        return self._setter("on_log")

    def message_callback(self) -> Callable[[_C], _C]:
        """Decorate what becomes `on_message`."""
        return self._setter("on_message")

    def pre_connect_callback(self) -> Callable[[_C], _C]:
        """Decorate what becomes `on_pre_connect`."""
        return self._setter("on_pre_connect")

    def publish_callback(self) -> Callable[[_C], _C]:
        """Decorate what becomes `on_publish`."""
        return self._setter("on_publish")

    def subscribe_callback(self) -> Callable[[_C], _C]:
        """Decorate what becomes `on_subscribe`."""
        return self._setter("on_subscribe")

    def unsubscribe_callback(self) -> Callable[[_C], _C]:
        """Decorate what becomes `on_unsubscribe`."""
        return self._setter("on_unsubscribe")

    def socket_open_callback(self) -> Callable[[_C], _C]:
        """Not supported: raises `NotImplementedError`."""
        raise _no_socket("on_socket_open")

    def socket_close_callback(self) -> Callable[[_C], _C]:
        """Not supported: raises `NotImplementedError`."""
        raise _no_socket("on_socket_close")

    def socket_register_write_callback(self) -> Callable[[_C], _C]:
        """Not supported: raises `NotImplementedError`."""
        raise _no_socket("on_socket_register_write")

    def socket_unregister_write_callback(self) -> Callable[[_C], _C]:
        """Not supported: raises `NotImplementedError`."""
        raise _no_socket("on_socket_unregister_write")

    # How they are called.

    @property
    def _is_new_style(self) -> bool:
        return self._callback_api_version is CallbackAPIVersion.VERSION2

    def _log(self, level: LogLevel, text: str, *arguments: object) -> None:
        on_log, logger = self.on_log, self.logger
        if on_log is not None:
            with suppress(Exception):  # no place is left to report the error
                on_log(self, self._userdata, level, text % arguments)
        if logger is not None:
            logger.log(_LEVELS[level], text, *arguments)

    @contextmanager
    def _callback(self) -> Iterator[None]:
        before, self._calling = self._calling, threading.get_ident()
        try:
            yield
        finally:
            self._calling = before

    def _call(self, name: str, callback: Callback | None, *arguments: object, always_suppress: bool = False) -> None:
        if callback is None:
            return
        try:
            with self._callback():
                callback(self, self._userdata, *arguments)
        except Exception as error:
            self._log(MQTT_LOG_ERR, "%s raised %s: %s", name, type(error).__name__, error)
            if not (always_suppress or self.suppress_exceptions):
                raise

    def _tell_connect(self, session_present: bool, code: int) -> None:
        if self._is_new_style:
            reason = convert_connack_rc_to_reason_code(code)
            flags = ConnectFlags(session_present=session_present)
            self._call("on_connect", self.on_connect, flags, reason, Properties(PacketTypes.CONNACK))
        else:
            flags_dict = {"session present": int(session_present)}
            self._call("on_connect", self.on_connect, flags_dict, ConnackCode(code))

    def _tell_disconnect(self, rc: MQTTErrorCode) -> None:
        if self._is_new_style:
            flags = DisconnectFlags(is_disconnect_packet_from_server=False)
            reason = convert_disconnect_error_code_to_reason_code(rc)
            self._call("on_disconnect", self.on_disconnect, flags, reason, Properties(PacketTypes.DISCONNECT))
        else:
            self._call("on_disconnect", self.on_disconnect, rc)

    def _tell_publish(self, mid: int) -> None:
        extra: tuple[object, ...] = ()
        if self._is_new_style:
            extra = (ReasonCode(PacketTypes.PUBACK), Properties(PacketTypes.PUBACK))
        self._call("on_publish", self.on_publish, mid, *extra)

    def _tell_subscribe(self, mid: int, codes: tuple[int, ...]) -> None:
        if self._is_new_style:
            reasons = [ReasonCode(PacketTypes.SUBACK, identifier=code) for code in codes]
            self._call("on_subscribe", self.on_subscribe, mid, reasons, Properties(PacketTypes.SUBACK))
        else:
            self._call("on_subscribe", self.on_subscribe, mid, codes)

    def _tell_unsubscribe(self, mid: int) -> None:
        # MQTT 3.1.1 has no reason codes here (§3.11).
        extra: tuple[object, ...] = ([], Properties(PacketTypes.UNSUBACK)) if self._is_new_style else ()
        self._call("on_unsubscribe", self.on_unsubscribe, mid, *extra)

    def _tell_message(self, message: MQTTMessage) -> None:
        self._log(
            MQTT_LOG_DEBUG, "PUBLISH from %s (QoS %d, %d bytes)", message.topic, message.qos, len(message.payload)
        )
        filtered = self._filters.matching(message.topic)
        for callback in filtered:
            self._call("a callback of message_callback_add", callback, message)
        if not filtered:
            self._call("on_message", self.on_message, message)
