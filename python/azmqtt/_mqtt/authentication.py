"""How a client of MQTT 5 proves who it is by AUTH, and renews that while it is connected (MQTT 5 §4.12).

Each object is for one client. What it is made of, a credential or a function, is called on a thread of that client's,
"azmqtt-credentials", one call at a time; an ``async def`` on an event loop of that thread.
"""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from azmqtt._mqtt import tokens
from azmqtt._support import arguments

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

#: The part of a token's life after which the next one is asked for.
_RENEW_AFTER = 0.85
#: The least time between two renewals, in seconds.
_LEAST_WAIT = 1.0
#: How long before its end a token of Entra's is renewed at the latest, in seconds. Credentials of azure-identity have
#: a new one from 300 s before.
_ENTRA_MARGIN = 240.0
#: Event Grid docs, "MQTT limits in namespace": authentication data.
_LONGEST_ENTRA = 8192


class Credential(NamedTuple):
    """What authenticates a client now.

    Attributes:
        data: The authentication data of CONNECT or AUTH.
        renew_at: When to ask for the next, in Unix seconds; ``None`` for not by time.
        expires_at: When the broker will no longer take it, in Unix seconds, as far as is known.
    """

    data: bytes
    renew_at: float | None = None
    expires_at: float | None = None


class Authentication:
    """A way to authenticate by AUTH: the base of what a client's ``authentication`` may be."""

    #: The authentication method of CONNECT (MQTT 5 §3.1.2.11.9).
    method: str
    #: Whether 0x18 in answer to a renewal means to try again later, and is not a challenge.
    waits = False
    #: Seconds between two looks whether there is something new, for what does not go by time alone.
    poll: float | None = None

    def begin(self) -> Credential | Awaitable[Credential]:
        """Return what to connect or renew with."""
        raise NotImplementedError

    def challenge(self, data: bytes) -> bytes | Awaitable[bytes]:  # noqa: ARG002 - a token needs none of it
        """Answer what the broker asks by AUTH with 0x18.

        Raises:
            ValueError: A token is all there is to say.
        """
        raise ValueError(f"the broker sent a challenge, which {self.method} does not support")

    def changed(self) -> bool:
        """Whether there is something new since the last look."""
        return False

    @property
    def is_async(self) -> bool:
        """Whether it needs an event loop."""
        return False

    def __repr__(self) -> str:
        """Show no secret."""
        return f"{type(self).__name__}({self.method})"


class EntraToken(Authentication):
    """A Microsoft Entra token, for Event Grid namespaces (method ``OAUTH2-JWT``).

    Event Grid docs, "Microsoft Entra JWT authentication": the identity is a managed identity or a service principal
    with the role *EventGrid TopicSpaces Publisher* or *Subscriber*.

        EntraToken(azure.identity.DefaultAzureCredential())

    The token is renewed when the credential says so (``refresh_on``), otherwise when 85 % of its life is over, and at
    least 240 s before its end where it lives that long. That goes by AUTH, with traffic flowing.

    Args:
        get_token: A credential as azure-identity has them, for ``with`` or for ``async with``: an object with
            ``get_token_info(scope)`` or ``get_token(scope)``. Or a function without arguments, plain or ``async
            def``, that returns the same, or the token as ``str``; then its claim ``exp`` tells how long it lives.
        scope: What the credential is asked for.
    """

    method = "OAUTH2-JWT"

    def __init__(self, get_token: Any, *, scope: str = "https://eventgrid.azure.net/.default") -> None:
        scopes = [arguments.text("scope", scope)]
        methods = (getattr(get_token, name, None) for name in ("get_token_info", "get_token"))
        function = next(filter(callable, methods), None)
        if function is None:
            function, scopes = get_token, []
        if not callable(function):
            kind = type(get_token).__name__
            raise TypeError(f"get_token must be a credential with a method get_token, or a function, not {kind}")
        self._function: Callable[..., Any] = function
        self._scopes = scopes

    @property
    def is_async(self) -> bool:
        return _is_async(self._function)

    def begin(self) -> Credential | Awaitable[Credential]:
        return _then(self._function(*self._scopes), self._credential)

    def _credential(self, answer: Any) -> Credential:
        token = answer if isinstance(answer, str) else getattr(answer, "token", None)
        if not isinstance(token, str):
            raise TypeError(f"get_token must return a str or an object with a token, not {type(answer).__name__}")
        if isinstance(answer, str):
            expires_on, refresh_on = _expiry_if_readable(token), None
        else:
            expires_on, refresh_on = _time(answer, "expires_on"), _time(answer, "refresh_on")
        data = _data(token)
        if len(data) > _LONGEST_ENTRA:
            raise ValueError(f"the token has {len(data):,} bytes, and Event Grid allows {_LONGEST_ENTRA:,}")
        if expires_on is None:
            return Credential(data)
        now = time.time()
        left = _left(expires_on, now, "expires_on")
        if refresh_on is not None and now < refresh_on < expires_on:
            return Credential(data, max(refresh_on, now + _LEAST_WAIT), expires_on)
        margin = min((1 - _RENEW_AFTER) * left, _ENTRA_MARGIN)
        return Credential(data, max(expires_on - margin, now + _LEAST_WAIT), expires_on)


