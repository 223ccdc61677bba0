"""Settings of the whole machine.

A kubelet insists on some: inside it finds files of the cluster's own instead. One is lent: it is raised and set back.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cluster import layout, locks

if TYPE_CHECKING:
    import contextlib
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


FOLLOWS = ROOT / "fs/inotify/max_user_instances"
"""One for each log that kwok follows; of all that root runs."""
BEFORE = Path("/run/ciao-cluster.inotify")
"""What that was before a cluster raised it. As the setting itself, it is gone when the machine starts again."""


def stand_ins(folder: Path) -> Iterator[tuple[Path, Path]]:
    """A file with the present value for each, and the path that it is to be mounted on."""
    folder.mkdir()
    for path in (ROOT / name for name in NAMES):
        file = folder / path.relative_to(ROOT).as_posix().replace("/", ".")
        file.write_text(path.read_text())
        yield file, path


def alone() -> contextlib.AbstractContextManager[None]:
    """Nobody else raises or restores a setting within this block."""
    return locks.held(layout.cache() / "sysctls.lock", what="a setting is changed", progress=lambda _line: None)


def allow_follows(least: int) -> None:
    """Raise the limit, unless it is as high already; what it was is remembered."""
    if int(before := FOLLOWS.read_text()) < least:
        BEFORE.write_text(before)
        FOLLOWS.write_text(str(least))


def restore_follows() -> None:
    """Set it back, if it was raised."""
    if BEFORE.exists():
        FOLLOWS.write_text(BEFORE.read_text())
        BEFORE.unlink()
