"""Queries of the local hub, from a service application's side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azmqtt import _core

#: The largest page that a hub returns; one query reads all pages.
PAGE = 1000


class QueriesMixin:
    """The queries of :class:`~azmqtt.LocalHub`."""

    _core: _core.Hub

    def query(self, query: str) -> list[dict[str, Any]]:
        """Return the results of a query in IoT Hub's query language, in the order of the ids.

        ``SELECT *`` returns complete twins, as :meth:`~azmqtt.LocalHub.twin` does; columns and aggregates return rows.
        The hub's REST API runs the same queries, page by page. ``docs/query-language.md`` describes the language.

        Args:
            query: A query of ``devices``, ``devices.modules`` or ``devices.jobs``, such as
                ``"SELECT deviceId FROM devices WHERE properties.reported.firmware = '1.1'"``.

        Raises:
            TypeError: The query is not a string.
            ValueError: The query has a syntax error. The text says where and why.
        """
        from azmqtt._support import strict_json

        rows: list[dict[str, Any]] = []
        continuation: str | None = None
        while True:
            page, continuation = self._core.query(query, PAGE, continuation)
            rows += strict_json.read(page)
            if continuation is None:
                return rows
