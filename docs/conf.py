"""Sphinx settings: ``make docs`` builds the site into docs/_build/html, without a network."""

import os
import platform
import sys
from importlib.metadata import version as installed
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from _pages import kept_pages  # noqa: E402
from _reference import write  # noqa: E402
from _reference.docstrings import returns_as_field, shorten_types  # noqa: E402

project = "twoalike"
author = "The twoalike founders"
copyright = "The twoalike founders, Apache-2.0"  # noqa: A001
release = version = installed("twoalike")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_design"]
extensions += ["_mathml", "_tabs"]
html_math_renderer = "mathml"
exclude_patterns = ["_build", "_reference", "images/screens"]
myst_enable_extensions = ["dollarmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
# Pages whose code is run, so that none can show what is no longer true. What they print is kept
# until the page, or anything of the package, changes.
nb_execution_mode = "cache"
nb_execution_cache_path = str(kept_pages(HERE))
nb_execution_raise_on_error = True
nb_execution_timeout = 900
nb_execution_in_temp = True
nb_merge_streams = True
# Where the commands of those pages are, and the magic that runs them.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]).rstrip(
    os.pathsep
)

# Compiling takes much of the time of small fits; those of one shape share it, also between pages.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(HERE / "_build" / f"jax-{platform.node()}"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")

# Quotes and dots, not dashes: options begin with two hyphens.
smartquotes_action = "qe"

autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"
python_use_unqualified_type_names = True
napoleon_google_docstring = False
# Not as objects of their own, which would stand beside the documented ones twice.
napoleon_custom_sections = ["Returns", ("Attributes", "params_style")]

html_theme = "pydata_sphinx_theme"
html_title = "twoalike"
html_static_path = ["_static"]
html_css_files = ["twoalike.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "navigation_depth": 2,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": []}


def begin_with_words(app, what, name, obj, options, lines):  # noqa: ANN001, ANN201, ARG001, D103, PLR0913, PLR0917
    # Napoleon takes what stands before the colon of an attribute's first line for its type.
    if what in {"attribute", "property"} and lines and ": " in lines[0]:
        first, _, rest = lines[0].partition(": ")
        lines[:1] = [f"{first}:", rest]


def setup(app):  # noqa: ANN001, ANN201, D103
    write(HERE / "reference")
    app.connect("autodoc-process-signature", shorten_types)
    app.connect("autodoc-process-docstring", begin_with_words, priority=400)
    app.connect("autodoc-process-docstring", returns_as_field, priority=900)
