"""Log lines without tokens, whoever wrote them: Jupyter and Tornado quote URLs, and a URL may have one."""

from __future__ import annotations

import logging
import re
from urllib.parse import quote

from ciao.frontends.display.traceback import printable

__all__ = ["Scrubbed", "scrubbed"]

SPOKEN = re.compile(
    r"(\w*(?:token|auth|key|secret|password)\w*=|authorization['\": ]+(?:token|bearer) +)[^\s&'\"\\,;)]+", re.IGNORECASE
)
"""Also what is not ours: a wrong token may be the right one somewhere else."""
HIDDEN = "[secret]"


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
        """As ever, then scrubbed."""
        return printable(scrubbed(super().format(record), self._token))
