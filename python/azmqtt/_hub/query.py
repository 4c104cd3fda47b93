"""Queries of the local hub, as service applications make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azmqtt import _core

#: The largest page that a hub gives; one query goes through as many as there are.
PAGE = 1000


class QueriesMixin:
    """The part of :class:`~azmqtt.LocalHub` that answers queries."""

    _core: _core.Hub

    def query(self, query: str) -> list[dict[str, Any]]:
        """Return what a query in IoT Hub's query language selects, in the order of the ids.

        ``SELECT *`` gives whole twins, as :meth:`~azmqtt.LocalHub.twin` does; columns and aggregates give a row each.
        The same queries work over the REST API of the hub, page by page (``docs/query-language.md`` has the language).

        Args:
            query: Such as ``"SELECT deviceId FROM devices WHERE properties.reported.firmware = '1.1'"``, of
                ``devices``, ``devices.modules`` or ``devices.jobs``.

        Raises:
            TypeError: The query is not a string.
            ValueError: The query is not of the language; says where and why.
        """
        from azmqtt._support import strict_json

        rows: list[dict[str, Any]] = []
        continuation: str | None = None
        while True:
            page, continuation = self._core.query(query, PAGE, continuation)
            rows += strict_json.read(page)
            if continuation is None:
                return rows
