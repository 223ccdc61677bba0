"""Settings of the whole machine that a kubelet insists on: inside it finds files of the cluster's own instead."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path("/proc/sys")
NAMES = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
"""Those that belong to no namespace, from the kubelet's setupKernelTunables. It writes them and reads them again."""


def stand_ins(folder: Path) -> Iterator[tuple[Path, Path]]:
    """A file with the present value for each, and the path that it is to be mounted on."""
    folder.mkdir()
    for path in (ROOT / name for name in NAMES):
        file = folder / path.relative_to(ROOT).as_posix().replace("/", ".")
        file.write_text(path.read_text())
        yield file, path
