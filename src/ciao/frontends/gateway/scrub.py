"""Log lines without tokens, whoever wrote them: Jupyter and Tornado quote URLs, and a URL may have one."""

from __future__ import annotations

import logging
import re
from urllib.parse import quote

from ciao.frontends.display.traceback import printable

__all__ = ["Scrubbed", "scrubbed"]

SPOKEN = re.compile(
    r"((?:token|auth|key|secret|password)\w{0,64}=|authorization['\": ]{1,8}(?:token|bearer) {1,8})[^\s&'\"\\,;)]+",
    re.IGNORECASE,
)
"""Also what is not ours: a wrong token may be the right one somewhere else.

Every repetition before the secret has a bound: strangers choose what stands in a line, and a search that takes the
square of its length would let one of them stop the gateway.
"""
HIDDEN = "[secret]"
LONGEST = 8 * 1024
"""Characters of a record; of what is beyond, nothing is told."""


def scrubbed(text: str, token: str = "") -> str:
    """The text without this token, and without anything that stands where one would."""
    for spelling in {token, quote(token, safe="")} - {""}:
        text = text.replace(spelling, HIDDEN)
    return SPOKEN.sub(rf"\1{HIDDEN}", text)


class Scrubbed(logging.Formatter):
    """Each record, its traceback too, on lines that move no terminal."""

    def __init__(self, token: str = "") -> None:
        super().__init__("%(levelname).1s %(asctime)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z")
        self._token = token

    def format(self, record: logging.LogRecord) -> str:
        """As ever, cut between two words, so that no half of a secret is left, and scrubbed."""
        text = super().format(record)
        if len(text) > LONGEST:
            text = f"{text[:LONGEST].rsplit(None, 1)[0]} ..."
        return printable(scrubbed(text, self._token))
