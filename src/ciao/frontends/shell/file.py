"""A file that begins with magic lines, as the cell that it is."""

from __future__ import annotations

import sys
from pathlib import Path

from ciao.errors import CommandError
from ciao.model import Cell

__all__ = ["read_cell"]


def read_cell(name: str) -> Cell:
    """The cell in this file, every character as it is; ``-`` is standard input. Raises CommandError."""
    if name.endswith(".ipynb"):
        hint = f"Run it all with its own kernel: jupyter nbconvert --to notebook --execute {name}"
        raise CommandError(f"{name} is a notebook, and 'run' takes the text of one cell", hint=hint)
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        text = data.decode()
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}", hint="Name a file of Python") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CommandError(f"{name}, line {line}: not UTF-8 text", hint="Save the file as UTF-8") from None
    if name == "-":
        return Cell(text=text, file="standard input")
    return Cell(text=text, notebook=str(Path(name).absolute()), file=Path(name).name)
