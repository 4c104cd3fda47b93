"""The configuration of the documentation site. ``nox -s docs`` builds it into ``site/``."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import azmqtt

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parent / "examples" / "notebooks"
sys.path.insert(0, str(HERE / "_site"))

project = "azmqtt"
author = "the azmqtt authors"
project_copyright = "the azmqtt authors"
version = os.environ.get("AZMQTT_DOCS_VERSION", "main")
release = azmqtt.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "api",
    "pages",
]
exclude_patterns = ["_site", "_static", "_templates"]
nitpicky = True

# Markdown. Headings are link targets as on GitHub, and a link to one that is missing is a warning.
myst_heading_anchors = 4
myst_enable_extensions = ["deflist", "colon_fence"]

# Notebooks are shown with the outputs that are stored in them; `nox -s notebooks` runs them.
nb_execution_mode = "off"
shutil.rmtree(HERE / "notebooks", ignore_errors=True)
if NOTEBOOKS.is_dir():
    shutil.copytree(NOTEBOOKS, HERE / "notebooks", ignore=shutil.ignore_patterns(".*"))
suppress_warnings = ["mystnb.unknown_mime_type"]

# The API reference.
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
autodoc_default_options = {
    "members": True,
    "inherited-members": "dict,tuple,Exception",
    "undoc-members": True,
}
autodoc_preserve_defaults = True
maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"
napoleon_custom_sections = [("Any call may raise", "params_style")]
napoleon_use_ivar = True
napoleon_use_rtype = False

copybutton_prompt_text = "$ "

html_theme = "furo"
html_title = "azmqtt"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["site.css"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/versions.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
