"""What builders say, as a person reads it. Pure."""

from __future__ import annotations

import re

__all__ = ["clean", "step_of"]

LONGEST = 160
"""Characters of a step."""

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_KANIKO = re.compile(r'time="[^"]*" level=(?P<level>\w+) msg="(?P<text>(?:[^"\\]|\\.)*)"')
_BUILDKIT = re.compile(r"#\d+ (?:\d+\.\d+ )?(?P<text>.*)")
_DULL = re.compile(
    r"\[internal\]|sha256:|transferring |resolve |DONE|CACHED|extracting |naming |\.\.\."
    r"|Retrieving image manifest|Returning cached|Executing \d+ build triggers|Built cross stage|Applying label|LABEL "
    r"|Cmd: |Args: |Changed working|No files changed|Storing source|Building stage|Initializing"
    r"|exporting (?:manifest|config)"
)
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}")


def clean(raw: bytes) -> str:
    """A line without colours, and without the marks that are for machines."""
    line = _COLOURS.sub("", raw.decode(errors="replace")).rstrip()
    if match := _KANIKO.match(line):
        text = re.sub(r"\\(.)", r"\1", match["text"].replace("\\n", " "))
        return text if match["level"] == "info" else f"{match['level']}: {text}"
    return line


def step_of(line: str) -> str:
    """What a person is told while it goes on: the step, or the last line of a command; empty if nobody need know."""
    match = _BUILDKIT.fullmatch(line)
    text = (match["text"] if match else line).strip()
    return "" if _DULL.match(text) else _DIGEST.sub("", text)[:LONGEST]
