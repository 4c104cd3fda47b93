"""Looking over the shoulder of a paho client: what it receives, and who runs its network loop.

paho has one slot for each callback and one for each topic filter, which belong to the application: it may fill them
before or after, read them back, decorate, or override them as methods of a subclass. So nothing is put there. Instead
the client's own steps are followed on the instance: those that receive a CONNACK, a SUBACK and a message, the one that
tells of a disconnect, and the public ones that run the loop. They are called with what they were called with, and the
application's callbacks from within them as ever; what is here comes after (docs/decisions.md).
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import sys
import threading
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

#: The attribute of a client that holds its attachment.
_ATTRIBUTE = "_azmqtt_attachment"

#: What is followed. The first five are paho's own, the same from 1.6.1 on.
_STEPS = (
    "_handle_connack",
    "_handle_suback",
    "_handle_on_message",
    "_do_on_disconnect",
    "_packet_queue",
    "loop_read",
    "loop_write",
    "loop_misc",
)


#: Why a broker refuses a connection (MQTT 3.1.1 §3.2.2.3).
_REFUSALS = {
    1: "unacceptable protocol version",
    2: "client identifier rejected",
    3: "service unavailable",
    4: "bad user name or password",
    5: "not authorized",
}

#: How long a step waits for one of another thread, in seconds. They take as long as the callbacks in them.
_LONGEST_STEP = 1.0

#: How long a loop that was running before may take for a turn, in seconds; paho's are of one.
_GRACE = 1.5

#: How many more packets one ``loop_read`` takes out of what TLS has decrypted. What is left waits for ``loop_misc``.
_MOST_PACKETS = 1000

_log = logging.getLogger("azmqtt.paho")


class Listener(Protocol):
    """Who is told."""

    def connected(self) -> None:
        """Note that the client is connected, anew."""

    def disconnected(self) -> None:
        """Note that the client is not connected any more; perhaps told twice."""

    def subscribed(self, mid: int, granted: bool) -> None:
        """Note the answer to a subscription."""

    #: Whether the application sees the answers to requests of this one.
    show_answers: bool

    def owns(self, topic: str) -> bool:
        """Whether a message on this topic answers a request of this one."""

    def received(self, topic: str, payload: bytes) -> None:
        """Take a message that came."""

    def turn(self) -> None:
        """Publish what waits for the socket, which is free now."""


class Attachment:
    """What follows one client, shared by all who listen to it."""

    def __init__(self, client: Any) -> None:
        """Follow the client.

        Raises:
            TypeError: It is of a paho-mqtt that is made differently.
        """
        if missing := [name for name in _STEPS if not hasattr(client, name)]:
            msg = f"client must be one of paho-mqtt 1.6.1 to 2.x: this one has no {missing[0]}"
            raise TypeError(msg)
        self._client = weakref.ref(client)
        self._listeners: list[Listener] = []
        #: Held while a thread uses the client's socket. Where paho runs no thread of its own, `publish` writes at once,
        #: on any thread, and an SSL object is for one thread at a time.
        self._io = threading.RLock()
        self._own_mids: dict[int, Listener] = {}
        #: The thread that is about to queue a publish of a listener's.
        self._publisher: int | None = None
        #: Why the hub did not take the last connection, if it said so.
        self.refusal: str | None = None
        #: The thread that runs the loop, when it last did, and whether by ``loop_read`` and its like.
        self._driver: tuple[threading.Thread, float, bool] | None = None
        #: The thread whose turn of the loop ended in an exception, and the exception's name.
        self._failed: tuple[threading.Thread, str] | None = None
        self._since = time.monotonic()
        self._pumping = threading.RLock()
        self._pumper: int | None = None
        self._pumped = -math.inf
        self._hooks: dict[str, tuple[Callable[..., Any], Any]] = {}
        for name in _STEPS:
            self._follow(client, name)

    @classmethod
    def of(cls, client: Any, listener: Listener) -> Attachment:
        """Return the client's attachment, created if necessary, with one more listener."""
        attachment = vars(client).get(_ATTRIBUTE)
        if not isinstance(attachment, Attachment):
            attachment = cls(client)
            setattr(client, _ATTRIBUTE, attachment)
        attachment._listeners = [*attachment._listeners, listener]
        return attachment

    def remove(self, listener: Listener) -> None:
        """Tell this one nothing more. The last one takes the attachment along, and the client is as it was."""
        self._listeners = [other for other in self._listeners if other is not listener]
        client = self._client()
        if self._listeners or client is None:
            return
        for name, (hook, before) in self._hooks.items():
            # Somebody else may have put something on top: it stays, and calls through.
            if vars(client).get(name) is hook:
                if before is None:
                    delattr(client, name)
                else:
                    setattr(client, name, before)
        if vars(client).get(_ATTRIBUTE) is self:
            delattr(client, _ATTRIBUTE)

    def _follow(self, client: Any, name: str) -> None:
        before = vars(client).get(name)
        # Neither holds the client: it must go when its owner drops it.
        method = functools.partial(_call, self._client, getattr(type(client), name)) if before is None else before
        hook = functools.partial(getattr(self, f"_on{name}"), method)
        setattr(client, name, hook)
        self._hooks[name] = (hook, before)

    # The steps

    def _on_handle_connack(self, step: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        packet = self._packet()
        code = packet[1] if len(packet) > 1 else 0
        self.refusal = _REFUSALS.get(code, f"code {code}") if code else None
        try:
            return step(*args, **kwargs)
        finally:
            client = self._client()
            if client is not None and client.is_connected():
                self._own_mids.clear()
                for listener in self._listeners:
                    _tell(listener.connected)

    def _packet(self) -> bytes:
        """Return the body of the packet that is being handled."""
        return bytes(getattr(self._client(), "_in_packet", {}).get("packet", b""))

    def _on_do_on_disconnect(self, step: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return step(*args, **kwargs)
        finally:
            for listener in self._listeners:
                _tell(listener.disconnected)

    def _on_handle_suback(self, step: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        packet = self._packet()
        mid = int.from_bytes(packet[:2], "big")
        listener = self._own_mids.pop(mid, None)
        if listener is None:
            return step(*args, **kwargs)
        # The application did not subscribe to this, and is not told: it may count, or wait for the first.
        _tell(listener.subscribed, mid, packet[-1] < 0x80)  # noqa: PLR2004 - MQTT 3.1.1 §3.9.3
        return 0

    def _on_handle_on_message(self, step: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        message = args[0] if args else kwargs["message"]
        topic = _topic(message)
        if not topic.startswith("$iothub/twin/"):
            return step(*args, **kwargs)
        owners = [listener for listener in self._listeners if listener.owns(topic)]
        try:
            if owners and not owners[0].show_answers:
                return None
            return step(*args, **kwargs)
        finally:
            payload = bytes(message.payload)
            for listener in owners or self._listeners:
                _tell(listener.received, topic, payload)

    def _on_packet_queue(self, step: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._publisher != threading.get_ident():
            return step(*args, **kwargs)
        # Queuing may write at once and call the application, which may publish.
        self._publisher = None
        command, packet, mid, _, *rest = args
        # paho calls on_publish for what it wrote at QoS 0. The packet itself says what it is.
        return step(command, packet, mid, 1, *rest, **kwargs)

    def _onloop_read(self, step: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._driven()
        rc = self._alone(step, *args, **kwargs)
        # paho's own loop looks for this itself.
        if self._driver is not None and self._driver[2]:
            left = _MOST_PACKETS
            while rc == 0 and left and _has_decrypted(self._client()):
                rc, left = self._alone(step, *args, **kwargs), left - 1
        return rc

    def _onloop_write(self, step: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self._alone(step, *args, **kwargs)

    def _onloop_misc(self, step: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._driven()
        rc = self._alone(step, *args, **kwargs)
        client = self._client()
        if rc == 0 and self._driver is not None and self._driver[2] and _has_decrypted(client):
            return client.loop_read()  # type: ignore[union-attr]
        return rc

    def _driven(self) -> None:
        me = threading.current_thread()
        if me.ident == self._pumper:
            return
        caller: FrameType | None = sys._getframe(2)  # noqa: SLF001 - who calls is the question
        external = caller is None or caller.f_code.co_name != "_loop" or not _is_paho(caller)
        self._driver = (me, time.monotonic(), external)
        self._failed = None

    def _alone(self, step: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        # A callback on one thread may wait for another: better both at once, as ever, than for ever.
        locked = self._io.acquire(timeout=_LONGEST_STEP)
        try:
            return step(*args, **kwargs)
        except Exception as error:
            me = threading.current_thread()
            if me.ident != self._pumper:
                self._failed = (me, type(error).__name__)
            raise
        finally:
            if locked:
                self.release_socket()

    # What listeners ask for

    def try_socket(self) -> bool:
        """Take the client's socket for this thread, until :meth:`release_socket`. If not, there will be a ``turn``."""
        return self._io.acquire(blocking=False)

    def release_socket(self) -> None:
        """Give the socket back, and let those have their turn who asked for it meanwhile."""
        self._io.release()
        for listener in self._listeners:
            _tell(listener.turn)

    def subscribe(self, listener: Listener, topic: str, asked: dict[int, str]) -> bool:
        """Subscribe, without the application's ``on_subscribe`` hearing of it. Returns whether it went out.

        To be called with the socket, so that ``asked`` has the topic under its ``mid`` before the answer is read.
        """
        client = self._client()
        if client is None:
            return False
        rc, mid = client.subscribe(topic, 0)
        if rc != 0 or mid is None:
            return False
        self._own_mids[mid] = listener
        asked[mid] = topic
        return True

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 0, without the application's ``on_publish`` hearing of it: it may look numbers up.

        To be called with the socket.
        """
        if (client := self._client()) is None:
            return
        self._publisher = threading.get_ident()
        try:
            client.publish(topic, payload, qos=0)
        finally:
            self._publisher = None

    def is_inside(self) -> bool:
        """Whether this thread is in one of the client's own calls, such as in a callback."""
        client = self._client()
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - who called is the question
        while frame is not None:
            if _is_paho(frame) and frame.f_locals.get("self") is client:
                return True
            frame = frame.f_back
        return False

    def drives_externally(self) -> bool:
        """Whether this thread is the one whose event loop runs the client."""
        client, driver = self._client(), self._driver
        if self._other_thread() or client is None:
            return False
        if driver is not None and driver[0] is threading.current_thread():
            return driver[2]
        return driver is None and _has_event_loop(client) and _in_event_loop()

    def can_pump(self) -> bool:
        """Whether nobody but this thread runs the client's loop, if anyone does."""
        client = self._client()
        if client is None or self._other_thread() or self.failure() or _has_event_loop(client):
            return False
        driver = self._driver
        return driver is None or driver[0] is not threading.current_thread() or not driver[2]

    def pump(self, seconds: float) -> bool:
        """Run the client's loop once, for at most so long. Whether it did."""
        client = self._client()
        if client is None or not self._pumping.acquire(timeout=seconds):
            return False
        try:
            if self._pumper is not None or not self.can_pump():
                return False
            self._pumper = threading.get_ident()
            try:
                return bool(client.loop(seconds) == 0)
            finally:
                self._pumper = None
                self._pumped = time.monotonic()
        finally:
            self._pumping.release()

    def failure(self) -> str | None:
        """Say that an exception ended the thread of the client's loop, if that is so and no other runs it."""
        failed, thread = self._failed, getattr(self._client(), "_thread", None)
        if failed is None or failed[0].is_alive() or (thread is not None and thread.is_alive()):
            return None
        return (
            f"{failed[1]}, raised by a callback of the application, ended the thread of the paho client's network "
            "loop; loop_start() starts another"
        )

    def silence(self) -> str | None:
        """Say that nobody runs the client's loop, if that is so."""
        if (failure := self.failure()) is not None:
            return failure
        if (thread := getattr(self._client(), "_thread", None)) is not None and thread.is_alive():
            return None
        driver = self._driver
        if time.monotonic() - self._pumped < 2:  # noqa: PLR2004 - as below
            return None
        if driver is None:
            return "the client's network loop does not run (loop_start, loop_forever, loop)"
        if (ago := time.monotonic() - driver[1]) > 2:  # noqa: PLR2004 - twice paho's own longest turn
            return f"the client's network loop has not run for {ago:.0f} s"
        return None

    def _other_thread(self) -> bool:
        """Whether another thread runs the loop, or did and still lives."""
        me = threading.current_thread()
        thread = getattr(self._client(), "_thread", None)
        if thread is not None and thread is not me and thread.is_alive():
            return True
        if (driver := self._driver) is not None:
            return driver[0] is not me and driver[0].is_alive()
        # A loop that was running when this was attached shows itself with its next turn.
        if time.monotonic() - self._since >= _GRACE:
            return False
        tops = sys._current_frames().items()  # noqa: SLF001 - the one way to see it before
        return any(ident not in (me.ident, self._pumper) and _is_in_loop(top) for ident, top in tops)


def _call(client: weakref.ref[Any], function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(client(), *args, **kwargs)


def _tell(method: Callable[..., None], *args: Any) -> None:
    """Call a listener; an error of its would end paho's thread."""
    try:
        method(*args)
    except Exception:  # noqa: BLE001 - whatever it is
        _log.exception("following a paho client")


def _topic(message: Any) -> str:
    # A topic that is not UTF-8 is none of ours.
    with suppress(UnicodeDecodeError):
        return str(message.topic)
    return ""


def _has_decrypted(client: Any) -> bool:
    """Whether TLS holds bytes that make no socket readable."""
    sock = None if client is None else client.socket()
    pending = getattr(sock, "pending", None)
    return pending is not None and pending() > 0


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _is_paho(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__") == "paho.mqtt.client"


def _is_in_loop(top: FrameType) -> bool:
    """Whether a thread is in the loop of some paho client. Another thread's variables are left alone."""
    frame: FrameType | None = top
    while frame is not None:
        if frame.f_code.co_name in ("_loop", "loop_forever") and _is_paho(frame):
            return True
        frame = frame.f_back
    return False


def _has_event_loop(client: Any) -> bool:
    """Whether the client is made for an event loop: one is told of its sockets."""
    return getattr(client, "on_socket_register_write", None) is not None or (
        getattr(client, "on_socket_open", None) is not None
    )
