"""Sphinx extension: show compiled classes by their stub, and resolve the short names of annotations."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import azmqtt

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

#: The public classes that are compiled, and the stub that has their signatures and docstrings.
COMPILED = {"CloudMessage": "_core.pyi", "MqttMessage": "_core_broker.pyi"}
#: Of a class, what is no part of the reference.
HIDDEN = {"_repr_html_", "with_traceback", "add_note", "args"}


def from_stub(name: str, stub: str) -> type:
    """Return the class that a stub declares, with nothing but its signatures and docstrings."""
    path = Path(str(azmqtt.__file__)).with_name(stub)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    (declaration,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    declaration.decorator_list = []
    future = ast.ImportFrom(module="__future__", names=[ast.alias(name="annotations")], level=0)
    module = ast.fix_missing_locations(ast.Module(body=[future, declaration], type_ignores=[]))
    namespace: dict[str, Any] = {"__name__": "azmqtt"}
    exec(compile(module, str(path), "exec"), namespace)  # noqa: S102
    found: type = namespace[name]
    return found


def skip(_app: Sphinx, _what: str, name: str, _obj: object, _skip: bool, _options: object) -> bool | None:  # noqa: FBT001
    """Leave out what every object has."""
    return True if name in HIDDEN else None


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element) -> nodes.Node | None:
    """Find ``Message`` as ``azmqtt.Message``; leave names of the standard library and of private types as text."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py":
        return None
    domain = env.domains.python_domain
    for name in (f"azmqtt.{target}", f"azmqtt.{target.rpartition('.')[2]}"):
        if name in domain.objects and not target.startswith("azmqtt.paho."):
            return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, content)
    # An explicit role names the package, and must lead somewhere.
    explicit = target.startswith("azmqtt.") and not any(part.startswith("_") for part in target.split("."))
    return None if explicit else content


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the handlers."""
    for name, stub in COMPILED.items():
        setattr(azmqtt, name, from_stub(name, stub))
    app.connect("autodoc-skip-member", skip)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
