"""The way in: makes the folder that holds this one importable, then runs the part that is asked for.

The package is imported by its folder's name, so that it works under any, and so that no module of ours is visible
to the cell under a top-level name such as ``record``.
"""

import os
import sys


def _package() -> str:
    """The name under which this folder is a package, with ``sys.path[0]`` such that it can be imported.

    After this ``sys.path[0]`` is an entry of ours, which the cell's part replaces by the folder of the cell.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    parent, name = os.path.split(here)
    if __package__:  # python -m ciao.runner
        sys.path.insert(0, parent)
        return __package__
    if sys.path and os.path.abspath(sys.path[0]) == here:
        sys.path[0] = parent
    else:  # python -P, PYTHONSAFEPATH: Python did not put the script's folder there
        sys.path.insert(0, parent)
    return name


def _main() -> None:
    parts = ("cell", "init", "stacks")
    if len(sys.argv) < 3 or sys.argv[1] not in parts or (sys.argv[1] != "init" and len(sys.argv) > 3):
        sys.exit("usage: python ciao_runner (cell FILE | init FILE [PROGRAM ...] | stacks FILE)")
    module = _package() + "." + sys.argv[1]
    __import__(module)
    sys.modules[module].main(os.path.abspath(sys.argv[2]), *sys.argv[3:])


_main()
