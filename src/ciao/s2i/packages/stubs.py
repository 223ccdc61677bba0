"""What a base has, as an environment in which everything is installed and nothing is needed.

The installer keeps what is there and satisfies, and replaces what does not. The stubs tell of no dependencies: an
image's own set is taken as it is, even if a part of it is known by another name, as packages of conda are.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

__all__ = ["remaining", "remove", "write"]

OURS = "ciao-stub"
VERSION = re.compile(
    r"v?(\d+!)?\d+(\.\d+)*([-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?\d*)?(-\d+|[-_.]?(post|rev|r)[-_.]?\d*)?"
    r"([-_.]?dev[-_.]?\d*)?(\+[a-z0-9]+([-_.][a-z0-9]+)*)?",
    re.IGNORECASE,
)
"""As in PEP 440. A distribution with another one is left out: no requirement could be compared with it."""


def write(site: Path, distributions: Mapping[str, str]) -> None:
    """One stub for each distribution, in an empty folder."""
    for name, version in distributions.items():
        if not VERSION.fullmatch(version) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            continue
        folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (folder / "INSTALLER").write_text(f"{OURS}\n")
        (folder / "RECORD").write_text("")


def remaining(site: Path) -> list[Path]:
    """Stubs that nothing has replaced."""
    return [p.parent for p in sorted(site.glob("*.dist-info/INSTALLER")) if p.read_text().strip() == OURS]


def remove(site: Path) -> None:
    """Leave only what was installed."""
    for folder in remaining(site):
        shutil.rmtree(folder)
