"""An answer as blocks of text and tables, and the two ways to show it: aligned text, and HTML for a cell. Pure.

The HTML survives what notebooks do to that of others: no style block, no script, every word escaped.
A cell bears its own style: that stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from ciao.frontends.display.colour import plain
from ciao.frontends.display.traceback import printable

__all__ = ["Block", "Page", "Table", "html", "text"]

GAP = "  "
LEFT = ' style="text-align:left"'  # as the text stands; pages that nbconvert makes have it on the right


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
    head = "".join(f"<th{LEFT}>{_escaped(cell)}</th>" for cell in block.head)
    body = "".join(_row(row, named=not block.head) for row in block.rows)
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"


def _row(row: tuple[str, ...], *, named: bool) -> str:
    cells = list(map(_escaped, row))
    kinds = ["th" if named else "td", *["td"] * (len(cells) - 1)]
    return f"<tr>{''.join(f'<{kind}{LEFT}>{cell}</{kind}>' for kind, cell in zip(kinds, cells, strict=True))}</tr>"


def _escaped(cell: str) -> str:
    return escape(plain(cell))
