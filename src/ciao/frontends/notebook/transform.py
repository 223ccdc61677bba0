"""Which cells are ours, and what IPython is given in their place. Pure functions of the cell's text.

IPython runs its input transformers twice: to run a cell, and to ask whether a cell is complete. A transform that
declares side effects is left out of the second, so the two questions get one transform each.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["Completeness", "Misplaced", "Submission", "follows", "is_ours"]

MAY_BE_OURS = re.compile(r"(?:\A|[\r\n])[ \t\ufeff]*%")
"""What every cell of ordinary Python is spared more than: no line that begins with a percent sign, not ours."""


LINE_MAGIC = re.compile(r"^(\s*get_ipython\(\)\.run_line_magic\(')([^\W\d][\w.-]*=[^']*)', '")
"""Of a magic's name IPython takes all up to the first blank."""


HELP_MAGIC = re.compile(r"^(\s*get_ipython\(\)\.run_line_magic\(')pinfo2?', '%{1,2}([^\W\d][\w.-]*)'")

Taken = Callable[[str], bool]
"""Whether IPython has a line magic of this name: then it is not ours, unless written as ``%name=value``."""


def _free(_: str) -> bool:
    return False


def is_ours(text: str, taken: Taken = _free) -> bool:
    """The cell is awaited by us: a job cell, or one command that follows a job."""
    if not MAY_BE_OURS.search(text):
        return False
    from ciao.interpreter import is_job_cell

    return is_job_cell(text, taken) or bool(follows(text))


def follows(text: str) -> str:
    """What stands after ``%ciao`` if the cell's only statement follows a job until it ends, else nothing."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    statements = [line for line in lines if line and not line.startswith("#")]
    if len(statements) != 1 or not statements[0].startswith("%ciao "):
        return ""
    from ciao.frontends import command

    words = statements[0].removeprefix("%ciao ")
    return words if command.is_streaming(words) else ""


class Submission:
    """Makes one awaited statement of a cell of ours. Must be the first of the transforms: it sees the cell as typed."""

    has_side_effects = True  # tells IPython to leave it out when it asks whether a cell is complete

    def __init__(self, taken: Taken = _free) -> None:
        self._taken = taken

    def __call__(self, lines: list[str]) -> list[str]:
        """The cell as one statement, if it is ours."""
        text = "".join(lines)
        if not is_ours(text, self._taken):
            return lines
        from ciao.frontends.notebook import interrupt

        interrupt.expect_job()
        return [f"await get_ipython().run_cell_magic('kubeflow', '', {text!r})\n"]


class Completeness:
    """Makes Python of a job cell for the question whether it is complete.

    As with every cell magic, an empty line ends it: nobody wants a job of the first line of Python.
    """

    def __init__(self, taken: Taken = _free) -> None:
        self._taken = taken

    def __call__(self, lines: list[str]) -> list[str]:
        """Lines of which IPython thinks what is true of the job cell."""
        text = "".join(lines)
        if not is_ours(text, self._taken) or follows(text):
            return lines
        body = next((i for i, line in enumerate(lines) if not _in_header(line)), len(lines))
        if body == len(lines):
            return ["%%kubeflow\n", "there is no code yet\n"]
        if lines[-1].strip():
            return ["%%kubeflow\n", *lines[body:]]
        return ["\n"] * body + lines[body:]


class Misplaced:
    """Leads an option of ours that stands below code to the magic that says so, and ``%worker?`` to its help.

    It sees what IPython made of the cell: of ``%worker=2`` there, the call of a magic of the name ``worker=2``.
    """

    def __init__(self, taken: Taken = _free) -> None:
        self._taken = taken

    def __call__(self, lines: list[str]) -> list[str]:
        """The lines with those calls of magics that are meant for us made to ours."""
        return [self._led(line) if "run_line_magic('" in line else line for line in lines]

    def _led(self, line: str) -> str:
        return HELP_MAGIC.sub(self._to_help, LINE_MAGIC.sub(_to_ours, line))

    def _to_help(self, call: re.Match[str]) -> str:
        from ciao.interpreter import is_job_cell

        asked = call[2] == "kubeflow" or (not self._taken(call[2]) and is_job_cell(f"%{call[2]}"))
        return f"{call[1]}kubeflow', '{call[2]}?'" if asked else call[0]


def _to_ours(call: re.Match[str]) -> str:
    from ciao.interpreter.options import find

    return f"{call[1]}kubeflow', '%{call[2]}" if find(call[2].partition("=")[0]) else call[0]


def _in_header(line: str) -> bool:
    return line.strip(" \t\r\n\ufeff")[:1] in ("", "#", "%")
