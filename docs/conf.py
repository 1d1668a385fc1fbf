"""How the documentation is built: ``sphinx-build -W -n docs build/docs``, without the network."""

from __future__ import annotations

import re
from typing import Any

import sennit

project = "Sennit"
author = "The Sennit maintainers"
copyright = "the Sennit maintainers, MIT licence"  # noqa: A001 - Sphinx's name
release = sennit.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

# Links to a heading of another page, by the names that GitHub gives to headings.
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
# The signature of a dataclass says the types of its attributes already.
napoleon_attr_annotations = False

nitpicky = True
nitpick_ignore = [
    # A ConfigurationError that says more; the one to catch is its parent.
    ("py:exc", "ListenError"),
]
nitpick_ignore_regex = [
    # Other people's classes: where they are documented is on the network, and builds do without.
    (r"py:(class|exc)", r"(asyncio|collections|enum|pathlib|typing|twisted|zope)\..*"),
    # Type variables: of decorators, which give back what they take, and of what is waited for.
    (r"py:class", r"sennit\.hub\.\w+\.(Handler|ToText)"),
    (r"py:class", r"sennit\.testing\.loop\.T"),
]

html_theme = "furo"
html_title = f"Sennit {release}"
html_show_sourcelink = False
html_copy_source = False


def tidy_signature(_app: Any, *described: Any) -> tuple[str | None, str | None]:
    """Write what is no Python in a signature as Python, for Sphinx to read.

    An interface of zope becomes its name, and a default that is made anew each time ``...``.
    """
    signature, returned = (
        text and re.sub(r"<InterfaceClass ([\w.]+)>", r"~\1", text).replace("<factory>", "...")
        for text in described[-2:]
    )
    return signature, returned


def setup(app: Any) -> None:
    """Hook into Sphinx."""
    app.connect("autodoc-process-signature", tidy_signature)
