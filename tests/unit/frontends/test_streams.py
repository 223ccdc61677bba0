"""Standard output of a shell."""

from __future__ import annotations

import io
import sys

import pytest

from ciao.frontends.shell import streams


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal, "a\x1b[31mb\n"), (io.StringIO, "a\x1b[2J\x1b[31mb\n")])
def test_a_terminal_gets_colours_alone_and_a_program_every_character(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], shown: str
) -> None:
    monkeypatch.setattr(sys, "stdout", written := stream())
    streams.out("a\x1b[2J\x1b[31mb\n")
    assert written.getvalue() == shown