class JsonWebToken(Authentication):
    """A JSON Web Token of an issuer of one's own, for Event Grid namespaces (method ``CUSTOM-JWT``).

    Event Grid docs, "OAuth 2.0 JSON Web Token authentication": the namespace knows the issuer's certificates, ``sub``
    is the client's authentication name, and ``aud`` the namespace's host name. The claim ``exp`` is read, without
    verification, and the token is renewed by AUTH when 85 % of its life is over.

    Args:
        get_token: A function without arguments, plain or ``async def``, that returns a token as ``str``. It has 20
            seconds.
    """

    method = "CUSTOM-JWT"

    def __init__(self, get_token: Callable[[], str | Awaitable[str]]) -> None:
        arguments.function("get_token", get_token)
        self._function = get_token

    @property
    def is_async(self) -> bool:
        return _is_async(self._function)

    def begin(self) -> Credential | Awaitable[Credential]:
        return _then(self._function(), self._credential)

    def _credential(self, token: Any) -> Credential:
        if not isinstance(token, str):
            raise TypeError(f"get_token must return str, not {type(token).__name__}")
        exp = tokens.expiry(token)
        if exp is None:
            return Credential(_data(token))
        now = time.time()
        left = _left(exp, now, "exp")
        return Credential(_data(token), now + max(_RENEW_AFTER * left, _LEAST_WAIT), exp)


class Enhanced(Authentication):
    """Any other method of enhanced authentication (MQTT 5 §4.12), such as SCRAM.

    Args:
        method: The authentication method, as the broker knows it.
        on_challenge: A function, plain or ``async def``. It is called with ``None`` when an exchange begins, and
            returns the first authentication data, or ``None`` for none; then with the data of each AUTH of the broker
            (reason code 0x18), and returns the answer. It has 20 seconds for each; an exchange has a bound of rounds.
        renew_after: Seconds after which the client authenticates again by AUTH; ``None`` for never.
    """

    def __init__(
        self,
        method: str,
        on_challenge: Callable[[bytes | None], bytes | Awaitable[bytes | None] | None],
        *,
        renew_after: float | None = None,
    ) -> None:
        from azmqtt._mqtt.properties import writable

        self.method: str = writable("method", method)
        if not method:
            raise ValueError("method must not be empty")
        arguments.function("on_challenge", on_challenge)
        self._function = on_challenge
        if renew_after is not None:
            arguments.seconds_within("renew_after", renew_after, _LEAST_WAIT, 10**9)
        self._renew_after = renew_after

    @property
    def is_async(self) -> bool:
        return _is_async(self._function)

    def begin(self) -> Credential | Awaitable[Credential]:
        return _then(self._function(None), self._credential)

    def challenge(self, data: bytes) -> bytes | Awaitable[bytes]:
        return _then(self._function(data), _answer)

    def _credential(self, answer: Any) -> Credential:
        renew_at = None if self._renew_after is None else time.time() + self._renew_after
        return Credential(_answer(answer), renew_at)


def _answer(value: Any) -> bytes:
    if value is None:
        return b""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError(f"on_challenge must return bytes or None, not {type(value).__name__}")
    return _bounded(bytes(value))


def _data(token: str) -> bytes:
    if not token or not token.isascii() or not token.isprintable():
        raise ValueError("the token is empty or contains invalid characters")
    return _bounded(token.encode())


def _bounded(data: bytes) -> bytes:
    if len(data) > tokens.LONGEST:
        raise ValueError(f"there are {len(data):,} bytes of authentication data, and MQTT allows {tokens.LONGEST:,}")
    return data


def _expiry_if_readable(token: str) -> float | None:
    try:
        return tokens.expiry(token)
    except ValueError:
        # Its form is between Entra and the broker.
        return None


def _time(answer: Any, name: str) -> float | None:
    value = getattr(answer, name, None)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 2**40:
        raise ValueError(f"{name} of the token must be a number of seconds since 1970")
    return float(value)


def _left(expires: float, now: float, name: str) -> float:
    if expires <= now:
        raise ValueError(f"the token has expired: its {name} was {now - expires:.0f} s ago")
    return expires - now


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object whose call is async
    )


def _then(value: Any, convert: Callable[[Any], T]) -> T | Awaitable[T]:
    """Convert a value, or what it will be once it is awaited."""
    return _converted(value, convert) if inspect.isawaitable(value) else convert(value)


async def _converted(value: Awaitable[Any], convert: Callable[[Any], T]) -> T:
    return convert(await value)
