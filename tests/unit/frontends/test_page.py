"""Blocks as aligned text, and as HTML in which every word is escaped."""

from __future__ import annotations

import re

import pytest

from ciao.frontends.display.page import Table, html, text

TABLE = Table(head=("JOB", "STATE"), rows=(("jax-<b>", "running"), ("x", "")))


def test_columns_are_aligned_and_lines_have_no_blanks_at_their_end() -> None:
    assert text(("two\nlines", TABLE, "")) == "two\nlines\nJOB      STATE\njax-<b>  running\nx\n"


def test_a_table_without_a_head_names_its_rows() -> None:
    table = Table(rows=(("job", "jax-1"), ("state", "lost")))
    assert text((table,)) == "job    jax-1\nstate  lost"
    assert re.search(r"<tr><th[^>]*>job</th><td[^>]*>jax-1</td></tr>", html((table,)))


def test_every_word_of_html_is_escaped_and_there_is_no_block_of_style() -> None:
    shown = html(("<script>", TABLE))
    assert re.match(r"<pre>&lt;script&gt;</pre><table><thead><tr><th[^>]*>JOB</th>", shown)
    assert ">jax-&lt;b&gt;</td>" in shown
    assert "<style" not in shown


@pytest.mark.parametrize("table", [TABLE, Table(rows=TABLE.rows)])
def test_every_cell_stands_on_the_left_whatever_the_pages_own_style(table: Table) -> None:
    cells = re.findall(r"<t[hd]\b[^>]*>", html((table,)))
    assert len(cells) == 2 * (len(table.rows) + bool(table.head))
    assert all(cell.endswith(' style="text-align:left">') for cell in cells)


def test_the_cleaning_of_an_untrusted_notebook_leaves_the_cells_on_the_left() -> None:
    from nbconvert.preprocessors.sanitize import SanitizeHTML

    shown = html((TABLE,))
    assert SanitizeHTML().sanitize_html_tags(shown).count("text-align") == shown.count("text-align")


def test_a_word_cannot_break_its_row_nor_move_the_cursor() -> None:
    assert text((Table(rows=(("a\nb", "c\x1b]0;title\x07\x1b[31md"),)),)) == "a b  cd"
    assert html(("a\x1b[31mb\nc",)) == "<pre>ab\nc</pre>"


def test_an_empty_block_is_an_empty_line_of_text_and_nothing_of_html() -> None:
    assert (text(("a", "", "b")), html(("", ""))) == ("a\n\nb", "")
