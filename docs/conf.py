"""How the documentation is built: ``python -m sphinx -W -b html docs build/docs``."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "extensions"), str(HERE.parent / "adapters"), str(HERE.parent)]

project = "jwt-assertion-middleware"
author = "the authors of jwt-assertion-middleware"
project_copyright = author
release = version = version_of("jwt-assertion-middleware")

extensions = [
    "myst_parser",
    "reference",
    "sphinx.ext.autodoc",
    "sphinx.ext.graphviz",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["extensions"]
html_theme = "furo"
html_title = f"{project} {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# `$ ` is a prompt and what has none is output: the button copies commands alone.
copybutton_prompt_text = "$ "
copybutton_line_continuation_character = "\\"

autodoc_member_order = "bysource"
autodoc_typehints = "description"
graphviz_output_format = "svg"
suppress_warnings = ["misc.highlighting_failure"]
