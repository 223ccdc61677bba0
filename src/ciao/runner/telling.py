"""Tells an exception as data: the ERROR and FRAME objects that record.py describes.

Loaded only once the user's code has failed, so nothing here may trust the user's objects: everything that they
define may raise. What is told apart by identity or type is; what must be called is called under guard.
"""

from __future__ import annotations

import inspect
import linecache
import os
import stat

from .elsewhere import opened
from .patience import Late

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, TracebackType
    from typing import Any, Dict, List, Optional, Set, Tuple

    Record = Dict[str, Any]

MAX_VALUE = 64 * 1024
MAX_SOURCE = 300
MAX_SOURCE_CHARS = 64 * 1024
MAX_TEXT = 1000
MAX_NOTES = 20
MAX_DEPTH = 16
MAX_GROUP = 8
EDGE = 50  # frames kept at each end of a traceback
MAX_CYCLE = 8  # functions that call each other in turn
LAST, FIRST = 5, 3  # exceptions kept at each end of a chain of causes
MAX_CHAIN = 1000
HANGS = "<exception str() does not return>"


def tell(error: BaseException, cell: str) -> Record:
    """The exception, its causes and members. ``cell`` is the path of the cell's file."""
    return _Teller(cell).whole(error)


def safe_text(value: object, limit: int, failed: str = "<exception str() failed>") -> str:
    """``str(value)`` as valid Unicode of about ``limit`` characters; ``failed`` if that raises."""
    try:
        text = str(value)
        head = str.__getitem__(text, slice(limit))  # an exact str even if __str__ gave a subclass
        head = head.encode("utf-8", "backslashreplace").decode()
        more = str.__len__(text) - limit
    except Late:
        return HANGS
    except BaseException:  # noqa: BLE001  # the user's __str__
        return failed
    return head + _more(more) if more > 0 else head


def cut_text(text: str, limit: int) -> str:
    """The text's beginning, with a mark that says how much is missing."""
    return text if len(text) <= limit else text[:limit] + _more(len(text) - limit)


def _more(count: int) -> str:
    return " ... [%d more characters]" % count


def type_name(cls: type) -> str:
    """The class's name, even if its metaclass has another idea of ``__name__``."""
    return type.__dict__["__name__"].__get__(cls)  # type: ignore[no-any-return]  # typeshed does not know it


def _attribute(value: object, name: str) -> Any:
    """None for what is not there or cannot be read."""
    try:
        return getattr(value, name, None)
    except BaseException:  # noqa: BLE001  # the user's property
        return None


def _exceptions(value: object) -> List[BaseException]:
    """The members of a group (also of the backport for Python before 3.11); empty for anything else."""
    if not isinstance(value, (tuple, list)):
        return []
    return [e for e in value if issubclass(type(e), BaseException)][:MAX_GROUP]


def _count(error: BaseException) -> int:
    """How many members a group has."""
    members = _attribute(error, "exceptions")
    return len(members) if type(members) in (tuple, list) else 0


