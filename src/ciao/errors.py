"""Everything that Ciao says went wrong, as one tree.

::

    CiaoError                       has a message and a hint: what to do next
    ├── CellError                   the cell as written; has line, column, the source line and a caret
    │   ├── OptionError             a magic line
    │   └── CodeError               the code below the magics
    ├── SettingsError               a configuration file or CIAO_* variable
    ├── CommandError                a command line: unknown command or option, a word missing
    ├── StateError                  the folder of jobs cannot be read or written
    ├── BundleError                 the source could not be packed
    │   ├── FileMissing             %include= names nothing that is here
    │   └── RegistryMissing         no registry is set
    ├── BackendError                the place where jobs run
    │   ├── BackendUnavailable      it cannot be reached
    │   ├── CreateRefused           it does not take this job
    │   └── JobNotFound             it has no such job
    └── EngineError                 the thread in which jobs live is gone

The error of the *training code* is none of these: it is a value (:class:`ciao.model.Failure`) that a
frontend raises as the user's own exception.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

__all__ = [
    "BackendError",
    "BackendUnavailable",
    "BundleError",
    "CellError",
    "CiaoError",
    "CodeError",
    "CommandError",
    "CreateRefused",
    "EngineError",
    "FileMissing",
    "JobNotFound",
    "OptionError",
    "RegistryMissing",
    "SettingsError",
    "StateError",
    "did_you_mean",
    "nearest",
]

NONE: Mapping[str, str] = MappingProxyType({})


class CiaoError(Exception):
    """What failed, on which input, and what to do next.

    ``message`` is one sentence without a final full stop; ``hint`` is the next step, or empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class CellError(CiaoError):
    """The cell cannot become a job. ``line`` and ``column`` count from 1, in the cell as the user sees it."""

    def __init__(
        self, message: str, *, hint: str = "", line: int, column: int = 1, width: int = 1, source: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.line = line
        self.column = column
        self.width = width
        self.source = source

    def __str__(self) -> str:
        return f"line {self.line}: {super().__str__()}"

    def picture(self) -> str:
        """The source line with a caret below the words at fault.

        Tabs before the caret are kept, so that it stands right whatever their width.
        """
        shown = self.source.rstrip("\r\n")
        before = "".join("\t" if c == "\t" else " " for c in shown[: self.column - 1])
        carets = "^" * max(1, min(self.width, len(shown) - self.column + 1))
        return f"{shown}\n{before}{carets}"


class OptionError(CellError):
    """A magic line: unknown option, bad value, missing framework."""


class CodeError(CellError):
    """The code below the magics: a syntax error, a notebook magic, a top-level await."""


class SettingsError(CiaoError):
    """A configuration file or a CIAO_* variable; the message names it. ``source`` is its path or name, if known."""

    source = ""


class CommandError(CiaoError):
    """``ciao ...`` or ``%ciao ...`` as typed: unknown command or option, a word missing or too many."""


class StateError(CiaoError):
    """The folder of jobs cannot be read or written."""


class BundleError(CiaoError):
    """The source could not be packed."""


class FileMissing(BundleError):
    """What ``%include=`` names is not here."""


class RegistryMissing(BundleError):
    """An image is to be pushed or looked for, and the settings name no registry."""


class BackendError(CiaoError):
    """The place where jobs run reported a failure."""


class BackendUnavailable(BackendError):
    """The backend cannot be reached."""


class CreateRefused(BackendError):
    """The backend does not take this job; nothing was created."""


class JobNotFound(BackendError):
    """The backend has no job of this name."""


class EngineError(CiaoError):
    """The thread in which jobs live has stopped."""


def did_you_mean(word: str, known: Iterable[str], *, before: str = "", synonyms: Mapping[str, str] = NONE) -> str:
    """``Did you mean jobs?`` after ``before``; empty if no word is near."""
    near = nearest(word, known, synonyms=synonyms)
    return f"{before}Did you mean {near}?" if near else ""


def nearest(
    word: str, known: Iterable[str], *, likeness: float = 0.6, synonyms: Mapping[str, str] = NONE
) -> str | None:
    """The known word that was meant: the same but for case, ``-`` and ``_``, a synonym of it, or one that is like it.

    Synonyms are in small letters, without these two.
    """
    from difflib import get_close_matches  # only on the way to an error

    by_plain = {_plain(one): one for one in known}
    wanted = _plain(word)
    if wanted in by_plain:
        return by_plain[wanted]
    if (meant := synonyms.get(wanted)) is not None and meant in by_plain.values():
        return meant
    near = get_close_matches(wanted, by_plain, n=1, cutoff=likeness)
    return by_plain[near[0]] if near else None


def _plain(word: str) -> str:
    """Without what is easily written otherwise."""
    return word.lower().replace("-", "").replace("_", "")
