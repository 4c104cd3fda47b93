"""The thread of a client that asks its ``authentication`` for what the core wants to know."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from azmqtt import _core
from azmqtt._support.credential_thread import CredentialThread

if TYPE_CHECKING:
    from azmqtt._mqtt.authentication import Authentication, Credential


class Authenticating(CredentialThread):
    """One client's authentication, and the thread that asks it."""

    def __init__(self, authentication: Authentication) -> None:
        """Take it; nothing is asked yet."""
        name = type(authentication).__name__
        self.calls = _core.AuthenticationCalls(authentication.method, name, authentication.waits)
        super().__init__(f"authentication ({name})", self.calls)
        self._authentication = authentication
        if authentication.poll is not None:
            self.longest_wait = authentication.poll

    @property
    def needs_loop(self) -> bool:
        """Whether an event loop is going to run in the thread."""
        return self._authentication.is_async

    def ask(self, what: Literal["connect", "renew", "challenge"], data: bytes | None) -> Any:
        """Ask for a credential, or for the answer to a challenge."""
        if what == "challenge":
            return self._authentication.challenge(data or b"")
        return self._authentication.begin()

    def answer(self, number: int, value: Credential | bytes) -> None:
        """Hand it over."""
        if isinstance(value, bytes):
            self.calls.answer(number, value, None, None)
            return
        renew_after = None if value.renew_at is None else max(0.0, value.renew_at - time.time())
        expiry = None if value.expires_at is None else int(value.expires_at)
        self.calls.answer(number, value.data, renew_after, expiry)

    def look_around(self) -> None:
        """Look whether there is something new."""
        if self._authentication.poll is not None and self._authentication.changed():
            self.calls.changed()
