"""``TwinPatcher``: twin requests over the application's own paho client."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from azmqtt._core import running_loop
from azmqtt._support.arguments import function, function_or_none, not_negative, seconds_above_zero, whole
from azmqtt._support.uncopied import Uncopied
from azmqtt.paho._link import Link
from azmqtt.paho._require import require_client

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from types import TracebackType

    from typing_extensions import Self

    from azmqtt._types import DesiredPatch, JsonObject, ReportedPatch, Twin

    DesiredHandler = TypeVar("DesiredHandler", bound=Callable[[DesiredPatch], Any])
    Observer = TypeVar("Observer", bound=Callable[[str, int, int | None, bytes], Any])

#: The polling interval of a blocking call, in seconds.
_LOOK = 0.05

#: How often an asynchronous call runs the client's loop if no other thread does, in seconds.
_TURN = 0.01


class TwinPatcher(Uncopied):
    """Twin requests, with their answers, over a live paho client (paho-mqtt 1.6.1 to 2.x).

    The application creates, connects and runs the client in any way: with ``loop_start``, ``loop_forever``, calls of
    ``loop``, or its own event loop. Its callbacks stay in place and do not see the twin requests. You can set callbacks
    before or after creating the ``TwinPatcher``::

        twin = TwinPatcher(client)
        result = twin.patch({"firmware": "1.1"}, timeout=10)
        print(result.status, result.version)

    The first request subscribes to the answers and waits for the SUBACK. This is repeated after each reconnect;
    reconnecting remains the application's task. Each request ends with its answer, an error or its timeout, whether the
    client is connected or not. You can make each call from any thread, in three forms: ``patch`` blocks,
    ``patch_future`` returns a ``concurrent.futures.Future`` at once, and ``patch_async`` is for ``await``. In a
    callback of the client only the last two work, because the client receives nothing until the callback returns.

    :meth:`close` detaches the object and restores the client. Dropping the object does the same once no request is
    open; functions passed to :meth:`on_desired` and :meth:`observe` are called as long as the client exists.

    Args:
        client: A ``paho.mqtt.client.Client`` for MQTT 3.1.1, with any credentials. It need not be connected yet.
        on_disconnect: The handling of unanswered requests when the connection is lost. With ``"resend"`` they are
            published again on the next connection, within their timeout. A published patch with ``if_version`` fails
            instead, because the hub would refuse the second copy if it had applied the first. With ``"fail"`` all
            published requests fail. Requests that are not published yet always wait for a connection, within their
            timeout.
        timeout: The default timeout of calls in seconds.
        show_answers: Whether the application's ``on_message`` and ``message_callback_add`` also see the answers to
            these requests. By default they see only answers to the application's own requests, because many
            applications look up each ``$rid`` in their own table and fail for an unknown one.
        json_default: A function that encodes values that JSON has no type for; see :class:`~azmqtt.ClientOptions`.

    Raises:
        ImportError: paho-mqtt is not installed.
        TypeError: ``client`` is not a paho client.
        ValueError: An argument is out of range (the text names it), or ``client`` is for another version of MQTT.
    """

    def __init__(
        self,
        client: Any,
        *,
        on_disconnect: Literal["resend", "fail"] = "resend",
        timeout: float = 30,
        show_answers: bool = False,
        json_default: Callable[[Any], Any] | None = None,
    ) -> None:
        """Attach to the client. Nothing is sent yet."""
        require_client(client)
        if on_disconnect not in ("resend", "fail"):
            msg = f"on_disconnect must be 'resend' or 'fail', not {on_disconnect!r}"
            raise ValueError(msg)
        self._timeout = _seconds(timeout)
        self._client = client
        self._link = Link(
            client,
            resend=on_disconnect == "resend",
            show_answers=show_answers,
            json_default=function_or_none("json_default", json_default),
        )
        self._finalizer = weakref.finalize(self, self._link.leave_alone)

    def __enter__(self) -> Self:
        """Return the object itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Detach."""
        self.close()

    def close(self) -> None:
        """Detach and restore the client. Unanswered requests raise ``ClientClosed``."""
        self._finalizer.detach()
        self._link.close()

    # Reported properties

    def patch(
        self,
        patch: JsonObject,
        *,
        if_version: int | None = None,
        request_id: str | int | None = None,
        timeout: float | None = None,
    ) -> ReportedPatch:
        """Change the reported properties by a JSON merge patch (RFC 7396), and wait for the hub's answer.

        If no other thread runs the client's network loop, this call runs it.

        Args:
            patch: A mapping or a dataclass; ``None`` removes a property. At most 32 KB by the service's count, 10
                levels deep, strings up to 4 KB, integers from -2^52 to 2^52-1, no ``None`` within lists, keys up to 1
                KB without ``.``, ``$``, ``#``, white space and control characters (IoT Hub docs, "device twins").
            if_version: Change them only if they still have this ``$version``.
            request_id: A ``$rid`` of 1 to 128 ASCII letters, digits and ``-_.~:@``; a new one by default.
            timeout: In seconds.

        Returns:
            The new version, the request id and the status.

        Raises:
            ValueError: The patch breaks a rule of twins (the text names the path), or ``request_id`` is malformed or in
                use. Nothing was sent.
            TypeError: A value in the patch cannot be encoded as JSON. The text names the path. Nothing was sent.
            PreconditionFailed: The version of the properties is no longer ``if_version``.
            Throttled: The hub throttles requests.
            RequestFailed: The hub answered with another error.
            RequestTimeout: No answer arrived in time. The text gives the reason, if it is known.
            ConnectionLost: The connection was lost, and the patch is not sent again.
            ClientClosed: The object is closed.
            OutboxFull: 10,000 requests or 32 MiB are open.
            RuntimeError: The call was made in a callback of the client or on the thread of the event loop that runs the
                client, where no answer can arrive: use ``patch_future`` or ``patch_async``. Or an exception of a
                callback ended the thread of the client's loop; or this process was forked, and the connection belongs
                to the parent.
        """
        self._check_may_block("patch")
        return self._wait(  # type: ignore[no-any-return]
            self._patch(patch, if_version, request_id, timeout, timed=False), timeout
        )

    def patch_future(
        self,
        patch: JsonObject,
        *,
        if_version: int | None = None,
        request_id: str | int | None = None,
        timeout: float | None = None,
    ) -> Future[ReportedPatch]:
        """Change the reported properties without waiting; see :meth:`patch`. You can call it in callbacks.

        Cancelling the future drops the request; the hub may still carry it out.
        """
        return self._patch(patch, if_version, request_id, timeout, timed=True)

    async def patch_async(
        self,
        patch: JsonObject,
        *,
        if_version: int | None = None,
        request_id: str | int | None = None,
        timeout: float | None = None,
    ) -> ReportedPatch:
        """Change the reported properties; see :meth:`patch`."""
        running_loop()
        return await self._wait_async(  # type: ignore[no-any-return]
            self._patch(patch, if_version, request_id, timeout, timed=True)
        )

    # The twin

    def get(self, *, request_id: str | int | None = None, timeout: float | None = None) -> Twin:
        """Read the device twin. The arguments and errors are those of :meth:`patch`."""
        self._check_may_block("get")
        return self._wait(self._get(request_id, timeout, timed=False), timeout)  # type: ignore[no-any-return]

    def get_future(self, *, request_id: str | int | None = None, timeout: float | None = None) -> Future[Twin]:
        """Read the device twin without waiting; see :meth:`patch_future`."""
        return self._get(request_id, timeout, timed=True)

    async def get_async(self, *, request_id: str | int | None = None, timeout: float | None = None) -> Twin:
        """Read the device twin; see :meth:`get`."""
        running_loop()
        return await self._wait_async(self._get(request_id, timeout, timed=True))  # type: ignore[no-any-return]

    # What the hub sends

    def on_desired(self, callback: DesiredHandler) -> DesiredHandler:
        """Call ``callback`` for every future change of the desired properties. You can use it as a decorator.

        Each change arrives once, in the order of ``$version``. Changes during a lost connection arrive as a single
        change after the reconnect. The starting point is the result of the last :meth:`get` before the subscription was
        granted, or otherwise the moment when it was granted. The callback runs on the thread of the client's loop, like
        the client's own callbacks; its exceptions are logged under ``azmqtt.paho``.

        Args:
            callback: A plain function of one :class:`~azmqtt.DesiredPatch`.
        """
        self._link.on_desired(_plain("on_desired", callback))
        return callback

    def observe(self, callback: Observer) -> Observer:
        """Call ``callback`` for the answers to requests that the application publishes itself. Works as a decorator.

        Use it in an application that keeps its own ``publish()`` calls but has ignored the answers so far. It
        subscribes to the answers if necessary. The callback runs on the same thread as that of :meth:`on_desired`.

        Args:
            callback: A plain function of ``(request_id, status, version, body)``: the ``$rid``, the HTTP-like status,
                ``$version`` if the answer has one, otherwise ``None``, and the payload as ``bytes``.
        """
        self._link.observe(_plain("observe", callback))
        return callback

    # Waiting

    def _patch(
        self,
        patch: JsonObject,
        if_version: int | None,
        request_id: str | int | None,
        timeout: float | None,
        *,
        timed: bool,
    ) -> Future[Any]:
        if if_version is not None:
            not_negative("if_version", whole("if_version", if_version))
        seconds = self._timeout if timeout is None else _seconds(timeout)
        self._check_loop()
        return self._link.begin(
            patch, if_version=if_version, request_id=_request_id(request_id), timeout=seconds, timed=timed
        )

    def _get(self, request_id: str | int | None, timeout: float | None, *, timed: bool) -> Future[Any]:
        seconds = self._timeout if timeout is None else _seconds(timeout)
        self._check_loop()
        return self._link.begin(get=True, request_id=_request_id(request_id), timeout=seconds, timed=timed)

    def _check_may_block(self, call: str) -> None:
        attachment = self._link.attachment
        if attachment.is_inside():
            msg = (
                f"{call}() was called in a callback of the paho client, which cannot receive the answer before the "
                f"callback returns; use {call}_future() there, and its add_done_callback()"
            )
            raise RuntimeError(msg)
        if attachment.drives_externally():
            msg = (
                f"{call}() would block the event loop that runs the paho client, so that the answer could not come "
                f"in; use await {call}_async() there, or {call}_future()"
            )
            raise RuntimeError(msg)

    def _check_loop(self) -> None:
        if (failure := self._link.attachment.failure()) is not None:
            raise RuntimeError(failure)

    def _wait(self, future: Future[Any], timeout: float | None) -> Any:
        seconds = self._timeout if timeout is None else timeout
        deadline, attachment = time.monotonic() + seconds, self._link.attachment
        try:
            while not future.done():
                self._check_loop()
                left = deadline - time.monotonic()
                if left <= 0:
                    self._link.expire()
                if attachment.can_pump() and attachment.pump(max(0.0, min(left, _LOOK))):
                    continue
                # The condition wakes at once; the timeout is for Ctrl-C, the deadline and a stopped loop.
                concurrent.futures.wait([future], timeout=max(0.001, min(left, _LOOK)))
            return future.result()
        finally:
            # The wait was interrupted: nobody waits for the answer any more.
            future.cancel()
            # The error would hold this frame, and this frame the error.
            del future

    async def _wait_async(self, future: Future[Any]) -> Any:
        attachment, wrapped = self._link.attachment, asyncio.wrap_future(future)
        try:
            while not wrapped.done():
                self._check_loop()
                pumped = attachment.can_pump() and attachment.pump(0)
                await asyncio.wait([wrapped], timeout=_TURN if pumped else _LOOK)
            return wrapped.result()
        finally:
            wrapped.cancel()
            del future, wrapped


def _seconds(timeout: Any) -> float:
    return seconds_above_zero("timeout", timeout, threading.TIMEOUT_MAX)


def _request_id(request_id: Any) -> str | None:
    if isinstance(request_id, int) and not isinstance(request_id, bool):
        return str(request_id)
    if request_id is not None and not isinstance(request_id, str):
        msg = f"request_id must be str or int, not {type(request_id).__name__}"
        raise TypeError(msg)
    return request_id


def _plain(call: str, callback: Any) -> Any:
    function(f"{call}: callback", callback)
    if inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(getattr(callback, "__call__", None)):  # noqa: B004 - the method, not whether
        msg = f"{call}: callback must be a plain function: paho has no event loop to run an async one on"
        raise TypeError(msg)
    return callback
