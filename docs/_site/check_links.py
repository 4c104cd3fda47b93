"""Check the links within the built site, anchors included: ``python docs/_site/check_links.py site/main``."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page links to, and what it can be linked by."""

    def __init__(self, path: Path) -> None:
        """Read a page."""
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take links and anchors from a tag."""
        values = dict(attrs)
        self.anchors.update(filter(None, [values.get("id"), values.get("name")]))
        link = values.get("href") if tag in {"a", "link"} else values.get("src")
        if link:
            self.links.add(link)


def broken(root: Path) -> list[str]:
    """Return a line for each link that leads nowhere."""
    pages = {path.resolve(): Page(path) for path in root.rglob("*.html")}
    found = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or parts.path.endswith("versions.js"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.exists() or (anchor and target in pages and anchor not in pages[target].anchors):
                found.append(f"{path.relative_to(root.resolve())}: {link}")
    return sorted(found)


if __name__ == "__main__":
    lines = broken(Path(sys.argv[1]))
    print("\n".join(lines))  # noqa: T201
    sys.exit(bool(lines))
