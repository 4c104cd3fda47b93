"""What can be seen of a device's client from outside: its names, its figures, its picture in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._client.life import Life

if TYPE_CHECKING:
    from azmqtt._core import Client
    from azmqtt._stats import Stats
    from azmqtt.provisioning import Registration


class Observed(Life):
    """The part of :class:`~azmqtt.DeviceClient` that is for watching it."""

    __slots__ = ("_registration",)

    _core: Client
    _registration: Registration | None

    @property
    def device_id(self) -> str:
        """The device's id."""
        return self._core.device_id

    @property
    def module_id(self) -> str | None:
        """The module's id, for a module."""
        return self._core.module_id

    @property
    def registration(self) -> Registration | None:
        """What the provisioning service said, for a client that ``provision`` made."""
        return self._registration

    def stats(self) -> Stats:
        """Read what was counted and measured since the client was made, and what waits now."""
        from azmqtt._stats import Stats

        return Stats({**self._core.stats(), **self._waits()})

    def __repr__(self) -> str:
        """Show identity and state, no secret."""
        module = f", module_id={self.module_id!r}" if self.module_id else ""
        return f"{type(self).__name__}({self.hostname!r}, {self.device_id!r}{module}, {self.state})"

    def _names(self) -> list[tuple[str, str | None]]:
        return [("hub", self.hostname), ("device", self.device_id), ("module", self.module_id)]

    @property
    def _log_name(self) -> str:
        return self.device_id if self.module_id is None else f"{self.device_id}/{self.module_id}"
