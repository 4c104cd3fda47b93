"""What happens to connections, in Python's ``logging``.

=====================  ========  ============================================================================
logger                 level     what
=====================  ========  ============================================================================
``azmqtt.connection``  INFO      connecting, connected, renewed (a planned reconnect with a new token), closed
``azmqtt.connection``  WARNING   lost, refused or failed, with the reason and the wait before the next attempt
``azmqtt.twin``        DEBUG     an answer of the hub that belongs to no request that is open
``azmqtt.handlers``    ERROR     a handler that raised, and other troubles of handlers
=====================  ========  ============================================================================

Each record has fields besides its text, for handlers that write JSON or the like (``extra`` of ``logging``): ``event``
(``connecting``, ``connected``, ``renewed``, ``retry``, ``disconnected``, ``closed``, ``unmatched``), ``device_id`` and
``module_id``, or ``client_id`` of an :class:`~azmqtt.MqttClient`, ``reason``, ``step`` (as
:class:`~azmqtt.ConnectionFailed` has it), ``retry_in`` in seconds, ``request_id`` and ``status``. Those that do not
apply are ``None``.

The lines come from one thread, "azmqtt-log", for all clients of the process. It is started when a client is made, or
``connect`` is called, while somebody listens to ``azmqtt.connection``: a level of INFO or lower is on, or warnings are
and there is a log handler that they reach. When nobody listens nothing is recorded. No line ever holds a key or a
token.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from typing import Any

from azmqtt import _core
from azmqtt._support.printable import printable

_connection = logging.getLogger("azmqtt.connection")
_twin = logging.getLogger("azmqtt.twin")

# Without a configuration of logging, warnings would go to stderr. An error of a handler, which is the application's
# own, still does: `azmqtt.handlers` is left out here.
_connection.addHandler(logging.NullHandler())
_twin.addHandler(logging.NullHandler())

#: Before the name of a client, on its way through the core.
_DEVICE, _CLIENT = "d", "c"

_LINES = {
    "connecting": (logging.INFO, "%s: connecting"),
    "connected": (logging.INFO, "%s: connected"),
    "renewed": (logging.INFO, "%s: renewed its token by a planned reconnect"),
    "closed": (logging.INFO, "%s: closed"),
}


class _Writer:
    """The thread that writes what the core tells, and the queue that it is told by."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.log = _core.Log()
        self.thread = threading.Thread(target=self._run, name="azmqtt-log", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while True:
            left_out, entries = self.log.take()
            if left_out:
                line = "%d lines were left out: they came faster than they could be written"
                _connection.warning(line, left_out, extra=_nobody())
            if not entries:
                return
            for entry in entries:
                _write(*entry)

    def stop(self) -> None:
        """Write what waits and end."""
        self.log.close()
        self.thread.join(1.0)


_writer: _Writer | None = None
_lock = threading.Lock()


def attach(core: _core.Client | _core.BrokerClient, name: str) -> None:
    """Log what happens to a client from now on, if somebody listens.

    Args:
        core: The client.
        name: Its device id, that with the module's behind a slash, or the client id for other brokers.
    """
    global _writer  # noqa: PLW0603 - one for the process
    details = _twin.isEnabledFor(logging.DEBUG)
    if not (details or _is_heard()):
        return
    with _lock:
        if _writer is None or _writer.process != os.getpid():
            # A forked child has no thread.
            _writer = _Writer()
        writer = _writer
    writer.log.set_details(details)
    core.log_to(writer.log, f"{_DEVICE if isinstance(core, _core.Client) else _CLIENT}{name}")


def _is_heard() -> bool:
    if _connection.isEnabledFor(logging.INFO):
        return True
    if not _connection.isEnabledFor(logging.WARNING):
        return False
    logger: logging.Logger | None = _connection
    while logger is not None:
        if any(not isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False


def _write(client: str, what: str, text: str | None, step: str | None, number: float) -> None:
    kind, name = client[:1], client[1:]
    text = None if text is None else printable(text)
    fields = _fields(kind, name, what) | {"reason": text, "step": step}
    if what == "closed" and text is not None:
        _connection.warning("%s: closed: %s", name, text, extra=fields)
    elif what in _LINES:
        level, line = _LINES[what]
        _connection.log(level, line, name, extra=fields)
    elif what == "retry":
        fields["retry_in"] = number
        _connection.warning("%s: %s; next attempt in %.1f s", name, text, number, extra=fields)
    elif what == "disconnected":
        _connection.warning("%s: gave up: %s", name, text, extra=fields)
    elif what == "unmatched":
        fields |= {"reason": None, "request_id": text, "status": int(number)}
        _twin.debug("%s: a twin answer (%d) to no open request: %s", name, number, text, extra=fields)
    # "reconnecting" comes with a "retry" that says more.


def _nobody() -> dict[str, Any]:
    return dict.fromkeys(_fields(_DEVICE, "", ""), None) | {"event": "left_out", "reason": None, "step": None}


def _fields(kind: str, name: str, what: str) -> dict[str, Any]:
    """Return the fields of a record: all of them, so that a format may name any."""
    device, slash, module = name.partition("/")
    is_device = kind == _DEVICE
    return {
        "event": what,
        "device_id": device if is_device else None,
        "module_id": module if is_device and slash else None,
        "client_id": None if is_device else name,
        "retry_in": None,
        "request_id": None,
        "status": None,
    }


def _after_fork() -> None:
    # It may have been held by another thread of the parent.
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


@atexit.register
def _stop() -> None:
    if _writer is not None and _writer.process == os.getpid():
        _writer.stop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
