"""Tars, made by code: what layers of images are."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping


def tar(files: Mapping[str, str | bytes], *, links: Mapping[str, str] | None = None, hard: bool = False) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        for path, text in files.items():
            info = tarfile.TarInfo(path)
            raw = text if isinstance(text, bytes) else text.encode()
            info.size = len(raw)
            file.addfile(info, io.BytesIO(raw))
        for path, target in (links or {}).items():
            info = tarfile.TarInfo(path)
            info.type, info.linkname = tarfile.LNKTYPE if hard else tarfile.SYMTYPE, target
            file.addfile(info)
    return out.getvalue()
