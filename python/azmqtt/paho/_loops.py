"""Loops: they call the callbacks and decide when to reconnect."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from azmqtt._support.arguments import not_negative, within
from azmqtt.paho._engine import _WANTED_END, LEAVE, Engine, State
from azmqtt.paho._enums import MQTT_LOG_DEBUG, CallbackAPIVersion, MQTTErrorCode
from azmqtt.paho._settings import SUCCESS

if TYPE_CHECKING:
    from collections.abc import Iterator


class Loops(Engine):
    """`loop`, `loop_forever`, `loop_start` and `loop_stop`."""

    _reconnect_on_failure: bool

    def __init__(self, version: CallbackAPIVersion, userdata: Any, transport: str) -> None:
        super().__init__(version, userdata, transport)
        self._thread: threading.Thread | None = None
        self._stopping = False
        #: How long `loop_stop` lets messages wait for the answer to CONNECT.
        self._stop_by = 0.0

    @contextmanager
    def _loop_runs(self) -> Iterator[None]:
        with self._lock:
            self._looping += 1
        try:
            yield
        finally:
            with self._lock:
                self._looping -= 1

    def loop(self, timeout: float = 1.0, max_packets: int = 1) -> MQTTErrorCode:
        """Call the callbacks for events, or wait for events.

        Args:
            timeout: The longest wait in seconds.
            max_packets: Not used, as in paho.

        Returns:
            `MQTT_ERR_SUCCESS`, or the reason why the connection has ended: call `reconnect` then.

        Raises:
            ValueError: `timeout` is negative.
        """
        not_negative("timeout", timeout)
        within("timeout", timeout, 0, 10**9)
        with self._loop_runs():
            return self._step(timeout)

    def loop_forever(
        self, timeout: float = 1.0, max_packets: int = 1, retry_first_connection: bool = False
    ) -> MQTTErrorCode:
        """Call callbacks and reconnect, until `disconnect` is called.

        Args:
            timeout: Has no effect.
            max_packets: Not used, as in paho.
            retry_first_connection: Whether to repeat a failed first attempt of `connect_async`.

        Returns:
            The reason why the connection has ended.

        Raises:
            OSError: The first attempt of `connect_async` failed; see `connect`.
        """
        if isinstance(max_packets, bool):
            # paho 2 does not have `max_packets`, so `retry_first_connection` may arrive in its position.
            retry_first_connection = max_packets
        if self._thread is None:
            self._stopping = False
        with self._loop_runs():
            return self._run(timeout, retry_first_connection)

    def _run(self, timeout: float, retry_first_connection: bool) -> MQTTErrorCode:
        try:
            return self._connect_and_serve(timeout, retry_first_connection)
        except Exception:
            # A callback raised, so no loop serves the connection any more. The broker must see that it is gone.
            self._lose()
            raise

    def _connect_and_serve(self, timeout: float, retry_first_connection: bool) -> MQTTErrorCode:
        while not self._stopping and self._state is State.CONNECT_ASYNC:
            try:
                self.reconnect()
            except OSError:  # noqa: PERF203 - a connection takes longer
                self._call("on_connect_fail", self.on_connect_fail, always_suppress=True)
                if not retry_first_connection:
                    raise
                self._begin_again()
                self._wait_to_reconnect()
        while True:
            rc = SUCCESS
            while rc == SUCCESS:
                rc = self._step(timeout)
                if self._stopping and self._is_settled():
                    return MQTTErrorCode.MQTT_ERR_NOMEM
            if self._should_exit() or not self._reconnect_on_failure:
                return rc
            self._wait_to_reconnect()
            if self._should_exit():
                return rc
            self._try_again()

    def _try_again(self) -> None:
        # Another thread may be reconnecting.
        with self._opening:
            if self._connection is not None:
                return
            try:
                self.reconnect()
            except OSError:
                self._call("on_connect_fail", self.on_connect_fail, always_suppress=True)
                self._log(MQTT_LOG_DEBUG, "the connection failed and is tried again")

    def _begin_again(self) -> None:
        """Note that the first attempt failed, so that the settings of `connect_async` still apply."""
        if self._state is State.CONNECTING:
            self._state = State.CONNECT_ASYNC

    def _is_settled(self) -> bool:
        if self._state is State.CONNECTING and time.monotonic() >= self._stop_by:
            return True
        leaving = self._state is State.DISCONNECTING and self._connection is not None
        return not self._outgoing and not self._unwritten and not self._backlog and not leaving

    def _should_exit(self) -> bool:
        return self._stopping or self._state in _WANTED_END

    def _wait_to_reconnect(self) -> None:
        """Wait until it is time to reconnect, or until another thread has reconnected."""
        if self._delay is None:
            self._delay = self._min_delay
        else:
            self._delay = min(self._delay * 2, self._max_delay)
        until = time.monotonic() + self._delay
        # A thread that starts before `connect` has no broker to connect to yet.
        early = self._is_early()
        while True:
            self._changed.clear()
            if self._should_exit() or self._connection is not None or (early and not self._is_early()):
                return
            left = 1.0 if early else until - time.monotonic()
            if left <= 0:
                return
            self._changed.wait(min(left, 1.0))

    def _is_early(self) -> bool:
        return self._state is State.NEW and self._thread is not None

    def loop_start(self) -> MQTTErrorCode:
        """Start a thread that runs `loop_forever`.

        Returns:
            `MQTT_ERR_INVAL` if the thread already runs.
        """
        self._check_process()
        if self._thread is not None:
            return MQTTErrorCode.MQTT_ERR_INVAL
        self._stopping = False
        with self._lock:
            # From here on the thread handles the events.
            self._looping += 1
        name = f"azmqtt-paho-{self._client_id}"
        self._thread = threading.Thread(target=self._thread_main, name=name, daemon=True)
        self._thread.start()
        return SUCCESS

    def _thread_main(self) -> None:
        try:
            self._run(timeout=1.0, retry_first_connection=True)
        finally:
            with self._lock:
                self._looping -= 1
            self._thread = None

    def loop_stop(self, force: bool = False) -> MQTTErrorCode:
        """Stop the thread of `loop_start` once all messages are published. On that thread, do not wait for its end.

        Args:
            force: Not used, as in paho.

        Returns:
            `MQTT_ERR_INVAL` if the thread does not run.
        """
        thread = self._thread
        if thread is None:
            return MQTTErrorCode.MQTT_ERR_INVAL
        self._stop_by = time.monotonic() + self.connect_timeout + LEAVE
        self._stopping = True
        self._changed.set()
        self._core.wake()
        if thread is not threading.current_thread():
            thread.join()
        return SUCCESS
