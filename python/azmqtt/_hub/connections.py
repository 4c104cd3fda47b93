"""The connections of devices to a local hub, as tests observe them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._local.awaited import not_in_time
from azmqtt._support.waiting import Steps, run, run_async

if TYPE_CHECKING:
    from azmqtt import _core


class ConnectionsMixin:
    """The methods of :class:`~azmqtt.LocalHub` that observe and end connections."""

    _core: _core.Hub

    def connected(self, device_id: str, *, module_id: str | None = None) -> bool:
        """Return whether the device or module is connected.

        Raises:
            LookupError: The device does not exist.
        """
        return self._core.connected(device_id, module_id)

    def wait_for_connection(
        self,
        device_id: str,
        *,
        module_id: str | None = None,
        connected: bool = True,
        timeout: float | None = 10,
    ) -> None:
        """Wait until the device or module is connected, or with ``connected=False`` until it is not.

        Raises:
            TimeoutError: The connection did not reach that state in time.
            LookupError: The device does not exist.
        """
        __tracebackhide__ = True
        run(self._connected(device_id, module_id, timeout, connected=connected), self._core)

    async def wait_for_connection_async(
        self,
        device_id: str,
        *,
        module_id: str | None = None,
        connected: bool = True,
        timeout: float | None = 10,
    ) -> None:
        """Do the same as :meth:`wait_for_connection` without blocking the event loop."""
        __tracebackhide__ = True
        await run_async(self._connected(device_id, module_id, timeout, connected=connected), self._core)

    def _connected(
        self, device_id: str, module_id: str | None, timeout: float | None, *, connected: bool
    ) -> Steps[None]:
        __tracebackhide__ = True
        if not (yield lambda tick: self._core.wait_for_connection(device_id, connected, tick, module_id), timeout):
            who = device_id if module_id is None else f"{device_id}/{module_id}"
            raise not_in_time(who, timeout, self.last_refusal, connected=connected)

    def connection_count(self, device_id: str, *, module_id: str | None = None) -> int:
        """Return how many connections of the device or module the hub has accepted since it started.

        Raises:
            LookupError: The device does not exist.
        """
        return self._core.connection_count(device_id, module_id)

    def disconnect(self, device_id: str, *, module_id: str | None = None) -> bool:
        """Close the connection of a device or module without a packet, as a broken network does.

        Returns:
            ``False`` if it was not connected.

        Raises:
            LookupError: The device does not exist.
        """
        return self._core.disconnect(device_id, module_id)

    def expire_token(self, device_id: str, *, module_id: str | None = None) -> bool:
        """End the connection of a device or module as if its SAS token had expired.

        Returns:
            ``False`` if it was not connected.

        Raises:
            LookupError: The device does not exist.
        """
        return self._core.expire_token(device_id, module_id)

    def last_close(self, device_id: str, *, module_id: str | None = None) -> str | None:
        """Return a text that explains why the last connection of a device or module ended.

        Raises:
            LookupError: The device does not exist.
        """
        return self._core.last_close(device_id, module_id)

    @property
    def last_refusal(self) -> str | None:
        """A text that explains why the hub refused the last connection that it refused."""
        return self._core.last_refusal
