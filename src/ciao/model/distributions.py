"""Modules that are imported by one name and installed by another, as far as people meet them every day."""

from __future__ import annotations

import re
import sys

__all__ = ["distribution_of", "standard"]

_NAMES = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "hydra": "hydra-core",
    "pil": "pillow",
    "pytorch_lightning": "pytorch-lightning",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "yaml": "pyyaml",
}


_NO_MODULE = re.compile(r"No module named '([^'.]+)([^']*)'")


def distribution_of(module: str) -> str:
    """What to install for a module; its own name, if no other is known."""
    return _NAMES.get(module.lower(), module)


def standard(evalue: str, *, other: str) -> str:
    """What to do about a module of the standard library that is missing; empty for any other module.

    ``evalue`` is what its import raised, ``other`` how one chooses a Python that may have it. What a package index
    has by such a name is another thing, and may be a trap.
    """
    found = _NO_MODULE.search(evalue)
    if found is None or found[1] not in sys.stdlib_module_names:
        return ""
    own = f"{found[1]} is of Python's own library"
    return f"{own}, which has no {found[1]}{found[2]}" if found[2] else f"{own}, and this one lacks it: choose {other}"
