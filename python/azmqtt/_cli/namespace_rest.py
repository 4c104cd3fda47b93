"""Requests to the management API of a local namespace, for the command line: HTTPS and a bearer token."""

from __future__ import annotations

import contextlib
import json
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from azmqtt._cli.common import UsageError
from azmqtt._errors import BadAnswer, RequestFailed
from azmqtt._rest.https import Advice, Answer, Server, path, read_json
from azmqtt._support import strict_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from http.client import HTTPResponse

#: The version that is asked for: the newest that is stable.
_API_VERSION = "2025-02-15"

#: Seconds between two questions about an operation that says nothing itself, and the longest that is taken.
_INTERVAL, _LONGEST_INTERVAL = 1.0, 30.0

#: Pages of a list: a hundred thousand resources.
_MOST_PAGES = 1000

_ANSWER = "the namespace's answer"

#: Bytes of an error that are read.
_LONGEST_REFUSAL = 64 << 10

_RESOURCE_ID = re.compile(
    r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft\.EventGrid/namespaces/([^/]+)/?", re.IGNORECASE
)

_ADVICE = Advice(
    untrusted="the local namespace's CA file goes to --ca-file",
    refused="the URL of a local namespace has its port behind the host name",
    no_http="is this the HTTPS port of the namespace?",
)


class Where(NamedTuple):
    """Which namespace is meant."""

    subscription: str
    resource_group: str
    name: str

    @classmethod
    def parse(cls, resource_id: str) -> Where:
        """Read the id of a namespace.

        Raises:
            UsageError: It is not one.
        """
        found = _RESOURCE_ID.fullmatch(resource_id)
        if found is None:
            raise UsageError(
                "the resource id must be /subscriptions/…/resourceGroups/…/providers/Microsoft.EventGrid/namespaces/…"
            )
        return cls(*found.groups())

    def path(self, *below: str) -> str:
        """Return the path of the namespace, or of what is below it."""
        subscription, group, name = self
        parts = ("subscriptions", subscription, "resourceGroups", group, "providers", "Microsoft.EventGrid")
        return path(*parts, "namespaces", name, *below)