class _Teller:
    """Tells exceptions as data. Each exception is told once, so that cycles end."""

    def __init__(self, cell: str) -> None:
        self._cell = cell
        self._told: Set[int] = set()
        self._sources: Dict[CodeType, List[str]] = {}
        self._leap: Optional[Tuple[BaseException, BaseException, int]] = None

    def whole(self, error: BaseException) -> Record:
        """The exception; of a long chain of causes those at both ends, since the first is where it began."""
        chain, seen = [error], {id(error)}
        while len(chain) < MAX_CHAIN:
            cause = _cause(chain[-1])[0]
            if cause is None or id(cause) in seen:
                break
            seen.add(id(cause))
            chain.append(cause)
        if len(chain) > LAST + FIRST:
            self._leap = chain[LAST - 1], chain[-FIRST], len(chain) - LAST - FIRST
        return self.error(error, MAX_DEPTH)

    def error(self, error: BaseException, depth: int) -> Record:
        self._told.add(id(error))
        cls = type(error)
        told: Record = {
            "ename": safe_text(type_name(cls), MAX_TEXT),
            "evalue": safe_text(error, MAX_VALUE),
            "module": safe_text(_attribute(cls, "__module__"), MAX_TEXT, ""),
            "notes": _notes(error),
            "frames": self._frames(BaseException.__dict__["__traceback__"].__get__(error)),
            "cause": None,
            "by_from": False,
            "exceptions": [],
        }
        if isinstance(error, SyntaxError):
            told["syntax"] = _syntax(error, self._cell)
        if depth > 0:
            told["exceptions"] = self._nested(_exceptions(_attribute(error, "exceptions")), depth)
            told["left_out"] = _count(error) - len(told["exceptions"])
            cause, told["by_from"] = _cause(error)
            if self._leap is not None and self._leap[0] is error:
                cause = self._leap[1]
                told["notes"].append("(%d exceptions that led to this one are left out)" % self._leap[2])
            told["cause"] = next(iter(self._nested([cause] if cause else [], depth)), None)
            told = opened(told, error, self._cell)
        return told

    def _nested(self, errors: List[BaseException], depth: int) -> List[Record]:
        return [self.error(e, depth - 1) for e in errors if id(e) not in self._told]

    def _frames(self, traceback: Optional[TracebackType]) -> List[Record]:
        """All frames, or those at both ends with a mark between them."""
        links = []
        while traceback is not None:
            links.append(traceback)
            traceback = traceback.tb_next
        if len(links) <= 2 * EDGE:
            return [self._frame(link) for link in links]
        first, cycle = _kept([(id(link.tb_frame.f_code), link.tb_lineno) for link in links])
        skipped = len(links) - first - EDGE
        mark = {"file": "", "line": 0, "name": "... %d frames ..." % skipped, "first": 0}
        mark.update(source=[], text="", cell=False, skipped=skipped, cycle=cycle)
        return [self._frame(x) for x in links[:first]] + [mark] + [self._frame(x) for x in links[-EDGE:]]

    def _frame(self, link: TracebackType) -> Record:
        code, line = link.tb_frame.f_code, link.tb_lineno or 0
        lines = _lines(code.co_filename, link.tb_frame.f_globals)
        return {
            "file": safe_text(code.co_filename, MAX_TEXT),
            "line": line,
            "name": safe_text(code.co_name, MAX_TEXT),
            "first": code.co_firstlineno,
            "source": self._source(code, line, lines),
            "text": safe_text(lines[line - 1].strip(), MAX_TEXT) if 0 < line <= len(lines) else "",
            "cell": code.co_filename == self._cell,
        }

    def _source(self, code: CodeType, line: int, lines: List[str]) -> List[str]:
        if code.co_name == "<module>" and code.co_filename == self._cell:
            return []
        if code not in self._sources:
            self._sources[code] = _function(code, lines)
        source = self._sources[code]
        first = 1 if code.co_name == "<module>" else code.co_firstlineno
        return source if first <= line < first + len(source) else []


def _kept(places: List[Tuple[int, int]]) -> Tuple[int, int]:
    """How many frames to keep at the beginning, and how many repeat in turn from before the gap to behind it, or 0.

    If some do, whole turns are left out: what stands behind the gap goes on as what stands before it.
    """
    end = len(places) - EDGE
    for cycle in range(1, MAX_CYCLE + 1):
        first = EDGE - (EDGE - end) % cycle
        if places[first - cycle : end] == places[first : end + cycle]:
            return first, cycle
    return EDGE, 0


def _lines(file: str, namespace: Record) -> List[str]:
    """The lines of a source file; none for a pipe, a device, or what cannot be read."""
    try:
        if os.path.lexists(file) and not stat.S_ISREG(os.stat(file).st_mode):
            return []
        return linecache.getlines(file, namespace)
    except BaseException:  # noqa: BLE001  # a loader of the user's
        return []


def _function(code: CodeType, lines: List[str]) -> List[str]:
    """The whole function's lines; of ``<module>`` the file's."""
    try:
        block = lines if code.co_name == "<module>" else inspect.getblock(lines[code.co_firstlineno - 1 :])
    except BaseException:  # noqa: BLE001  # a file that changed does not tokenize any more
        return []
    if len(block) > MAX_SOURCE or sum(map(len, block)) > MAX_SOURCE_CHARS:
        return []
    return [safe_text(line.rstrip("\n"), MAX_SOURCE_CHARS) for line in block]


def _notes(error: BaseException) -> List[str]:
    notes = _attribute(error, "__notes__")
    if not isinstance(notes, (list, tuple)):
        return []
    return [safe_text(note, MAX_VALUE // 8, "<note str() failed>") for note in notes[:MAX_NOTES]]


def _cause(error: BaseException) -> Tuple[Optional[BaseException], bool]:
    """What led to this exception, and whether ``raise ... from`` said so."""
    cause, context = _attribute(error, "__cause__"), _attribute(error, "__context__")
    if issubclass(type(cause), BaseException):
        return cause, True
    if issubclass(type(context), BaseException) and not _attribute(error, "__suppress_context__"):
        return context, False
    return None, False


def _syntax(error: SyntaxError, cell: str) -> Record:
    numbers = {key: _attribute(error, name) for key, name in (("line", "lineno"), ("offset", "offset"))}
    told: Record = {key: n if type(n) is int else 0 for key, n in numbers.items()}
    for key, name in (("file", "filename"), ("text", "text")):
        value = _attribute(error, name)
        told[key] = safe_text(value, MAX_TEXT) if isinstance(value, str) else ""
    told["cell"] = told["file"] == cell
    return told
