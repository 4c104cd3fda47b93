"""The names of `paho.mqtt.matcher`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from azmqtt.paho._topics import topic_matches_sub

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MQTTMatcher"]

_V = TypeVar("_V")


class MQTTMatcher(Generic[_V]):
    """Values by topic filter, with the item access of a `dict`."""

    def __init__(self) -> None:
        """Start without values."""
        self._values: dict[str, _V] = {}

    def __setitem__(self, key: str, value: _V) -> None:
        """Set the value of a filter."""
        self._values[key] = value

    def __getitem__(self, key: str) -> _V:
        """Return the value of a filter, not of a topic."""
        return self._values[key]

    def __delitem__(self, key: str) -> None:
        """Delete the value of a filter."""
        del self._values[key]

    def iter_match(self, topic: str) -> Iterator[_V]:
        """Return the values of the filters that a topic matches (MQTT 3.1.1 §4.7)."""
        return (value for sub, value in list(self._values.items()) if topic_matches_sub(sub, topic))
