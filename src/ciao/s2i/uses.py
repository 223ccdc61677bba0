"""When this machine last pushed or used each image.

Images carry no time, so that the same code is the same image; their age is known where they were used, and there only.
It is the time of an empty file for each: many kernels may write at once, and nothing in it can be broken.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from ciao.errors import StateError
from ciao.home import make_private
from ciao.model import Bundle, Mounted, Pinned

__all__ = ["Uses"]

_WORD = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}", re.ASCII)


class Uses:
    """By the digest of an image, or by its tag."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "images"

    def note(self, *words: str) -> None:
        """They are used now. A home that cannot be written to forgets it: then their age is unknown."""
        with contextlib.suppress(OSError, StateError):
            if not self._folder.is_dir():
                make_private(self._folder)
            for file in map(self._file, words):
                file.touch(mode=0o600)

    def note_bundle(self, bundle: Bundle) -> None:
        """The images of a job, and the packages in them."""
        if isinstance(bundle, Pinned | Mounted):
            images = bundle.images.values() if isinstance(bundle, Pinned) else [bundle.image]
            packages = [f"{kind}-{bundle.packages}" for kind in ("packages", "site") if bundle.packages]
            self.note(*(image.partition("@")[2] for image in images), *packages)

    def last(self, *words: str) -> float | None:
        """When one of them was last used from here, in seconds since the epoch; None if never."""
        found = []
        for file in map(self._file, words):
            with contextlib.suppress(OSError):
                found.append(file.stat().st_mtime)
        return max(found, default=None)

    def forget(self, *words: str) -> None:
        """They are gone."""
        for file in map(self._file, words):
            with contextlib.suppress(OSError):
                file.unlink()

    def _file(self, word: str) -> Path:
        plain = word.removeprefix("sha256:")
        if not _WORD.fullmatch(plain):
            raise ValueError(f"neither a digest nor a tag: {word!r}")
        return self._folder / plain
