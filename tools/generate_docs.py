"""Write the pages that come from the code, or with --check say which of them are out of date.

Usage: python tools/generate_docs.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from ciao.commands import config
from ciao.interpreter import docs

FOLDER = Path(__file__).parents[1] / "docs"

PAGES = {FOLDER / "magics.md": docs.page, FOLDER / "settings.md": config.page}


def stale() -> dict[Path, str]:
    """The pages whose file differs from what the code says, with what it says."""
    pages = {path: page() for path, page in PAGES.items()}
    return {path: text for path, text in pages.items() if not path.exists() or path.read_text("utf-8") != text}


def main(arguments: list[str]) -> int:
    """Write or check; 1 if a check finds something."""
    found = stale()
    if arguments == ["--check"]:
        for path in found:
            sys.stderr.write(f"{path.relative_to(FOLDER.parent)} is out of date: run `make docs`\n")
        return 1 if found else 0
    for path, text in found.items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
