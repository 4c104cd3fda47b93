"""Messages as a pandas frame.

Only :func:`frame` imports pandas::

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

#: How many levels of objects become columns; deeper objects stay a ``dict``.
_LEVELS = 8
#: The attributes of messages, in the order of the columns; ``time`` becomes the index.
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
    """A list of messages from a local hub or namespace: a ``list`` that shows as a table and converts to a frame."""

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
        A frame with a row for each message. The index ``time`` is when the message was received, in UTC, if the
        messages have a time. The columns, where a message has a value for them, are:

        - attributes of the message: ``device_id``, ``module_id``, ``sequence``, ``topic``, …
        - the members of a body that is a JSON object, under their names. Members of nested objects have dots in their
          names (``position.lat``). A member with the name of another column gets the prefix ``body.``.
        - ``body``, for any other body: the value if the body is JSON, otherwise text if it is UTF-8, otherwise
          ``bytes``.
        - ``properties.NAME`` and ``system.NAME``, for the properties.

    Raises:
        ModuleNotFoundError: pandas is missing. The text says how to install it.
        TypeError: ``messages`` contains something else.
    """
    pd = _pandas()
    rows, times = [], []
    names: dict[str, None] = {}
    for message in messages:
        time, facts, body, properties = _parts(message)
        times.append(time)
        rows.append({**facts, **body, **properties})
        # Columns are grouped by kind, in the order in which they first occur.
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
    """Return the names of the remaining columns: members of bodies, then properties."""
    found = dict.fromkeys(name for row in rows for name in row if name not in facts)
    return sorted(found, key=lambda name: name.startswith(("properties.", "system.")))


def _parts(message: Any) -> tuple[Any, dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Split a message into its time, attributes, body and properties."""
    content = _first(message, "body", "payload")
    if not isinstance(content, bytes):
        raise TypeError(f"messages: {type(message).__name__} is not a received message")
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
    """Return the columns of a body: the members of a JSON object, or the whole body as ``body``."""
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
    """Return the body as JSON, otherwise as text, otherwise unchanged."""
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
