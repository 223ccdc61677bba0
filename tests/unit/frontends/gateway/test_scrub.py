"""Log lines without tokens."""

from __future__ import annotations

import logging

import pytest

from ciao.frontends.gateway.scrub import LONGEST, Scrubbed, scrubbed

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
        ("X_TOKEN_OF_MINE=abc", "X_TOKEN_OF_MINE=[secret]"),
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


@pytest.mark.parametrize("piece", ["a", "token", "token=", "authorization ", "secret_", "'", " "])
@pytest.mark.timeout(100)
def test_no_line_that_a_stranger_chooses_takes_long(piece: str) -> None:
    """A search that takes the square of the length would need minutes for this."""
    assert scrubbed(piece * (2**21 // len(piece)))


def test_a_long_line_is_cut_and_no_half_of_a_token_is_left() -> None:
    secret = "0123456789" * 5
    for length in range(LONGEST - 60, LONGEST + 10):
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "%s %s %s", ("a" * length, secret, "b" * 99), None)
        line = Scrubbed(secret).format(record)
        assert len(line) <= LONGEST + len(" ...")
        assert "0123" not in line.partition(" ")[2].partition(" ")[2]
