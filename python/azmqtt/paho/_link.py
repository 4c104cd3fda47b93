"""Twin requests and changes over a paho client.

The table of requests, with its ids, deadlines, limits and errors, is the core's, as in :class:`azmqtt.DeviceClient`;
here are the futures and the subscriptions.
"""

from __future__ import annotations

import logging
import threading
import weakref
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from azmqtt import _core
from azmqtt._errors import BadAnswer, ClientClosed, RequestTimeout
from azmqtt._types import DesiredPatch
from azmqtt.paho._attach import Attachment
from azmqtt.paho._timer import timer

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("azmqtt.paho")

ANSWERS = "$iothub/twin/res/#"
CHANGES = "$iothub/twin/PATCH/properties/desired/#"

#: Seconds between two attempts to make a subscription that the hub refused or paho did not take.
_SUBSCRIBE_AGAIN = 10.0


class Link:
    """The twin of one client. Holds no reference to it, so that it can be dropped."""

    def __init__(
        self, client: Any, *, resend: bool, show_answers: bool, json_default: Callable[[Any], Any] | None
    ) -> None:
        """Attach to the client."""
        self._client = weakref.ref(client)
        self._requests = _core.TwinRequests(resend, json_default)
        self._futures: dict[str, Future[Any]] = {}
        self._lock = threading.Lock()
        self._flush_wanted = False
        #: What to subscribe to; the ``mid`` of what is on its way; what is granted on this connection.
        self._wanted: set[str] = set()
        self._asked: dict[int, str] = {}
        self._granted: set[str] = set()
        self._observers: list[Callable[[str, int, int | None, bytes], Any]] = []
        self._handlers: list[Callable[[DesiredPatch], Any]] = []
        self.show_answers = show_answers
        self._closed = False
        #: Its TwinPatcher is gone.
        self._left_alone = False
        self._end_of_client: weakref.finalize[..., Any] | None = None
        #: From CONNACK on, after the application was told of it; paho's own word comes a moment earlier.
        self._connected = bool(client.is_connected())
        self.attachment = Attachment.of(client, self)

    # What the application asks

    def begin(
        self,
        patch: Any = None,
        *,
        get: bool = False,
        if_version: int | None = None,
        request_id: str | None = None,
        timeout: float,
        timed: bool,
    ) -> Future[Any]:
        """Enter a request and publish it, if that is possible by now; with ``timed``, have its deadline kept."""
        self._check_open()
        future: Future[Any] = Future()
        with self._lock:
            if get:
                request_id = self._requests.begin_get(request_id, timeout)
            else:
                request_id = self._requests.begin_patch(patch, if_version, request_id, timeout)
            self._futures[request_id] = future
        future.add_done_callback(_Forget(self, request_id))
        self._want(ANSWERS)
        if timed:
            timer.call(self, timeout)
        if self._closed:
            self._end_all()
        return future

    def observe(self, callback: Callable[[str, int, int | None, bytes], Any]) -> None:
        """Tell of answers to the application's own requests."""
        self._check_open()
        self._observers = [*self._observers, callback]
        self._want(ANSWERS)

    def on_desired(self, handler: Callable[[DesiredPatch], Any]) -> None:
        """Tell of changes of the desired properties."""
        self._check_open()
        self._handlers = [*self._handlers, handler]
        self._want(ANSWERS, CHANGES)

    def close(self) -> None:
        """Detach; what is open fails."""
        if self._closed or not self._is_ours():
            return
        self._closed = True
        if self._end_of_client is not None:
            self._end_of_client.detach()
        self.attachment.remove(self)
        # They often hold the one who holds this.
        self._observers, self._handlers = [], []
        self._end_all()

    def leave_alone(self) -> None:
        """Go on without a TwinPatcher for as long as somebody is to be told of something, and the client lives."""
        self._left_alone = True
        if (client := self._client()) is None:
            self.close()
        elif not self._close_if_idle():
            self._end_of_client = weakref.finalize(client, self.close)

    def _close_if_idle(self) -> bool:
        idle = not (self._handlers or self._observers or self._futures)
        if idle:
            self.close()
        return idle

    def tick(self) -> float | None:
        """End what is due, publish what is due."""
        self.expire()
        if not self._closed:
            self._flush()
        return self._requests.next_deadline()

    def expire(self) -> None:
        """End the requests whose time is over."""
        if not (expired := self._requests.expire()):
            return
        hint = self._hint()
        for request_id, error in expired:
            self._fail(request_id, error if hint is None else RequestTimeout(f"{error} ({hint})"))

    def _hint(self) -> str | None:
        client = self._client()
        if client is None or not client.is_connected():
            refusal = self.attachment.refusal
            return "the paho client is not connected" + (f": the hub refused it, {refusal}" if refusal else "")
        if ANSWERS not in self._granted:
            return self.attachment.silence() or f"the hub has not acknowledged the subscription to {ANSWERS}"
        return self.attachment.silence()

    def _check_open(self) -> None:
        self._requests.check_process()
        if self._closed:
            raise ClientClosed("the TwinPatcher is closed")

    def _is_ours(self) -> bool:
        try:
            self._requests.check_process()
        except RuntimeError:
            return False
        return True

    # What happens to the client

    def connected(self) -> None:
        """Subscribe on the new connection, then publish what is open."""
        self.disconnected()
        self._connected = True
        self._flush()

    def disconnected(self) -> None:
        """Fail what ends with the connection."""
        self._connected = False
        self._granted.clear()
        self._asked.clear()
        for request_id, error in self._requests.disconnected("the paho client lost its connection"):
            self._fail(request_id, error)

    def subscribed(self, mid: int, granted: bool) -> None:
        """Publish what waited for this."""
        topic = self._asked.pop(mid, None)
        if topic is None:
            return
        if not granted:
            self._refused(topic)
            return
        self._granted.add(topic)
        if topic == ANSWERS:
            self._requests.answers_granted()
        else:
            self._requests.changes_granted()
        self._flush()

    def _refused(self, topic: str) -> None:
        text = f"the hub refused the subscription to {topic}"
        _log.warning("%s", text)
        if topic == ANSWERS:
            for request_id, _ in self._requests.drain():
                self._fail(request_id, BadAnswer(text))
        timer.call(self, _SUBSCRIBE_AGAIN)

    def owns(self, topic: str) -> bool:
        """Whether a message on this topic answers a request of ours."""
        return self._requests.owns(topic)

    def received(self, topic: str, payload: bytes) -> None:
        """Look at a message."""
        what = self._requests.received(topic, payload)
        if what is None:
            return
        kind, request_id, value = what
        if kind == "answer":
            self._succeed(request_id, value)
        elif kind == "error":
            self._fail(request_id, value)
        elif kind == "other":
            status, version = value
            for observer in self._observers:
                _guarded(observer, request_id, status, version, payload)
        else:
            for patch, version in value:
                for handler in self._handlers:
                    _guarded(handler, DesiredPatch(patch, version))
            # A gap in the versions asks for a read of the twin.
            self._flush()

    # Subscriptions and requests on their way out

    def _want(self, *topics: str) -> None:
        self._wanted.update(topics)
        self._flush()

    def _flush(self) -> None:
        self._flush_wanted = True
        self.turn()

    def turn(self) -> None:
        """Subscribe and publish, if there is something to and no other thread is at the socket.

        This never waits: the thread at the socket takes the next turn.
        """
        while self._flush_wanted and self.attachment.try_socket():
            try:
                self._flush_wanted = False
                self._subscribe()
                while self._live_client() is not None and (unsent := self._requests.next_unsent()):
                    self.attachment.publish(*unsent)
            finally:
                self.attachment.release_socket()
            if self._handlers and (due := self._requests.next_deadline()) is not None:
                timer.call(self, due)

    def _subscribe(self) -> None:
        if self._live_client() is None:
            return
        for topic in sorted(self._wanted - self._granted - set(self._asked.values()), reverse=True):
            if not self.attachment.subscribe(self, topic, self._asked):
                timer.call(self, _SUBSCRIBE_AGAIN)

    def _live_client(self) -> Any:
        """Return the client while it is connected: paho would send before CONNACK, too, and drop what does not go."""
        client = self._client()
        return client if client is not None and self._connected and client.is_connected() else None

    # Ends

    def _succeed(self, request_id: str, result: Any) -> None:
        with self._lock:
            future = self._futures.pop(request_id, None)
        if future is not None:
            # The application may have cancelled it just now.
            with suppress(InvalidStateError):
                future.set_result(result)
            self._ended_one()

    def _fail(self, request_id: str, error: BaseException) -> None:
        with self._lock:
            future = self._futures.pop(request_id, None)
        if future is not None:
            with suppress(InvalidStateError):
                future.set_exception(error)
            self._ended_one()

    def _ended_one(self) -> None:
        if self._left_alone and not self._closed:
            self._close_if_idle()

    def _end_all(self) -> None:
        for request_id, _ in self._requests.drain():
            self._fail(request_id, ClientClosed("the TwinPatcher was closed before the answer came"))

    def forget(self, request_id: str) -> None:
        """Nobody waits for this request any more."""
        with self._lock:
            if self._futures.pop(request_id, None) is None:
                return
            self._requests.forget(request_id)
        self._ended_one()


class _Forget:
    """Takes a request that its caller cancelled out of the table."""

    def __init__(self, link: Link, request_id: str) -> None:
        self._link = weakref.ref(link)
        self._request_id = request_id

    def __call__(self, future: Future[Any]) -> None:
        link = self._link()
        if link is not None and future.cancelled():
            link.forget(self._request_id)


def _guarded(function: Callable[..., Any], *args: Any) -> None:
    """Call a function of the application's. paho would end its thread over an exception."""
    try:
        function(*args)
    except Exception:  # noqa: BLE001 - whatever it is
        _log.exception("%r raised", function)
