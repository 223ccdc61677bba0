"""The folder of a user's own Dockerfile, as the context of a build: one compressed tar, which a ConfigMap holds."""

from __future__ import annotations

import gzip
import io
import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ciao.errors import BundleError
from ciao.s2i.command.dockerfile import check_base
from ciao.s2i.including.ignoring import looks_like_credentials

__all__ = ["LIMIT", "packed", "read_dockerfile"]

LIMIT = 900 * 1024
"""Bytes of the compressed tar: beside it there is a Dockerfile, and a ConfigMap holds 1 MiB."""

MOST = 64 * 1024**2
"""Bytes of files that are tried to be compressed at all."""

DOCKERFILE_LIMIT = 64 * 1024


def read_dockerfile(path: Path) -> str:
    """Raises BundleError if it cannot be read, or asks for the base without declaring it."""
    try:
        raw = path.read_bytes()
        if len(raw) > DOCKERFILE_LIMIT:
            raise BundleError(f"{path} is too large for a Dockerfile: {len(raw):,} bytes")
        text = raw.decode("utf-8-sig")
    except OSError as error:
        hint = "Its path is relative to the notebook's folder: %s2i=cluster-buildkit, %dockerfile=Dockerfile"
        raise BundleError(f"the Dockerfile {path} cannot be read: {error.strerror}", hint=hint) from None
    except UnicodeDecodeError:
        raise BundleError(f"the Dockerfile {path} is not text in UTF-8") from None
    check_base(text, path)
    return text


def packed(folder: Path) -> bytes:
    """The files that ``.dockerignore`` leaves, the same bytes for the same files. Raises BundleError if too large.

    Everybody in the namespace can read them: what looks like credentials goes along only if a line such as ``!.env``
    says so.
    """
    ignored = _ignored(folder / ".dockerignore")
    buffer, total = io.BytesIO(), 0
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for path, name in _files(folder, ignored):
            total += path.lstat().st_size
            if total > MOST or buffer.tell() > LIMIT:
                raise _too_large(folder)
            tar.add(path, arcname=name, recursive=False, filter=_plain)
    if len(found := buffer.getvalue()) > LIMIT:
        raise _too_large(folder)
    return found


def _files(folder: Path, ignored: Sequence[tuple[re.Pattern[str], bool]]) -> Iterator[tuple[Path, str]]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(names + [one for one in folders if (Path(parent) / one).is_symlink()]):
            path = Path(parent, name)
            relative = path.relative_to(folder).as_posix()
            if (path.is_symlink() or path.is_file()) and not _is_ignored(folder, relative, ignored):
                yield path, relative


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """What differs between two machines, and means nothing, is not sent."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = 0
    info.mode = 0o755 if info.mode & 0o100 else 0o644
    return info


def _ignored(path: Path) -> list[tuple[re.Pattern[str], bool]]:
    """Patterns by Docker's rules, and whether each takes back what those before it said."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError):
        raise BundleError(f"{path} cannot be read") from None
    wanted = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return [(_pattern(line.removeprefix("!").strip()), line.startswith("!")) for line in wanted]


def _is_ignored(folder: Path, name: str, ignored: Sequence[tuple[re.Pattern[str], bool]]) -> bool:
    path = folder / name
    found = any(looks_like_credentials(str(one)) for one in (path, *path.parents[: name.count("/")]))
    for pattern, back in ignored:
        if pattern.fullmatch(name):
            found = not back
    return found


def _pattern(text: str) -> re.Pattern[str]:
    """From the folder's root; a folder stands for all that is in it."""
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    clean = text.strip("/").removeprefix("./")
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", clean)
    return re.compile("".join(words.get(part) or re.escape(part) for part in parts) + "(?:/.*)?", re.DOTALL)


def _too_large(folder: Path) -> BundleError:
    return BundleError(
        f"the folder of the Dockerfile, {folder}, has more than {LIMIT // 1024} KiB, compressed,"
        " which is what reaches a builder in the cluster",
        hint="Name in .dockerignore what is not needed, or build on this machine: %s2i=buildah",
    )
