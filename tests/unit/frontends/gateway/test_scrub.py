"""Log lines without tokens."""

from __future__ import annotations

import logging

import pytest

from ciao.frontends.gateway.scrub import Scrubbed, scrubbed

TOKEN = "a b+c/d=0123456789"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET /api/kernels?token=abc&x=1", "GET /api/kernels?token=[secret]&x=1"),
        ("uri='/api?x=1&token=abc', version", "uri='/api?x=1&token=[secret]', version"),
        ("Authorization: Bearer abc", "Authorization: Bearer [secret]"),
        ("{'Authorization': 'token abc'}", "{'Authorization': 'token [secret]'}"),
        ("JUPYTER_TOKEN=abc", "JUPYTER_TOKEN=[secret]"),
        (f"it is {TOKEN}!", "it is [secret]!"),
        ("it is a%20b%2Bc%2Fd%3D0123456789!", "it is [secret]!"),
        ("The token is not that of this gateway", "The token is not that of this gateway"),
    ],
)
def test_no_token_is_in_a_line(text: str, expected: str) -> None:
    assert scrubbed(text, TOKEN) == expected


def test_tracebacks_and_arguments_are_scrubbed_too() -> None:
    error = ValueError(f"bad {TOKEN}")
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "went %s", (TOKEN,), (ValueError, error, None))
    line = Scrubbed(TOKEN).format(record)
    assert "ValueError: bad [secret]" in line
    assert TOKEN not in line


def test_a_line_moves_no_terminal() -> None:
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "path \x1b]0;evil\x07", (), None)
    assert "\x1b" not in Scrubbed().format(record)
