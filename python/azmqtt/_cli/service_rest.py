"""Requests to the service's REST API, for the command line: Python's own HTTPS and a SAS token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from azmqtt import _core, sas
from azmqtt._errors import BadAnswer, RequestFailed
from azmqtt._support import strict_json
from azmqtt._support.pem import read_pem

if TYPE_CHECKING:
    from collections.abc import Mapping

_API_VERSION = "2021-04-12"

#: The largest answer that is read, in bytes: a page of a thousand twins.
_LONGEST = 128 << 20

#: How much an error shows of an answer that is not JSON, in bytes.
_SHOWN = 200

#: The life of a token, in seconds. It serves one request.
_TTL = 600


class JsonText(str):
    """JSON that is sent as it is written."""

    __slots__ = ()


def read_json(what: str, content: bytes) -> Any:
    """Read JSON; ``what`` names it in the error.

    Raises:
        BadAnswer: It is none. Shows how it begins.
    """
    try:
        return strict_json.read(content)
    except ValueError:
        raise BadAnswer(f"{what} is not JSON: {content[:_SHOWN]!r}") from None


class ServiceApi:
    """A hub as back-end applications see it. Shows no secret."""

    def __init__(self, parts: Mapping[str, str], *, trust: str | None = None, timeout: float = 30) -> None:
        """Take the parts of a service connection string; nothing is sent yet.

        Args:
            parts: ``HostName``, perhaps with a port, ``SharedAccessKeyName`` and ``SharedAccessKey``.
            trust: A file with the roots to trust; the system's if absent.
            timeout: For a request, in seconds.

        Raises:
            ValueError: A part is missing or malformed, or the file cannot be read or has no certificate.
        """
        missing = [name for name in ("HostName", "SharedAccessKeyName", "SharedAccessKey") if not parts.get(name)]
        if missing:
            hint = ": it is a device's; that of a policy is needed" if parts.get("DeviceId") else ""
            raise ValueError(f"the service connection string has no {missing[0]}{hint}")
        self._host, _, port = parts["HostName"].partition(":")
        if port and not (port.isascii() and port.isdigit()):
            raise ValueError("the service connection string's HostName has a port that is not a number")
        self._port = int(port or 443)
        self._policy, self._key = parts["SharedAccessKeyName"], parts["SharedAccessKey"]
        self._timeout = timeout
        self._context = _context(trust)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: str = "",
        timeout: float | None = None,
    ) -> tuple[Any, dict[str, str]]:
        """:meth:`exchange`; the answer's body is read as JSON.

        Raises:
            BadAnswer: The answer is not JSON.
        """
        content, named = self.exchange(method, path, body, headers=headers, query=query, timeout=timeout)
        return (read_json("the hub's answer", content) if content.strip() else None), named

    def exchange(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: str = "",
        timeout: float | None = None,
    ) -> tuple[bytes, dict[str, str]]:
        """Send a request; return the answer's body and its headers, with names in small letters.

        Args:
            method: ``GET``, ``PUT``, ….
            path: See :func:`path`.
            body: ``bytes`` as they are, ``None`` for none, a :class:`JsonText` or anything else as JSON.
            headers: More of them.
            query: What follows ``api-version``, beginning with ``&``.
            timeout: In place of the usual one.

        Raises:
            RequestFailed: The hub said no.
            OSError: There was no answer; names the address.
        """
        from http.client import HTTPException, HTTPSConnection

        given = dict(headers or {})
        given["Authorization"] = sas.generate(self._host, self._key, ttl=_TTL, policy=self._policy)
        if body is not None and not isinstance(body, bytes):
            body = (body if isinstance(body, JsonText) else json.dumps(body)).encode()
            given["Content-Type"] = "application/json; charset=utf-8"
        where = f"{self._host}:{self._port}"
        timeout = self._timeout if timeout is None else timeout
        connection = HTTPSConnection(self._host, self._port, timeout=timeout, context=self._context)
        try:
            connection.request(method, f"{path}?api-version={_API_VERSION}{query}", body, given)
            answer = connection.getresponse()
            content = answer.read(_LONGEST)
        except (OSError, HTTPException) as error:
            raise OSError(_failure(where, error)) from None
        finally:
            connection.close()
        if not 200 <= answer.status < 300:  # noqa: PLR2004 - success
            raise _refusal(answer.status, answer.reason, content)
        named = {name.lower(): value for name, value in answer.headers.items()}
        return content, named


def _context(trust: str | None) -> Any:
    import ssl

    if trust is None:
        return ssl.create_default_context()
    return ssl.create_default_context(cadata=_core.plain_roots("--trust", read_pem("--trust", trust)))


def path(*parts: str) -> str:
    """Make a path of its parts, as they are."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _failure(where: str, error: Exception) -> str:
    import ssl
    from http.client import HTTPException

    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"{where}: its certificate is not trusted ({error.verify_message}): a local hub's CA file goes to --trust"
        )
    if isinstance(error, TimeoutError):
        return f"{where}: no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return f"{where}: nobody listens there; a local hub's connection string has its port behind the host name"
    if isinstance(error, ConnectionResetError | HTTPException | ssl.SSLEOFError):
        return f"{where}: no HTTP came back ({text}): is this the port of the service's REST API?"
    return f"{where}: {getattr(error, 'strerror', None) or text}"


def _refusal(status: int, reason: str, content: bytes) -> RequestFailed:
    """Read an error in either of the service's spellings (IoT Hub docs, "Understand and resolve errors")."""
    code: int | None = None
    message = reason
    try:
        message = strict_json.read(content)["Message"]
        inner = strict_json.read(message)
        code, message = inner["errorCode"], inner["message"]
    except (ValueError, TypeError, LookupError):
        # The older spelling, "ErrorCode:{name};{message}", or no body of the service's.
        named, separator, rest = str(message).partition(";")
        message = rest if separator and named.startswith("ErrorCode:") else str(message)
    text = f"the hub answered {status}: {message}"
    return RequestFailed(text, status=status, error_code=code, message=message)
