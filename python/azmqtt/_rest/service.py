"""Requests to the service's REST API: Python's own HTTPS and a SAS token."""

from __future__ import annotations

import contextlib
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from azmqtt import sas
from azmqtt._errors import RequestFailed
from azmqtt._rest.https import Advice, Server, read_json
from azmqtt._support import strict_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from http.client import HTTPResponse

#: The life of a token, in seconds. It serves one request.
_TTL = 600

#: Bytes of an error that are read.
_LONGEST_REFUSAL = 64 << 10

_ADVICE = Advice(
    untrusted="a local hub's CA file goes to --trust",
    refused="a local hub's connection string has its port behind the host name",
    no_http="is this the port of the service's REST API?",
)

_CONTINUATION = "x-ms-continuation"


class Service(NamedTuple):
    """A kind of service.

    Attributes:
        name: For people.
        variable: The environment variable with its connection string.
        version: The version of its REST API.
    """

    name: str
    variable: str
    version: str


HUB = Service("hub", "IOTHUB_CONNECTION_STRING", "2021-04-12")

PROVISIONING = Service("provisioning service", "IOTDPS_CONNECTION_STRING", "2021-10-01")


class JsonText(str):
    """JSON that is sent as it is written."""

    __slots__ = ()


class ServiceApi:
    """A hub or a provisioning service as back-end applications see it. Shows no secret."""

    def __init__(
        self,
        parts: Mapping[str, str],
        service: Service = HUB,
        *,
        trust: str | None = None,
        timeout: float = 30,
        advice: Advice = _ADVICE,
    ) -> None:
        """Take the parts of a service connection string; nothing is sent yet.

        Args:
            parts: ``HostName``, perhaps with a port, ``SharedAccessKeyName`` and ``SharedAccessKey``.
            service: Which kind it is.
            trust: A file with the roots to trust; the system's if absent.
            timeout: For a request, in seconds.
            advice: For errors.

        Raises:
            ValueError: A part is missing or malformed, or the file cannot be read or has no certificate.
        """
        missing = [name for name in ("HostName", "SharedAccessKeyName", "SharedAccessKey") if not parts.get(name)]
        if missing:
            hint = ": it is a device's; that of a policy is needed" if parts.get("DeviceId") else ""
            raise ValueError(f"the service connection string has no {missing[0]}{hint}")
        self._service = service
        self._host, _, port = parts["HostName"].partition(":")
        if port and not (port.isascii() and port.isdigit()):
            raise ValueError("the service connection string's HostName has a port that is not a number")
        self._policy, self._key = parts["SharedAccessKeyName"], parts["SharedAccessKey"]
        self._server = Server(self._host, int(port or 443), trust=("--trust", trust), timeout=timeout, advice=advice)

    @property
    def host(self) -> str:
        """The name of the service, without a port."""
        return self._host

    def entries(
        self, method: str, path: str, body: Any = None, *, query: str = "", top: int | None = None
    ) -> list[Any]:
        """Return a list of which an answer has a page; ``top`` items at most."""
        found: list[Any] = []
        headers: dict[str, str] = {}
        while True:
            page, answered = self.request(method, path, body, headers=headers, query=query)
            found += page
            token = answered.get(_CONTINUATION)
            if not token or (top is not None and len(found) >= top):
                return found[:top]
            headers[_CONTINUATION] = token

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
        return (read_json(f"the {self._service.name}'s answer", content) if content.strip() else None), named

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
            path: See :func:`azmqtt._rest.https.path`.
            body: ``bytes`` as they are, ``None`` for none, a :class:`JsonText` or anything else as JSON.
            headers: More of them.
            query: What follows ``api-version``, beginning with ``&``.
            timeout: In place of the usual one.

        Raises:
            RequestFailed: The hub said no.
            OSError: There was no answer; names the address.
        """
        given = self._authorized(headers)
        if body is not None and not isinstance(body, bytes):
            body = (body if isinstance(body, JsonText) else json.dumps(body)).encode()
            given["Content-Type"] = "application/json; charset=utf-8"
        target = f"{path}?api-version={self._service.version}{query}"
        answer = self._server.exchange(method, target, body, given, timeout=timeout)
        if not answer.is_success:
            raise _refusal(self._service.name, answer.status, answer.reason, answer.body)
        return answer.body, answer.headers

    @contextlib.contextmanager
    def stream(self, path: str, query: str, *, headers: Mapping[str, str], timeout: float) -> Iterator[HTTPResponse]:
        """Ask for what a local hub hands out as it comes; give the answer whose body is still to be read.

        Args:
            path: See :func:`azmqtt._rest.https.path`.
            query: What follows the question mark.
            headers: More of them.
            timeout: Until the answer begins, in seconds.

        Raises:
            RequestFailed: The hub said no.
            OSError: There was no answer; names the address.
        """
        with self._server.open("GET", f"{path}?{query}", self._authorized(headers), timeout=timeout) as answer:
            if answer.status != HTTPStatus.OK:
                raise _refusal(self._service.name, answer.status, answer.reason, answer.read(_LONGEST_REFUSAL))
            yield answer

    def _authorized(self, headers: Mapping[str, str] | None) -> dict[str, str]:
        token = sas.generate(self._host, self._key, ttl=_TTL, policy=self._policy)
        return {**(headers or {}), "Authorization": token}


def if_match(etag: str | None) -> dict[str, str]:
    """Return the header of a condition: of any version without an etag."""
    return {"If-Match": "*" if etag in (None, "*") else f'"{etag}"'}


def _refusal(service: str, status: int, reason: str, content: bytes) -> RequestFailed:
    """Read an error in one of the service's forms (IoT Hub docs, "Understand and resolve errors")."""
    code, message = _code_and_message(content, reason)
    text = f"the {service} answered {status}: {message}"
    return RequestFailed(text, status=status, error_code=code, message=message)


def _code_and_message(content: bytes, reason: str) -> tuple[int | None, str]:
    try:
        error = strict_json.read(content)
        if "errorCode" in error:
            return error["errorCode"], str(error["message"])
        message = error["Message"]
    except (ValueError, TypeError, LookupError):
        return None, reason
    try:
        inner = strict_json.read(message)
        return inner["errorCode"], str(inner["message"])
    except (ValueError, TypeError, LookupError):
        # The older spelling, "ErrorCode:{name};{message}", or no body of the service's.
        named, separator, rest = str(message).partition(";")
        is_named = separator and named.startswith("ErrorCode:")
        return None, f"{named.removeprefix('ErrorCode:')}: {rest}" if is_named else str(message)
