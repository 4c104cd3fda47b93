"""Topics, filters, and their matching (MQTT 3.1.1 §4.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_LENGTH = 65_535


def check_topic(topic: str) -> str:
    """Check a topic to publish to, and return it.

    Raises:
        ValueError: It is invalid.
    """
    if not topic:
        raise ValueError("topic must not be empty")
    if "+" in topic or "#" in topic:
        raise ValueError("topic must not contain wildcards (+, #): a message goes to one topic")
    if "\0" in topic or len(topic.encode()) > _MAX_LENGTH:
        raise ValueError("topic must have at most 65,535 bytes of UTF-8, none of them 0")
    return topic


def check_filter(topic: object) -> str:
    """Check a topic to subscribe to, and return it.

    Raises:
        ValueError: It is invalid.
    """
    if isinstance(topic, bytes):
        topic = topic.decode()
    if not isinstance(topic, str) or not topic:
        raise ValueError("topic must be a non-empty text")
    levels = topic.split("/")
    wrong = any(len(level) > 1 and ("+" in level or "#" in level) for level in levels) or "#" in levels[:-1]
    if wrong or "\0" in topic or len(topic.encode()) > _MAX_LENGTH:
        raise ValueError(f"topic is not a valid filter: {topic!r} (# alone in the last level, + alone in its level)")
    return topic


def _match(sub: list[str], topic: list[str]) -> tuple[int, ...] | None:
    """Return how a filter matches a topic, as a sort key: exact levels come before `+`, and `+` before `#`."""
    # Wildcards do not match the broker's own topics [MQTT-4.7.2-1].
    if topic[0].startswith("$") and sub[0] in {"+", "#"}:
        return None
    key: list[int] = []
    for place, level in enumerate(sub):
        if level == "#":
            return (*key, 2)
        if place == len(topic):
            return None
        if level == topic[place]:
            key.append(0)
        elif level == "+":
            key.append(1)
        else:
            return None
    return tuple(key) if len(sub) == len(topic) else None


def topic_matches_sub(sub: str, topic: str) -> bool:
    """Whether the filter `sub` matches `topic`."""
    return _match(sub.split("/"), topic.split("/")) is not None


class Filters:
    """Callbacks by filter."""

    def __init__(self) -> None:
        self._callbacks: dict[str, tuple[list[str], Callable[..., Any]]] = {}

    def add(self, sub: str, callback: Callable[..., Any]) -> None:
        """Add a callback. It replaces an earlier one for the same filter."""
        self._callbacks = {**self._callbacks, sub: (sub.split("/"), callback)}

    def remove(self, sub: str) -> None:
        """Remove a callback, if any."""
        self._callbacks = {known: entry for known, entry in self._callbacks.items() if known != sub}

    def matching(self, topic: str) -> list[Callable[..., Any]]:
        """Return the callbacks of filters that match, the most exact first."""
        callbacks = self._callbacks
        if not callbacks:
            return []
        levels = topic.split("/")
        found = [(_match(sub, levels), callback) for sub, callback in callbacks.values()]
        matching = [(key, callback) for key, callback in found if key is not None]
        return [callback for _, callback in sorted(matching, key=lambda entry: entry[0])]
