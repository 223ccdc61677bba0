"""``python -m ciao`` and the ``ciao`` command."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> int:
    """Run a command. A kernel's start does not pay for the command line."""
    if sys.argv[1:3] == ["kernel", "-f"]:
        from ciao.frontends import kernel

        kernel.main(sys.argv[2:])
        return 0
    from ciao.frontends.cli import main as command_line

    return command_line()


if __name__ == "__main__":
    if sys.path and sys.path[0] in ("", os.getcwd()):  # noqa: PTH109  # a token.py of the user's is not Python's own
        del sys.path[0]  # the kernel's shell adds it again for cells
    raise SystemExit(main())
