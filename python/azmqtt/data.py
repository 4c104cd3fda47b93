"""Messages as a pandas frame.

pandas is imported when :func:`frame` is called, and not before::

    df = azmqtt.data.frame(hub.telemetry("dev1"))     # the same as hub.telemetry("dev1").to_pandas()
    df["temperature"].resample("1min").mean().plot()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

__all__ = ["MessageList", "frame"]

M = TypeVar("M")

#: How many levels of objects become columns; what is deeper stays a ``dict``.
_LEVELS = 8
#: Where a message has its own facts, in the order of the columns; ``time`` becomes the index.
_FACTS = (
    "device_id",
    "module_id",
    "sequence",
    "topic",
    "qos",
    "retain",
    "authentication_name",
    "client_id",
    "message_id",
    "correlation_id",
    "content_type",
    "input_name",
)


class MessageList(list[M]):
    """A list of messages, as a local hub or namespace returns it: a ``list`` with a table and a frame."""

    __slots__ = ()

    def to_pandas(self) -> pd.DataFrame:
        """Return the messages as a pandas frame; see :func:`frame`.

        Raises:
            ModuleNotFoundError: pandas is missing.
        """
        return frame(self)

    def _repr_html_(self) -> str:
        """Show a table in Jupyter."""
        from azmqtt._support import html

        return html.messages(self)


def frame(messages: Iterable[Any]) -> pd.DataFrame:
    """Return messages as a pandas frame with a row for each.

    Args:
        messages: What ``LocalHub.telemetry()`` and ``LocalNamespace.messages()`` return, or any iterable of
            :class:`~azmqtt.TelemetryMessage`, :class:`~azmqtt.NamespaceMessage`, :class:`~azmqtt.CloudMessage` or
            :class:`~azmqtt.MqttMessage`.

    Returns:
        A frame whose index ``time`` is when the message was taken, in UTC, if the messages know that. The columns are,
        where a message has them: facts of the message (``device_id``, ``module_id``, ``sequence``, ``topic``, …); the
        members of bodies that are JSON objects, under their names, those of objects within with dots
        (``position.lat``); ``body`` with every other body: the value if it is JSON, otherwise text if it is UTF-8,
        otherwise ``bytes``; and ``properties.NAME`` and ``system.NAME`` for the properties. A member whose name is
        that of another column has ``body.`` before it.

    Raises:
        ModuleNotFoundError: pandas is missing; says how to install it.
        TypeError: Something is not a message.
    """
    pd = _pandas()
    rows, times = [], []
    names: dict[str, None] = {}
    for message in messages:
        time, facts, body, properties = _parts(message)
        times.append(time)
        rows.append({**facts, **body, **properties})
        # Each kind of column together, in the order of their first message.
        names.update(dict.fromkeys(facts))
    ordered = [*names, *_ordered(rows, names)]
    table = pd.DataFrame.from_records(rows, columns=ordered or None)
    if times and None not in times:
        table.index = pd.DatetimeIndex(pd.to_datetime(times, utc=True), name="time")
    return table


def _pandas() -> Any:
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        if error.name != "pandas":
            raise
        raise ModuleNotFoundError("a frame needs pandas: pip install pandas", name="pandas") from None
    return pd


def _ordered(rows: Iterable[dict[str, Any]], facts: dict[str, None]) -> list[str]:
    """Return the names of the other columns: members of bodies, then properties."""
    found = dict.fromkeys(name for row in rows for name in row if name not in facts)
    return sorted(found, key=lambda name: name.startswith(("properties.", "system.")))


def _parts(message: Any) -> tuple[Any, dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Take a message apart: its time, its facts, its body, its properties."""
    content = _first(message, "body", "payload")
    if not isinstance(content, bytes):
        raise TypeError(f"messages: {type(message).__name__} is not a message that has come in")
    facts = {name: getattr(message, name) for name in _FACTS if getattr(message, name, None) is not None}
    properties: dict[str, Any] = {}
    for prefix, given in (
        ("properties", _first(message, "properties", "user_properties")),
        ("system", getattr(message, "system_properties", None)),
    ):
        properties.update({f"{prefix}.{name}": value for name, value in dict(given or {}).items()})
    return _first(message, "enqueued_time", "time"), facts, _columns(content), properties


def _first(message: Any, *names: str) -> Any:
    return next((getattr(message, name) for name in names if hasattr(message, name)), None)


def _columns(content: bytes) -> dict[str, Any]:
    """Name the parts of a body: the members of a JSON object, or all of it as ``body``."""
    if not content:
        return {}
    value = _read(content)
    if not isinstance(value, dict):
        return {"body": value}
    columns = {}
    for name, member in _flat(value, _LEVELS):
        taken = name == "body" or name in _FACTS or name.startswith(("body.", "properties.", "system."))
        columns[f"body.{name}" if taken else name] = member
    return columns


def _read(content: bytes) -> Any:
    """Read JSON, else text, else nothing of it."""
    from azmqtt._support import strict_json

    try:
        return strict_json.read(content)
    except ValueError:
        pass
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def _flat(members: dict[str, Any], levels: int) -> Iterator[tuple[str, Any]]:
    for name, value in members.items():
        if isinstance(value, dict) and value and levels > 1:
            yield from ((f"{name}.{inner}", member) for inner, member in _flat(value, levels - 1))
        else:
            yield name, value
