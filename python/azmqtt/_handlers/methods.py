"""Handlers of direct methods (IoT Hub docs, "Understand and invoke direct methods from IoT Hub").

Plain functions run on threads of the pool (`pool`), one for each call; an ``async def`` runs as a
task. So a slow handler delays neither other methods nor anything else.

Every call gets a response while its connection is up: 404 for a name without a handler, 400 for a payload that is not
JSON, 500 for a handler that raises or returns what cannot be sent. None of these shows more of the device than that.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from azmqtt._errors import ClientClosed, ConnectionLost, MessageTooLarge
from azmqtt._handlers.async_loop import start_on
from azmqtt._handlers.by_name import NamedHandlers
from azmqtt._handlers.pool import log_unsubscribed
from azmqtt._handlers.raised import passes, refuse_coroutine
from azmqtt._support import strict_json
from azmqtt._types import MethodRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from azmqtt import _core
    from azmqtt._handlers.by_name import Handler

_log = logging.getLogger("azmqtt.handlers")

_NO_METHOD = 404, {"message": "the device has no method of this name"}
_NOT_JSON = 400, {"message": "the payload is not JSON"}
_FAILED = 500, {"message": "the method failed on the device"}
_NOT_SENDABLE = 500, {"message": "the method's response cannot be sent"}
_TOO_LARGE = 500, {"message": "the method's response is larger than 128 KiB"}


class _Work(NamedTuple):
    call: _core.MethodCall
    handler: Handler
    request: MethodRequest


class Methods(NamedHandlers):
    """The methods of one client."""

    kind = "method"

    def __init__(self, released: Callable[[], None]) -> None:
        """Start nothing yet; ``released`` is called when the client is closed."""
        super().__init__(released)
        self._tasks: set[Future[None]] = set()

    def run(self, error: Exception | None) -> None:
        """Take one call; another thread may take the next meanwhile."""
        events = self._events
        if self.stopping or events is None:
            return
        closed = isinstance(error, ClientClosed)
        if error is not None and not closed:
            log_unsubscribed(error)
        call = events.take()
        if call is not None:
            events.arm(self.pool.wakeups, self.key)
            self._hand_on(call)
        elif closed:
            self.end()
            self._released()
        else:
            events.arm(self.pool.wakeups, self.key)

    def _hand_on(self, call: _core.MethodCall) -> None:
        name = call.name
        handler = self.handler(name)
        if handler is None:
            _log.warning("a call of the method %s, which has no handler", name)
            _respond(call, *_NO_METHOD)
            return
        body = call.body
        try:
            payload = strict_json.read(body) if body else None
        except ValueError:
            _log.warning("a call of the method %s with a payload that is not JSON", name)
            _respond(call, *_NOT_JSON)
            return
        work = _Work(call, handler, MethodRequest(name, payload, body))
        if handler.where is None:
            self.enter()
            try:
                _work_plain(work)
            finally:
                self.leave()
            return
        try:
            task = start_on(handler.where, _work_async(work))
        except RuntimeError:
            _log.error("the method %s was not called: its event loop is closed", name)
            _respond(call, *_FAILED)
            return
        # The loop itself holds its tasks weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _work_plain(work: _Work) -> None:
    if not _still_wanted(work):
        return
    try:
        response = work.handler.function(work.request)
        refuse_coroutine(response)
        status, payload = _parts(response)
    except BaseException:  # noqa: BLE001 - a handler may raise anything, and sys.exit() is no way out of this thread
        _log.exception("the handler of the method %s raised", work.request.name)
        status, payload = _FAILED
    try:
        _respond(work.call, status, payload)
    except Exception as error:  # noqa: BLE001 - json_default may raise anything
        _respond(work.call, *_refused(work, error))


async def _work_async(work: _Work) -> None:
    if not _still_wanted(work):
        return
    try:
        response = await work.handler.function(work.request)
        status, payload = _parts(response)
    except asyncio.CancelledError:
        _log.warning("the handler of the method %s was cancelled", work.request.name)
        await _respond_async(work.call, *_FAILED)
        raise
    except GeneratorExit:
        raise
    except BaseException as error:
        _log.exception("the handler of the method %s raised", work.request.name)
        if passes(error):
            # The loop ends with this: there is no later for the response.
            _respond(work.call, *_FAILED)
            raise
        status, payload = _FAILED
    try:
        await _respond_async(work.call, status, payload)
    except Exception as error:  # noqa: BLE001 - json_default may raise anything
        await _respond_async(work.call, *_refused(work, error))


def _still_wanted(work: _Work) -> bool:
    """Whether the caller still waits: one whose connection went before the handler could begin has been told."""
    wanted = work.call.open
    if not wanted:
        _log.info("the method %s was not called: the connection of its call has ended", work.request.name)
    return wanted


def _parts(response: Any) -> tuple[int, Any]:
    """Split what a handler returned into status and payload.

    Raises:
        TypeError: A tuple that is not a status and payload.
    """
    if not isinstance(response, tuple):
        return 200, response
    if len(response) != 2 or not isinstance(response[0], int) or isinstance(response[0], bool):  # noqa: PLR2004
        raise TypeError("a method handler must return a payload, (status, payload) with an int, or a MethodResponse")
    return response


def _refused(work: _Work, error: Exception) -> tuple[int, Any]:
    _log.error("the response of the method %s cannot be sent: %s", work.request.name, error)
    return _TOO_LARGE if isinstance(error, MessageTooLarge) else _NOT_SENDABLE


def _respond(call: _core.MethodCall, status: int, payload: Any) -> None:
    try:
        call.respond(status, payload)
    except (ConnectionLost, ClientClosed) as error:
        _not_sent(call, error)


async def _respond_async(call: _core.MethodCall, status: int, payload: Any) -> None:
    try:
        await call.respond_async(status, payload)
    except (ConnectionLost, ClientClosed) as error:
        _not_sent(call, error)


def _not_sent(call: _core.MethodCall, error: Exception) -> None:
    _log.warning("the response of the method %s was not sent: %s", call.name, error)
