"""Iterators over what a hub or broker sends, for ``for`` and ``async for``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from azmqtt import _core
from azmqtt._errors import ClientClosed
from azmqtt._support.uncopied import Uncopied

if TYPE_CHECKING:
    from asyncio import Future
    from types import TracebackType

    from typing_extensions import Self

    class Owner(Protocol):
        """A client, as far as its iterators know it."""

        @property
        def _core(self) -> _core.Client | _core.BrokerClient:
            """Its core."""


T = TypeVar("T")


class Stream(Uncopied, _core.Events, Generic[T]):
    """An endless iterator over messages, over changes of the desired properties, or over changes of the state.

    Use it in ``for`` or ``async for``; ``next(stream)`` works too. Iteration ends when the client is closed, or when
    nothing came for ``timeout`` seconds. What this iterator leaves is there for the next one.

    A QoS 1 message is acknowledged when the next one is asked for, when the iteration ends, or when the iterator
    goes: from then on the server will not deliver it again.
    """

    __slots__ = ("_owner", "_subscribed", "_timeout")

    _owner: Owner
    _timeout: float | None
    _subscribed: bool

    def __new__(cls, owner: Owner, kind: str, timeout: float | None, topic_filter: str | None = None) -> Self:
        """Start to listen. ``kind`` is ``"messages"``, ``"desired"`` or ``"state"``."""
        self = super().__new__(cls, owner._core, kind, timeout, topic_filter)  # noqa: SLF001 - one class in two files
        # A client that nobody else holds lives as long as somebody iterates over it.
        self._owner = owner
        self._timeout = timeout
        self._subscribed = False
        return self

    if TYPE_CHECKING:

        def __iter__(self) -> Self:
            """Return the iterator itself."""

        def __next__(self) -> T:
            """Wait for the next item.

            Raises:
                StopIteration: Nothing came for ``timeout`` seconds, or the client was closed.
                Error: The server could not be asked for items.
            """

    def __aiter__(self) -> Self:
        """Return the iterator itself."""
        return self

    async def __anext__(self) -> T:
        """Wait for the next item.

        Raises:
            StopAsyncIteration: Nothing came for ``timeout`` seconds, or the client was closed.
            Error: The server could not be asked for items.
        """
        item = self.take()
        if item is None:
            item = await self._wait()
        return item  # type: ignore[no-any-return]

    async def _wait(self) -> Any:
        import asyncio

        if not self._subscribed:
            await self.subscribed_async()
            self._subscribed = True
        event_loop = asyncio.get_running_loop()
        deadline = None if self._timeout is None else event_loop.time() + self._timeout
        while (item := self.take()) is None:
            if deadline is not None and event_loop.time() >= deadline:
                raise StopAsyncIteration
            key, ready = self.ready_async()
            # Not `asyncio.wait_for`: before Python 3.12 it returns a result that is there already instead of raising
            # the task's cancellation. Here nothing is taken before `await` has returned, so nothing is lost either.
            timer = None if deadline is None else event_loop.call_at(deadline, _finish, ready)
            try:
                await ready
            except ClientClosed:
                # What came at the last moment still counts.
                if (item := self.take()) is None:
                    raise StopAsyncIteration from None
                break
            finally:
                if timer is not None:
                    timer.cancel()
                self.forget(key)
        return item

    def close(self) -> None:
        """Acknowledge the last message now, without asking for another."""
        self.done()

    def __enter__(self) -> Self:
        """Return the iterator."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Acknowledge the last message."""
        self.done()


def _finish(future: Future[None]) -> None:
    """End a wait at its deadline."""
    if not future.done():
        future.set_result(None)
