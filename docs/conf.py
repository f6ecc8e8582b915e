"""How Sphinx builds the pages: `make docs` writes them to out/docs, warnings are errors.

Nothing is fetched, while building or by the pages: no inventories of other projects, no fonts, no
scripts from elsewhere. The references of the command and of the service are made from the code
when a page is read (docs/generate), so they cannot fall behind it.
"""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS.parent / "src")]

from generate import register  # noqa: E402 - its folder is put on the path above

from imuge import __version__  # noqa: E402

project = "imuge"
author = "The imuge authors"
project_copyright = "The imuge authors, Apache-2.0"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
# The scores named here stand whole in other pages.
exclude_patterns = [
    "generate/**",
    "scores/reembedded.md",
    "scores/reference.md",
    "scores/registry.md",
    "scores/security.md",
    "scores/stripped.md",
]
nitpicky = True
# Names that the API's signatures use and that no page of ours describes.
nitpick_ignore_regex = [
    ("py:.*", r"(datetime|numpy|np|os|PIL|pathlib|typing|collections)\b.*"),
    ("py:.*", r"(BinaryIO|Path|Image|NDArray)\b.*"),
    ("py:.*", r"imuge\.(results|guard|engine|keys|image)\..*"),
    ("py:.*", r"(optional|AnyKey|Detail|Search|PictureType|Any|Sequence)"),
]

myst_enable_extensions = ["attrs_block", "colon_fence", "deflist"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

smartquotes = False  # they would make dashes of the hyphens of options
default_role = "code"  # docstrings mark code with single backticks
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {
    "AnyKey": "AnyKey",
    "AnyPicture": "AnyPicture",
    "Array": "numpy.ndarray",
    "Pixels": "numpy.ndarray",
}
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80

copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True

html_theme = "furo"
html_title = f"imuge {version}"
html_static_path = ["static"]
html_css_files = ["imuge.css"]
html_copy_source = False
html_show_sourcelink = False
html_last_updated_fmt = None  # the same sources make the same pages


setup = register
