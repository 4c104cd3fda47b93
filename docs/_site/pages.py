"""Sphinx extension: links from pages to the repository's files, and plots that follow the theme."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import tomllib
from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
REPOSITORY = URLS["Repository"]
#: A link out of docs/, as GitHub follows it.
OUTSIDE = re.compile(r"\]\(\.\./([^)\s]+)\)")
#: Pages of the repository that are part of the site.
INCLUDED = {"CHANGELOG.md": "changelog.md"}


def follow(match: re.Match[str]) -> str:
    """Return the link's form for the site."""
    path, _, anchor = match[1].partition("#")
    if path in INCLUDED:
        return f"]({INCLUDED[path]}{'#' if anchor else ''}{anchor})"
    kind = "tree" if (ROOT / path).is_dir() else "blob"
    return f"]({REPOSITORY}/{kind}/main/{match[1]})"


def rewrite(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Have links out of docs/ lead to the repository."""
    source[0] = OUTSIDE.sub(follow, source[0])


def inline_plots(app: Sphinx, document: nodes.document, _page: str) -> None:
    """Put plots into the page, where its light or dark colours reach them."""
    if app.builder.format != "html":
        return
    for image in list(document.findall(nodes.image)):
        uri = image.get("uri", "")
        if uri.startswith("plots/"):
            svg = (ROOT / "docs" / uri).read_text(encoding="utf-8")
            image.replace_self(nodes.raw("", f'<div class="plot">{svg}</div>', format="html"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the handlers."""
    app.connect("source-read", rewrite)
    app.connect("doctree-resolved", inline_plots)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
