"""``python -m ciao`` and the ``ciao`` command."""

from __future__ import annotations

from ciao.frontends.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
