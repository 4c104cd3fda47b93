"""``TwinPatcher``: twin requests over a paho client that the application has already."""

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

#: How often a blocking call looks around, in seconds.
_LOOK = 0.05

#: How often an asynchronous call runs a loop that nobody else runs, in seconds.
_TURN = 0.01


class TwinPatcher(Uncopied):
    """Twin requests, with their answers, over a live paho client (paho-mqtt 1.6.1 to 2.x).

    The application makes, connects and drives the client as it likes: ``loop_start``, ``loop_forever``, ``loop`` by
    hand or an event loop of its own. Its callbacks stay its own and get what they got before, and nothing of these
    requests; they may be set before or after::

        twin = TwinPatcher(client)
        result = twin.patch({"firmware": "1.1"}, timeout=10)
        print(result.status, result.version)

    The first request subscribes to the answers and waits for the SUBACK; that is done again after each reconnect, which
    is the application's business as before. Every request ends by its answer, an error or its timeout, connected or
    not. Each call may be made from any thread, in three forms: ``patch`` blocks, ``patch_future`` returns a
    ``concurrent.futures.Future`` at once, ``patch_async`` is for ``await``. In a callback of the client only the last
    two are possible: the answer could not come in before the callback returns.

    :meth:`close` detaches it and leaves the client as it was. So does dropping the object, once no request is open;
    functions of :meth:`on_desired` and :meth:`observe` are called for as long as the client lives.

    Args:
        client: A ``paho.mqtt.client.Client`` for MQTT 3.1.1, connected or not yet, with anyone's credentials.
        on_disconnect: What becomes of requests without an answer when the connection is lost. With ``"resend"`` they
            are published again on the next one, within their timeout; a patch with ``if_version`` that was on its way
            fails, since a second copy would be refused if the first was applied. With ``"fail"`` all that were on their
            way fail. What was not published yet waits for a connection, within its timeout.
        timeout: Seconds for calls that name none.
        show_answers: Whether the application's ``on_message`` and ``message_callback_add`` see the answers to these
            requests, too. By default they see those to the application's own requests only: many an application looks
            the ``$rid`` up in a table of its own, and fails over one that it does not know.
        json_default: A function that is asked first for every value in a patch that is not of JSON's own types; see
            :class:`~azmqtt.ClientOptions`.

    Raises:
        ImportError: paho-mqtt is not installed.
        TypeError: ``client`` is not a paho client.
        ValueError: Names an argument that is out of its bounds; ``client`` is for another version of MQTT.
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
        """Attach to the client; nothing is sent yet."""
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
        """Detach and leave the client as it was. Requests without an answer end in ``ClientClosed``."""
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

        If no loop runs, this call runs the client's network loop meanwhile.

        Args:
            patch: A mapping or a dataclass; ``None`` removes a property. At most 32 KB by the service's count, 10
                levels deep, strings up to 4 KB, integers from -2^52 to 2^52-1, no ``None`` within lists, keys up to 1
                KB without ``.``, ``$``, ``#``, white space and control characters (IoT Hub docs, "device twins").
            if_version: Change them only if they still have this ``$version``.
            request_id: A ``$rid`` of the application's own, of 1 to 128 ASCII letters, digits and ``-_.~:@``; by
                default a new one.
            timeout: Seconds.

        Returns:
            The new version, the request id and the status.

        Raises:
            ValueError: Names the path in the patch that breaks a rule, or a ``request_id`` that is malformed or in use.
                Nothing was sent.
            TypeError: Names the path in the patch that is not JSON. Nothing was sent.
            PreconditionFailed: The properties have another version by now.
            Throttled: The hub asks for fewer requests.
            RequestFailed: The hub answered with another error.
            RequestTimeout: No answer in time; says why, as far as that is known.
            ConnectionLost: The connection was lost and the patch is not sent again.
            ClientClosed: The object is closed.
            OutboxFull: 10,000 requests or 32 MiB are open.
            RuntimeError: Called in a callback of the client, or on the thread of the event loop that runs it: the
                answer could not come in. Use ``patch_future`` or ``patch_async``. Or a callback of the application
                raised and so ended the thread of the client's loop; or this process was forked, and the connection is
                the parent's.
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
        """Change the reported properties without waiting; see :meth:`patch`. Also for callbacks.

        Cancelling the future forgets the request; it may have been carried out.
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
        """Read the device twin; arguments and errors as of :meth:`patch`."""
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
        """Call ``callback`` with every change of the desired properties, from now on. Also a decorator.

        Each change comes once, in the order of ``$version``; what happened while the line was down comes as one change
        after it is up again. Changes count from what :meth:`get` returned last before the subscription was up, or else
        from then. It is called on the thread that runs the client's loop, as the client's own callbacks are,
        and what it raises is logged under ``azmqtt.paho``.

        Args:
            callback: A plain function of one :class:`~azmqtt.DesiredPatch`.
        """
        self._link.on_desired(_plain("on_desired", callback))
        return callback

    def observe(self, callback: Observer) -> Observer:
        """Call ``callback`` with the answers to requests that the application publishes by itself. Also a decorator.

        For applications that keep their own ``publish()``, whose answers nobody looked at. The subscription to the
        answers is made if need be. It is called as that of :meth:`on_desired`.

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
                # A condition is woken at once; this is for Ctrl-C, the deadline and a loop that stopped.
                concurrent.futures.wait([future], timeout=max(0.001, min(left, _LOOK)))
            return future.result()
        finally:
            # Interrupted: nobody waits for the answer.
            future.cancel()
            # An error would hold this frame, and this frame the error.
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
