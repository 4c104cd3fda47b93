"""Requests over HTTPS, by Python's own client."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

from azmqtt import _core
from azmqtt._errors import BadAnswer
from azmqtt._support import strict_json
from azmqtt._support.pem import read_pem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from http.client import HTTPResponse

#: The largest answer that is read, in bytes: a page of a thousand twins.
_LONGEST = 128 << 20

#: How much an error shows of an answer that is not JSON, in bytes.
_SHOWN = 200


class Answer(NamedTuple):
    """What came back: status, its phrase, headers with names in small letters, and the body."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the server did what was asked."""
        return 200 <= self.status < 300  # noqa: PLR2004 - success


class Advice(NamedTuple):
    """What is said of the usual mistakes.

    Attributes:
        untrusted: The certificate leads to no root that is trusted.
        refused: No server listens on the port.
        no_http: Something else than HTTP listens there.
    """

    untrusted: str
    refused: str
    no_http: str


class Server:
    """Where requests go. Connects anew for each."""

    def __init__(self, host: str, port: int, *, trust: tuple[str, str | None], timeout: float, advice: Advice) -> None:
        """Take the address; nothing is sent yet.

        Args:
            host: Its name or address.
            port: Its TCP port.
            trust: The name of the option, and the file with the roots to trust; the system's without one.
            timeout: For a request, in seconds.
            advice: For errors.

        Raises:
            ValueError: The file cannot be read or has no certificate.
        """
        self._host, self._port = host, port
        self._timeout = timeout
        self._advice = advice
        self._context = _context(*trust)

    def exchange(
        self,
        method: str,
        target: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        timeout: float | None = None,
    ) -> Answer:
        """Send a request; return what came back, success or not.

        Raises:
            OSError: Nothing came back; names the address.
        """
        with self._failing(), self._asked(method, target, body, headers, timeout) as answer:
            content = answer.read(_LONGEST)
        named = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, answer.reason, named, content)

    @contextlib.contextmanager
    def open(self, method: str, target: str, headers: Mapping[str, str], *, timeout: float) -> Iterator[HTTPResponse]:
        """Send a request; give the answer whose body is still to be read, success or not.

        Raises:
            OSError: Nothing came back; names the address.
        """
        with contextlib.ExitStack() as opened:
            with self._failing():
                answer = opened.enter_context(self._asked(method, target, None, headers, timeout))
            yield answer

    @contextlib.contextmanager
    def _asked(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str], timeout: float | None
    ) -> Iterator[HTTPResponse]:
        from http.client import HTTPSConnection

        timeout = self._timeout if timeout is None else timeout
        connection = HTTPSConnection(self._host, self._port, timeout=timeout, context=self._context)
        try:
            connection.request(method, target, body, dict(headers))
            yield connection.getresponse()
        finally:
            connection.close()

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """Say what failed, and where."""
        from http.client import HTTPException

        try:
            yield
        except (OSError, HTTPException) as error:
            raise OSError(_failure(f"{self._host}:{self._port}", error, self._advice)) from None


def read_json(what: str, content: bytes) -> Any:
    """Read JSON; ``what`` names it in the error.

    Raises:
        BadAnswer: It is not JSON. Shows how it begins.
    """
    try:
        return strict_json.read(content)
    except ValueError:
        raise BadAnswer(f"{what} is not JSON: {content[:_SHOWN]!r}") from None


def path(*parts: str) -> str:
    """Make a path of its parts, as they are."""
    from urllib.parse import quote

    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _context(option: str, file: str | None) -> Any:
    import ssl

    if file is None:
        return ssl.create_default_context()
    return ssl.create_default_context(cadata=_core.plain_roots(option, read_pem(option, file)))


def _failure(where: str, error: Exception, advice: Advice) -> str:
    import ssl
    from http.client import HTTPException

    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{where}: its certificate is not trusted ({error.verify_message}): {advice.untrusted}"
    if isinstance(error, TimeoutError):
        return f"{where}: no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return f"{where}: no server listens there; {advice.refused}"
    if isinstance(error, ConnectionResetError | HTTPException | ssl.SSLEOFError):
        return f"{where}: no HTTP came back ({text}): {advice.no_http}"
    return f"{where}: {getattr(error, 'strerror', None) or text}"
