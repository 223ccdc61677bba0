"""One layer of an image: a tar whose bytes depend on nothing but what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Entry", "Layer"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A file. ``path`` is where it goes, relative to the root, with ``/``; ``source`` its bytes, or the file to read.

    Everything else about it is the same everywhere: owner root, 0644, or 0755 if ``executable``, no time.
    """

    path: str
    source: bytes | Path
    executable: bool = False


@dataclass(frozen=True, kw_only=True)
class Layer:
    """``digest`` is that of the blob as it is sent, ``diff_id`` that of the tar in it; the same if not compressed.

    ``content`` is the blob, in memory or as a temporary file of whoever made it. ``size`` is in bytes.
    """

    media_type: str
    digest: str
    diff_id: str
    size: int
    content: bytes | Path
