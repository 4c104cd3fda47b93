"""The checks of topics and filters: by MQTT's rules, and by those of the broker as far as its name tells them."""

from __future__ import annotations

from typing import NamedTuple

from azmqtt._support import arguments

#: MQTT 5 §1.5.4: the length of a text is written in two bytes.
_LONGEST = 65_535
_LEVEL = "/"
_SHARED = "$share"


class TopicLimits(NamedTuple):
    """What a broker takes.

    Attributes:
        bytes: The longest topic or filter, in bytes of UTF-8.
        levels: The most levels; a topic of two slashes has three.
        whose: Who says so, for errors.
    """

    bytes: int
    levels: int
    whose: str


ANY_BROKER = TopicLimits(_LONGEST, _LONGEST, "MQTT")
#: Event Grid docs, "MQTT limits in namespace".
EVENT_GRID = TopicLimits(256, 15, "Event Grid")


def limits_of(hostname: str) -> TopicLimits:
    """Return the limits of the broker of this name."""
    return EVENT_GRID if hostname.lower().rstrip(".").endswith(".eventgrid.azure.net") else ANY_BROKER


def check_topic(field: str, topic: object, limits: TopicLimits = ANY_BROKER) -> str:
    """Check what a message is published to, and return it (MQTT 5 §4.7).

    Raises:
        TypeError: It is not a string.
        ValueError: It breaks a rule, which is named.
    """
    text = _check_text(field, topic, limits)
    for wildcard in "+#":
        if wildcard in text:
            raise ValueError(f"{field}: {_shown(text)} contains the wildcard {wildcard!r}, which only filters may have")
    return text


def check_topic_within(field: str, topic: object, length: int, levels: int) -> str:
    """Do the same for the core, which knows the limits as numbers."""
    found = (limits for limits in (ANY_BROKER, EVENT_GRID) if (limits.bytes, limits.levels) == (length, levels))
    return check_topic(field, topic, next(found, TopicLimits(length, levels, "the broker")))


def check_filter(field: str, topic_filter: object, limits: TopicLimits = ANY_BROKER) -> str:
    """Check what a subscription asks for, and return it (MQTT 5 §4.7, §4.8.2).

    Raises:
        TypeError: It is not a string.
        ValueError: It breaks a rule, which is named.
    """
    text = _check_text(field, topic_filter, limits)
    levels = text.split(_LEVEL)
    if levels[0] == _SHARED:
        levels = _behind_group(field, text, levels)
    for number, level in enumerate(levels):
        if "#" in level and (level != "#" or number + 1 != len(levels)):
            raise ValueError(f"{field}: in {_shown(text)} '#' must be the whole last level")
        if "+" in level and level != "+":
            raise ValueError(f"{field}: in {_shown(text)} '+' must be a whole level")
    return text


def _behind_group(field: str, text: str, levels: list[str]) -> list[str]:
    """Check the name of a group, and return the levels of the filter behind it."""
    if len(levels) < 3 or not levels[1] or not _LEVEL.join(levels[2:]):  # noqa: PLR2004 - $share, group, filter
        raise ValueError(f"{field}: {_shown(text)} must have the form '$share/GROUP/FILTER'")
    if "+" in levels[1] or "#" in levels[1]:
        raise ValueError(f"{field}: in {_shown(text)} the name of the group must not contain '+' or '#'")
    return levels[2:]


def _check_text(field: str, value: object, limits: TopicLimits) -> str:
    text = arguments.text(field, value)
    if not text:
        raise ValueError(f"{field} must not be empty")
    if "\0" in text:
        raise ValueError(f"{field}: {_shown(text)} contains U+0000, which MQTT does not allow in text")
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise ValueError(f"{field}: the text contains half of a surrogate pair and is not UTF-8") from None
    if length > limits.bytes:
        raise ValueError(f"{field} has {length:,} bytes, and {limits.whose} allows {limits.bytes:,}")
    levels = text.count(_LEVEL) + 1
    if levels > limits.levels:
        raise ValueError(f"{field}: {_shown(text)} has {levels} levels, and {limits.whose} allows {limits.levels}")
    return text


def _shown(text: str) -> str:
    return repr(text) if len(text) <= 100 else f"{text[:100]!r}…"  # noqa: PLR2004 - as much as an error may show