class ManagementApi:
    """The resources of a namespace. Shows no secret."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        ca_file: str | None = None,
        timeout: float = 30,
        version: str | None = None,
    ) -> None:
        """Take the address and the token; nothing is sent yet.

        Args:
            url: ``https://`` and a host, perhaps with a port.
            token: The bearer token.
            ca_file: A file with the roots to trust; the system's if absent.
            timeout: For a request, and for what it starts, in seconds.
            version: The version of the API; the newest stable one if absent.

        Raises:
            UsageError: The URL is not one of HTTPS, or the token is malformed.
            ValueError: The file cannot be read or has no certificate.
        """
        self._authority = _authority(url)
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise UsageError("--token: it must be one word of ASCII, as the namespace's ready line has it")
        self._token = token
        self._timeout = timeout
        self._version = version or _API_VERSION
        trust = ("--ca-file", ca_file)
        self._server = Server(*self._authority, trust=trust, timeout=timeout, advice=_ADVICE)

    def ask(self, method: str, target: str, body: Any = None, *, query: str = "") -> Any:
        """Have something done; return what the answer holds.

        Args:
            method: ``GET``, ``POST``, ….
            target: A path.
            body: As JSON; ``None`` for none.
            query: What follows ``api-version``, beginning with ``&``.

        Raises:
            RequestFailed: The namespace said no.
            BadAnswer: The answer is not JSON.
        """
        answer = self._ask(method, target, body, query=query)
        return read_json(_ANSWER, answer.body) if answer.body else None

    def get(self, target: str) -> dict[str, Any]:
        """Return a resource.

        Raises:
            RequestFailed: The namespace said no, such as with 404.
            BadAnswer: It is not a resource.
        """
        return _object(self._ask("GET", target))

    def entries(self, target: str, *, filter_text: str | None = None, top: int | None = None) -> list[Any]:
        """Return the resources of a list, all pages of it.

        Args:
            target: Its path.
            filter_text: Which names are wanted, in OData's language.
            top: How many a page.

        Raises:
            RequestFailed: The namespace said no.
            BadAnswer: It is not a list, the next page is elsewhere, or the pages do not end.
        """
        given = {"$filter": filter_text, "$top": top}
        query = "".join(f"&{name}={quote(str(value), safe='')}" for name, value in given.items() if value is not None)
        found: list[Any] = []
        answer = self._ask("GET", target, query=query)
        for _ in range(_MOST_PAGES):
            page = _object(answer)
            entries, following = page.get("value"), page.get("nextLink")
            if not isinstance(entries, list):
                raise BadAnswer(f"{_ANSWER} is not a list")
            found += entries
            if not following:
                return found
            answer = self._follow(str(following))
        raise BadAnswer(f"there are more than {_MOST_PAGES} pages")

    @contextlib.contextmanager
    def stream(self, path: str, query: str, *, headers: Mapping[str, str], timeout: float) -> Iterator[HTTPResponse]:
        """Ask for what the namespace hands out as it comes; give the answer whose body is still to be read.

        Args:
            path: Of the stream.
            query: What follows the question mark.
            headers: More of them.
            timeout: Until the answer begins, in seconds.

        Raises:
            RequestFailed: The namespace said no.
            OSError: There was no answer; names the address.
        """
        authorized = {**headers, "Authorization": f"Bearer {self._token}"}
        with self._server.open("GET", f"{path}?{query}", authorized, timeout=timeout) as answer:
            if answer.status != HTTPStatus.OK:
                body = answer.read(_LONGEST_REFUSAL)
                raise _refusal(Answer(answer.status, answer.reason, {}, body))
            yield answer

    def put(self, target: str, body: Any, *, wait: bool = True) -> dict[str, Any]:
        """Make or change a resource; return it.

        Args:
            target: Its path.
            body: What it is to be.
            wait: Whether to wait until the operation is over.

        Raises:
            RequestFailed: The namespace said no.
            TimeoutError: The operation took longer than the timeout.
        """
        return self._change("PUT", target, body, wait=wait)

    def patch(self, target: str, body: Any, *, wait: bool = True) -> dict[str, Any]:
        """Change what the body has of a resource; as :meth:`put`."""
        return self._change("PATCH", target, body, wait=wait)

    def _change(self, method: str, target: str, body: Any, *, wait: bool) -> dict[str, Any]:
        answer = self._ask(method, target, body)
        state = answer.headers.get("azure-asyncoperation")
        if state is None or not wait:
            return _object(answer)
        self._wait(answer, state)
        return self.get(target)

    def delete(self, target: str, *, wait: bool = True) -> None:
        """Delete a resource, if it is there.

        Raises:
            RequestFailed: The namespace said no.
            TimeoutError: The operation took longer than the timeout.
        """
        answer = self._ask("DELETE", target)
        location = answer.headers.get("location")
        if location is not None and wait:
            self._wait(answer, location)

    def _wait(self, answer: Answer, url: str) -> None:
        """Ask an operation until it is over: by its status, or while its result is 202."""
        deadline = time.monotonic() + self._timeout
        while True:
            pause = _pause(answer)
            if time.monotonic() + pause > deadline:
                raise TimeoutError(f"the operation is still under way after {self._timeout:g} s")
            time.sleep(pause)
            answer = self._follow(url)
            if answer.status == 202:  # noqa: PLR2004 - accepted, not done
                continue
            status = _object(answer).get("status") if answer.body else "Succeeded"
            if status in ("Failed", "Canceled"):
                raise RequestFailed(f"the operation ended as {status}", status=answer.status)
            if status == "Succeeded":
                return

    def _follow(self, url: str) -> Answer:
        """Ask what the namespace itself has named, and nobody else: the token is a secret."""
        parts = urlsplit(url)
        try:
            elsewhere = _authority(url) != self._authority
        except UsageError:
            elsewhere = True
        if elsewhere:
            raise BadAnswer(f"the namespace's answer leads elsewhere: {url[:200]}")
        return self._send("GET", f"{parts.path}?{parts.query}", None)

    def _ask(self, method: str, target: str, body: Any = None, *, query: str = "") -> Answer:
        return self._send(method, f"{target}?api-version={self._version}{query}", body)

    def _send(self, method: str, target: str, body: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self._token}"}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers["Content-Type"] = "application/json; charset=utf-8"
        answer = self._server.exchange(method, target, content, headers)
        if not answer.is_success:
            raise _refusal(answer)
        return answer


def _authority(url: str) -> tuple[str, int]:
    """Return host and port of a URL.

    Raises:
        UsageError: It is not one of HTTPS.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme != "https" or parts.username is not None:
        raise UsageError(f"--management-url: {url!r} is not https://HOST:PORT")
    return host, port or 443


def _object(answer: Answer) -> dict[str, Any]:
    """Read the body of an answer, which must be an object.

    Raises:
        BadAnswer: It is something else.
    """
    found = read_json(_ANSWER, answer.body)
    if not isinstance(found, dict):
        raise BadAnswer(f"{_ANSWER} is not an object")
    return found


def _pause(answer: Answer) -> float:
    """Return the seconds after which the namespace wants to be asked again."""
    wanted = answer.headers.get("retry-after", "")
    return min(float(wanted), _LONGEST_INTERVAL) if wanted.isascii() and wanted.isdigit() else _INTERVAL


def _refusal(answer: Answer) -> RequestFailed:
    """Read an error (Azure REST API guidelines, "Error condition responses")."""
    code, message = answer.reason, answer.reason
    try:
        error = strict_json.read(answer.body)["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, TypeError, LookupError):
        pass
    hint = ": --token must be that of the namespace's ready line" if answer.status == 401 else ""  # noqa: PLR2004
    text = f"the namespace answered {answer.status} {code}: {message}{hint}"
    return RequestFailed(text, status=answer.status, message=message)
