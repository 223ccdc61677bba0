"""What came along with the cell, in folders beside its file.

::

    files/      copied into the working directory
    modules/    first on the path of imports, of the cell and of its children
    site/       installed packages: next on it, with their programs in site/bin on PATH

Loaded only if there is one of them.
"""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, MutableMapping

PLACED = "CIAO_PLACED"
PIECE = 1024 * 1024


def folders(code: str) -> List[str]:
    """Those that belong on the path of imports."""
    return [path for path in (os.path.join(code, "modules"), os.path.join(code, "site")) if os.path.isdir(path)]


def set_paths(code: str, environ: MutableMapping[str, str] = os.environ) -> None:
    """For processes that start from now on. What is set already, also by the user, comes behind."""
    _prepend("PYTHONPATH", folders(code), environ, "")
    programs = os.path.join(code, "site", "bin")
    if os.path.isdir(programs):
        _prepend("PATH", [programs], environ, os.defpath)


def set_own_path(code: str) -> None:
    """For this process, which may have been started without."""
    missing = [path for path in folders(code) if path not in sys.path]
    sys.path[1:1] = missing
    installed = os.path.join(code, "site")
    if installed in missing:  # else Python found its sitecustomize, which does the same
        import site

        site.addsitedir(installed)


def place_once(code: str, environ: MutableMapping[str, str] = os.environ) -> None:
    """Copy the files, unless the process that started this one has, on this host. OSError if it cannot be done.

    A program such as mpirun may hand its variables on to another host.
    """
    host = os.uname()[1]
    if environ.pop(PLACED, "") != host:
        place(os.path.join(code, "files"), ".")


def place(source: str, target: str) -> None:
    """Copy a folder into another, where each file appears whole or not at all.

    What is there stays as it is: a replica that starts again goes on with what it wrote, a volume keeps what it has,
    and of several processes that do this at once the first is right.
    """
    if not os.path.isdir(source):
        return
    for name in sorted(os.listdir(source)):
        here, there = os.path.join(source, name), os.path.join(target, name)
        if os.path.isdir(here):
            os.makedirs(there, exist_ok=True)
            place(here, there)
        elif not os.path.lexists(there):
            _copy(here, there)


def words(error: OSError) -> str:
    """Why the files could not be copied."""
    what = "what the cell includes cannot be copied into the working directory %s" % os.getcwd()
    return "%s: %s (%s)" % (what, error.strerror, error.filename)


def _copy(source: str, target: str) -> None:
    """Under another name first: whoever sees the file sees all of it. Of its mode, whether it can be run is kept."""
    mode = 0o777 if os.stat(source).st_mode & 0o100 else 0o666
    part = "%s.%s.part" % (target, os.urandom(6).hex())
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(source, "rb") as file, open(fd, "wb") as copy:
            piece = file.read(PIECE)
            while piece:
                copy.write(piece)
                piece = file.read(PIECE)
        _name(part, target)
    finally:
        if os.path.lexists(part):
            os.unlink(part)


def _name(part: str, target: str) -> None:
    """A link fails where the name is taken, which a renaming would not."""
    try:
        os.link(part, target)
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EXDEV):
            raise
        os.rename(part, target)  # no links on this file system


def _prepend(name: str, paths: List[str], environ: MutableMapping[str, str], default: str) -> None:
    """Those that are not in the list yet."""
    listed = [path for path in environ.get(name, default).split(os.pathsep) if path]
    new = [path for path in paths if path not in listed]
    if new:
        environ[name] = os.pathsep.join(new + listed)
