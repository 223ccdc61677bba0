"""An answer as blocks of text and tables, and the two ways to show it: aligned text, and HTML for a cell. Pure.

The HTML survives what notebooks do to that of others: no style block, no script, every word escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from ciao.frontends.display.colour import plain
from ciao.frontends.display.traceback import printable

__all__ = ["Block", "Page", "Table", "html", "text"]

GAP = "  "


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of cells. ``head`` may be empty; then the first column is shown as what the others belong to."""

    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...]


Block = str | Table
"""Text, of one or more lines, is shown as it is."""

Page = tuple[Block, ...]


def text(page: Page) -> str:
    """Lines without a newline at the end; the columns of a table are aligned."""
    return "\n".join(line for block in page for line in _lines(block))


def html(page: Page) -> str:
    """The same for a notebook."""
    return "".join(map(_element, page))


def _lines(block: Block) -> Iterator[str]:
    if isinstance(block, str):
        yield printable(block)
        return
    rows = [tuple(map(plain, row)) for row in ((block.head, *block.rows) if block.head else block.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _element(block: Block) -> str:
    if isinstance(block, str):
        lines = "\n".join(map(plain, block.splitlines()))
        return f"<pre>{escape(lines)}</pre>" if block else ""
    head = "".join(f"<th>{_escaped(cell)}</th>" for cell in block.head)
    body = "".join(_row(row, named=not block.head) for row in block.rows)
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"


def _row(row: tuple[str, ...], *, named: bool) -> str:
    cells = list(map(_escaped, row))
    first = f"<th>{cells[0]}</th>" if named else f"<td>{cells[0]}</td>"
    return f"<tr>{first}{''.join(f'<td>{cell}</td>' for cell in cells[1:])}</tr>"


def _escaped(cell: str) -> str:
    return escape(plain(cell))
