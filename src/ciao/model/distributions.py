"""Modules that are imported by one name and installed by another, as far as people meet them every day."""

from __future__ import annotations

__all__ = ["distribution_of"]

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
