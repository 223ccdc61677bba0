"""Tiny wheels, made by code, in a folder that an installer looks into instead of an index."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

EXECUTABLE = 0o100755 << 16
PLAIN = 0o100644 << 16


def wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    needs: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    tag: str = "py3-none-any",
    command: bool = False,
    programs: Mapping[str, str] | None = None,
) -> Path:
    """``files`` are texts by path beside the package, ``programs`` executable ones; ``command``: it has a script."""
    folder.mkdir(parents=True, exist_ok=True)
    module = name.replace("-", "_")
    about = f"{module}-{version}.dist-info"
    metadata = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {one}" for one in needs)]
    texts = {
        f"{module}/__init__.py": f"version = {version!r}\n\ndef main():\n    print('{name}')\n",
        **(files or {}),
        **(programs or {}),
        f"{about}/METADATA": "\n".join(["Metadata-Version: 2.1", *metadata]) + "\n",
        f"{about}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
        **({f"{about}/entry_points.txt": f"[console_scripts]\n{name}={module}:main\n"} if command else {}),
    }
    path = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as file:
        for place, text in texts.items():
            info = zipfile.ZipInfo(place, (2020, 1, 1, 0, 0, 0))
            info.external_attr = EXECUTABLE if place in (programs or {}) else PLAIN
            file.writestr(info, text)
        file.writestr(f"{about}/RECORD", "".join(f"{place},,\n" for place in (*texts, f"{about}/RECORD")))
    return path


def source(folder: Path, name: str, version: str = "1.0") -> Path:
    """What has to be built: nothing of it is ever read."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}.tar.gz"
    path.write_bytes(b"")
    return path
