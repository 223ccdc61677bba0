"""What notebooks take and Python does not: magics, shell lines, help, prompts. Each with what to do instead."""

from __future__ import annotations

import re

from ciao.errors import CodeError
from ciao.interpreter.magics import leads
from ciao.interpreter.nearest import nearest
from ciao.interpreter.options import find, of_role, words
from ciao.interpreter.source import BOM, Span
from ciao.interpreter.statements import statements

__all__ = ["first_foreign"]

_SHELL = re.compile(r"[ \t]*!!?")
_MAGIC = re.compile(r"[ \t]*(%%?)([^\W\d][\w./-]*)?")
_ASSIGNED = re.compile(r"[^=#'\"]*[^=#'\"!<>:]=[ \t]*([!%])(?!=)[ \t]*(?=[\w/.~$\"'{])")
_HELP = re.compile(r"[ \t]*(?:\?{1,2}[ \t]*[\w.%*]+|%{0,2}[\w.*]+[ \t]*\?{1,2}|[\w.]+\[.*\]\?{1,2})[ \t]*(?:\Z|[;#])")
_INSTALL = re.compile(r"[ \t]*(?:pip3?|conda|mamba)[ \t]+(?:install|uninstall|list)\b")
_PACKAGES = re.compile(r"[ \t]*(?:!{1,2}|%)?[ \t]*(?:python3? -m )?(?:uv )?pip3?[ \t]+install[ \t]+([^;&|#]*)")
_TOWARDS_PIP = frozenset({"-q", "-qq", "-qqq", "--quiet", "-U", "--upgrade", "--user", "--no-cache-dir", "-y"})
_MANY = 4
_PROMPT = re.compile(r"[ \t]*(?:>>>|In \[\d*\]:)")

_OWN_CELL = "Run it in a cell of its own: below its magic lines a job cell is Python"
_SUBPROCESS = "Use subprocess.run([...], check=True), or run it in a cell of its own"

_SIMPLE = (
    (_HELP, "? is the notebook's help, not Python", "Ask in a cell of its own"),
    (_SHELL, "! runs a shell only in the notebook", _SUBPROCESS),
    (_INSTALL, "this is a command, not Python", "Run it in a cell of its own, or in a terminal"),
    (_PROMPT, "a prompt is not Python", "Remove it: the code of a job cell is run as it stands"),
)


def first_foreign(code: str, *, until: int | None = None) -> CodeError | None:
    """The error of the first line of a notebook's own syntax, at most at line ``until``; None if there is none."""
    begins = 0
    for number, line in statements(code.removeprefix(BOM)):
        if until is not None and number > until:
            return None
        begins = begins or (number if line.strip() and not line.lstrip().startswith("#") else 0)
        found = _explained(line, begins)
        if found:
            message, hint, column = found
            width = len(line.rstrip()) - column + 1
            return Span(line=number, column=column, width=width, source=line).code_error(message, hint)
    return None


def _explained(line: str, begins: int) -> tuple[str, str, int] | None:
    """Message, hint and column for a line that a notebook takes and Python does not."""
    column = len(line) - len(line.lstrip(" \t")) + 1
    for pattern, message, hint in _SIMPLE:
        if pattern.match(line):
            return message, _packages(line) or hint, column
    if magic := _MAGIC.match(line):
        return (*_magic(line, magic[1], magic[2] or "", begins), column)
    assigned = _ASSIGNED.match(line)
    if assigned is None:
        return None
    message, hint = ("a shell command", _SUBPROCESS) if assigned[1] == "!" else ("an IPython magic", _OWN_CELL)
    return f"{message} gives a value only in the notebook", hint, assigned.start(1) + 1


def _packages(line: str) -> str:
    """The option for somebody who installs packages here; empty if the line is about something else."""
    asked = _PACKAGES.match(line)
    wanted = [word for word in asked[1].split() if word not in _TOWARDS_PIP] if asked else []
    if not wanted or len(wanted) > _MANY or any(quote in line for quote in "'\""):
        return "Write %package=NAME at the top, and the replicas have it" if asked else ""
    return f"Write %package={' '.join(wanted)} at the top, and the replicas have it"


def _magic(line: str, percent: str, name: str, begins: int) -> tuple[str, str]:
    """Ours in the wrong place, ours misspelt, or IPython's."""
    ours = name == "kubeflow" or find(name) is not None or of_role(name) is not None
    close = None if ours else nearest(name, words(), option=True)
    if ours or (close and leads(line)):
        hint = f"Move it above line {begins}, the first line of code" if begins else "Move it up"
        return f"{percent}{name} must be at the top of the cell", f"Did you mean {close}? {hint}" if close else hint
    if name == "ciao":
        return "%ciao is a command, not Python", "Run it in a cell of its own"
    if percent == "%%":
        return f"%%{name} is an IPython magic, not Python", "Remove it: a job cell has no other cell magic"
    if name == "env":
        return "%env is an IPython magic, not Python", "Write %env.NAME=value at the top, or os.environ in the code"
    if name in ("pip", "conda"):
        return f"%{name} is an IPython magic, not Python", _packages(line) or "Run it in a cell of its own"
    return f"%{name} is an IPython magic, not Python", _OWN_CELL
