"""Write what leads from one version of the site to another: ``python docs/_site/versions.py site``.

``site/`` has a folder for each version. This adds ``versions.js``, which the sidebar of every page reads, and an
``index.html`` that leads to the newest release, or to ``main`` before the first.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

RELEASE = re.compile(r"\d+(\.\d+)*")


def by_age(name: str) -> tuple[int, ...]:
    """Return what sorts releases by their numbers."""
    return tuple(int(part) for part in name.split("."))


def main(site: Path) -> None:
    """Write both files."""
    names = [path.name for path in site.iterdir() if (path / "index.html").exists()]
    releases = sorted((name for name in names if RELEASE.fullmatch(name)), key=by_age, reverse=True)
    others = sorted(name for name in names if not RELEASE.fullmatch(name))
    first = (releases or others)[0]
    (site / "versions.js").write_text(f"showVersions({json.dumps(others + releases)});\n", encoding="utf-8")
    page = f"{first}/index.html"
    head = (
        f'<!doctype html><meta charset="utf-8"><title>azmqtt</title><meta http-equiv="refresh" content="0; url={page}">'
    )
    (site / "index.html").write_text(f'{head}<a href="{page}">azmqtt {first}</a>\n', encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
