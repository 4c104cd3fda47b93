"""Texts from outside, shown on a line."""

from __future__ import annotations


def printable(text: str, longest: int = 500) -> str:
    """Return a text on one line that a terminal cannot take for commands, cut off after so many characters."""
    cut = len(text) > longest
    text = text[:longest]
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
    return f"{text}…" if cut else text
