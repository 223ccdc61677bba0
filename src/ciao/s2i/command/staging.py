"""The folder of one build: what the tool is given, its login, its certificates, all removed with it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from ciao.errors import BundleError
from ciao.s2i.layer import Entry
from ciao.s2i.passing import Passing
from ciao.settings import Settings

__all__ = ["certificates", "scratch", "stage"]

ROOMY = Path("/var/tmp")  # noqa: S108 # a folder of its own is made in it
"""Where builders keep what is large, because /tmp may be memory."""


@asynccontextmanager
async def scratch(environ: Mapping[str, str]) -> AsyncGenerator[Path]:
    """A folder that nobody else can read. It is gone behind the block, whatever a builder unpacked into it."""
    folder = _made(environ.get("TMPDIR"))
    try:
        yield folder.path
    finally:
        await asyncio.shield(asyncio.to_thread(folder.end))


def stage(entries: Iterable[Entry], folder: Path) -> None:
    """Real files in it, with the modes that they have in an image, whatever this process's umask is."""
    folder.mkdir()
    for entry in entries:
        path = folder / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(entry.source, bytes):
            path.write_bytes(entry.source)
        else:
            shutil.copyfile(entry.source, path)
        path.chmod(0o755 if entry.executable else 0o644)
    for made in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        made.chmod(0o755)


def certificates(folder: Path, settings: Settings) -> Path | None:
    """A folder as containers' tools take them, with the settings' authority; None if there is none."""
    if settings.s2i_ca is None:
        return None
    try:
        text = settings.s2i_ca.read_bytes()
    except OSError as error:
        raise BundleError(f"s2i.ca, {settings.s2i_ca}, cannot be read: {error.strerror}") from None
    folder.mkdir()
    (folder / "ca.crt").write_bytes(text)
    return folder


def _made(stated: str | None) -> Passing:
    parent = Path(stated) if stated else (ROOMY if ROOMY.is_dir() else None)
    try:
        return Passing.begin("ciao-build-", parent)
    except OSError as error:
        raise BundleError(
            f"no folder for a build can be made in {parent}: {error.strerror}", hint="Set TMPDIR to one that has room."
        ) from None
