"""The notebooks of `examples/notebooks` run from top to bottom, and their outputs are those that are stored in them.

``AZMQTT_WRITE_NOTEBOOKS=1 nox -s notebooks`` stores them anew. Of a cell with the tag ``varies`` only the kinds of
output are compared, of one with the tag ``image`` all but the picture.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
#: What tells of the machine, and secrets.
MACHINE = (r"/home/", r"/root/", r"/t[m]p/", r"127\.0\.0\.1", r"localhost:\d", r"SharedAccessKey=[^.…]", r"Warning")
WRITE = os.environ.get("AZMQTT_WRITE_NOTEBOOKS") == "1"


def execute(path: Path, folder: Path) -> Any:
    """Run a notebook in an empty folder; a cell that raises fails the test."""
    notebook = nbformat.read(path, as_version=4)
    # For each cell, where anything is slower than on a quiet machine.
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata.language_info = {"name": "python"}
    return notebook


def shown(cell: Any) -> list[Any]:
    """Return the outputs of a cell, as far as they are the same each time."""
    tags = cell.metadata.get("tags", [])
    found: list[Any] = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            if found and found[-1][0] == output.name:
                found[-1] = (output.name, found[-1][1] + output.text)
            else:
                found.append((output.name, output.text))
        else:
            data = {kind: None if "image" in tags else content for kind, content in output.data.items()}
            found.append((output.output_type, data))
    return [kind for kind, _ in found] if "varies" in tags else found


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 6


@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook(path: Path, tmp_path: Path):
    done = execute(path, tmp_path)
    if WRITE:
        nbformat.write(done, path)
    stored = nbformat.read(path, as_version=4)
    for cell, before in zip(done.cells, stored.cells, strict=True):
        assert shown(cell) == shown(before), cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_stored(path: Path):
    text = path.read_text(encoding="utf-8")
    # Nothing of the machine that it ran on, and no warning.
    for pattern in MACHINE:
        assert not re.search(pattern, text), pattern
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    headings = [line for cell in notebook.cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    assert [line for line in headings if line.startswith("# ")] == [notebook.cells[0].source.splitlines()[0]]
    numbers = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert numbers == list(range(1, len(numbers) + 1))
