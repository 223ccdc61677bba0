"""The language of a cell: magics and code, to a spec. Pure.

Every cell passes :func:`is_job_cell`, so that one comes with ``re`` alone; the rest is imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ciao.interpreter.completion import Candidate, Completions, complete
    from ciao.interpreter.explanation import explain, help_text
    from ciao.interpreter.freenames import FreeName, free_names
    from ciao.interpreter.magics import is_job_cell
    from ciao.interpreter.reading import read

__all__ = [
    "Candidate",
    "Completions",
    "FreeName",
    "complete",
    "explain",
    "free_names",
    "help_text",
    "is_job_cell",
    "read",
]

_HOME = {
    "Candidate": "completion",
    "Completions": "completion",
    "FreeName": "freenames",
    "complete": "completion",
    "explain": "explanation",
    "free_names": "freenames",
    "help_text": "explanation",
    "is_job_cell": "magics",
    "read": "reading",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found  # asked once
    return found
