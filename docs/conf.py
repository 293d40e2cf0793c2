"""Sphinx's configuration. `tox run -e docs` builds the site in build/docs."""

import sys
from pathlib import Path

from jmapd import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "jmapd"
version = release = __version__
copyright = "the founders of jmapd"
extensions = ["myst_parser", "made"]
source_suffix = {".md": "markdown"}
html_theme = "furo"
html_title = f"jmapd {version}"
html_show_sphinx = False
myst_enable_extensions = ["deflist", "colon_fence"]
# what is quoted here is to be typed
smartquotes = False
myst_heading_anchors = 3
