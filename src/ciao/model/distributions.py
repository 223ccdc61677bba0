"""Modules that are imported by one name and installed by another, as far as people meet them every day."""

from __future__ import annotations

import re
import sys

__all__ = ["NO_MODULE", "distribution_of", "standard"]

NO_MODULE = re.compile(r"No module named '([^'.]+)([^']*)")
"""What an import raises: the module at the top, and the rest of the name with its dot, if there is one."""

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


def distribution_of(module: str) -> str:
    """What to install for a module; its own name, if no other is known."""
    return _NAMES.get(module.lower(), module)


def standard(module: str, rest: str, *, other: str) -> str:
    """What to do about a module of the standard library that is missing; empty for any other module.

    ``module`` and ``rest`` are the parts of :data:`NO_MODULE`, ``other`` is how one chooses a Python that may have it.
    What a package index has by such a name is another thing, and may be a trap.
    """
    if module not in sys.stdlib_module_names:
        return ""
    own = f"{module} is of Python's own library"
    return f"{own}, which has no {module}{rest}" if rest else f"{own}, and this one lacks it: choose {other}"
