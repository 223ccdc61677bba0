"""What the extension's magics do. Everything heavy is imported when the first of them is used."""

from __future__ import annotations

import os
import time
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ciao.frontends.notebook import transform

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from concurrent.futures import Future

    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

    from ciao.frontends.command import Answer
    from ciao.frontends.notebook.endings import Endings
    from ciao.model import Cell, Notice
    from ciao.session import Session

__all__ = ["Magics", "current_session", "forget_traceback", "remember", "use"]

RUNNING: ContextVar[ExecutionInfo | None] = ContextVar("ciao-running", default=None)
"""What IPython says of the cell that runs, in the context in which it runs."""


PATIENCE = 1.0
"""Seconds that a command waits for the list of jobs from before."""


class _State:
    session: Session | None = None


def current_session() -> Session:
    """The one session of this process, made when first used."""
    if _State.session is None:
        from ciao import settings
        from ciao.session import Session

        _State.session = Session(settings.load())
    return _State.session


def use(session: Session | None) -> None:
    """Use this session from now on, for example one with other settings."""
    _State.session = session


def remember(info: ExecutionInfo) -> None:
    """Keep what IPython says of the cell that it is about to run."""
    RUNNING.set(info)


def forget_traceback(shell: InteractiveShell) -> None:
    """Without this, an asynchronous cell that fails replies with the traceback of an earlier one, or not at all."""
    if hasattr(shell, "_last_traceback"):
        shell._last_traceback = None  # noqa: SLF001  # ipykernel resets it in synchronous cells only


def _untold() -> Path:
    """Where kernels note whose end they are to tell; found without the settings, which no ordinary cell loads."""
    return Path(os.environ.get("CIAO_HOME") or "~/.ciao").expanduser() / "untold"


def _any_in(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _in_terminal(shell: InteractiveShell) -> bool:
    from ciao.frontends.notebook.outlet import in_terminal

    return in_terminal(shell)


def _designed_session() -> Session:
    """The session; settings that cannot be read are an error that IPython shows without frames of ours."""
    from ciao.errors import CiaoError

    try:
        return current_session()
    except CiaoError as e:
        error = e
    from ciao.frontends.display import failure

    raise failure.shown(error, "")


class Magics:
    """The magics of one shell."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._loaded = time.time()
        self._told = False
        self._endings: Endings | None = None
        self._first = True

    def before_cell(self, info: ExecutionInfo) -> None:
        """Say which jobs have ended since the last cell. What a frontend runs for itself shows nobody anything."""
        if not info.store_history:
            return
        if self._first and self._endings is None and _any_in(_untold()):
            self._known_endings()
        if self._endings is not None:
            self._endings.tell()

    def after_cell(self, _: ExecutionResult) -> None:
        """A terminal says it before the next prompt; of what a kernel before this one left, the first cell tells."""
        first, self._first = self._first, False
        if self._endings is None or not (first or _in_terminal(self._shell)):
            return
        if first:
            self._endings.wait()
        self._endings.tell()

    def _known_endings(self) -> Endings:
        """Made when first needed; what another kernel left is looked for then."""
        if self._endings is None:
            from ciao.frontends.notebook.endings import Endings

            self._endings = Endings(_untold(), current_session)
            self._endings.inherit(self._notebook())
        return self._endings

    def kubeflow_cell(self, line: str, body: str) -> Awaitable[None]:
        """Run the cell as a distributed job: ``%%kubeflow framework=pytorch worker=2``."""
        text = self._as_typed(f"%%kubeflow {line}\n{body}" if line else body)
        return self._awaited(text)

    def kubeflow_line(self, line: str) -> None:
        """Run the cell as a distributed job: ``%kubeflow framework=pytorch worker=2`` as the cell's first line."""
        if line.endswith("?"):  # IPython's own help is led here, see transform
            from ciao import interpreter

            print(interpreter.explain(f"%{line[:-1]}", 1))  # noqa: T201  # this is the cell's output
            return
        from ciao.errors import CommandError
        from ciao.frontends.display import failure

        what = line if line.startswith("%") else "%kubeflow"  # an option below code is led here, see transform
        error = CommandError(f"{what} must be at the top of its cell", hint="Move it above the first line of code")
        raise failure.shown(error, "")

    def ciao_line(self, line: str) -> None:
        """What runs and what ran: ``%ciao jobs``, ``%ciao logs JOB`` ...; ``%ciao help`` lists the commands."""
        self._command(line, "")

    def ciao_cell(self, line: str, body: str) -> None:
        """What a cell would create, creating nothing: ``%%ciao plan`` above the cell's magic lines."""
        self._command(line, body)

    async def _awaited(self, text: str) -> None:
        from ciao.frontends.notebook import cell

        forget_traceback(self._shell)
        session = _designed_session()
        if line := transform.follows(text):
            await cell.follow(line, self._cell(text), self._shell, session, self._known_endings())
        else:
            earlier = self._earlier(session)
            await cell.run(self._cell(text), self._shell, session, self._known_endings(), earlier=earlier)

    def _as_typed(self, text: str) -> str:
        """The text without the newline that IPython added, if it did."""
        info = RUNNING.get()
        return text[:-1] if info is not None and info.raw_cell == text[:-1] else text

    def _cell(self, text: str) -> Cell:
        from ciao.model import Cell

        info = RUNNING.get()
        counted = info is not None and info.store_history and info.raw_cell == text
        number = self._shell.displayhook.prompt_count if counted else None  # right in every version of IPython
        return Cell(text=text, number=number, notebook=self._notebook())

    def _label(self) -> str:
        """Of the cell that runs."""
        from ciao.model import Cell

        info = RUNNING.get()
        counted = info is not None and info.store_history
        return Cell(text="", number=self._shell.displayhook.prompt_count if counted else None).label

    def _notebook(self) -> str:
        """Its path as far as the frontend tells, or an empty text."""
        names: dict[str, Any] = self._shell.user_ns
        return str(names.get("__vsc_ipynb_file__") or names.get("__session__") or "")

    def _command(self, line: str, body: str) -> None:
        from ciao.errors import CiaoError
        from ciao.frontends.command import answer
        from ciao.frontends.display import failure

        forget_traceback(self._shell)
        try:
            self._tell()
            found = answer(line, current_session(), body=body)
        except CiaoError as e:
            error = e
        else:
            if self._endings is not None and line.split()[:1] in (["cancel"], ["delete"]):
                self._endings.told(found.text)
            self._present(found)
            return
        raise failure.shown(error, self._label() if body else f"%ciao {line}")

    def _present(self, found: Answer) -> None:
        from ciao.frontends.notebook.outlet import in_terminal

        if found.html is None or in_terminal(self._shell):
            print(found.text)  # noqa: T201  # this is the cell's output
        else:
            self._shell.display_pub.publish({"text/plain": found.text, "text/html": found.html})

    def _tell(self) -> None:
        """Say which jobs of before still run, if that is known in a moment."""
        earlier = self._earlier(current_session())
        if earlier is None:
            return
        try:
            notice = earlier.result(timeout=PATIENCE)
        except TimeoutError:
            return
        if notice is not None:
            print(notice.text)  # noqa: T201  # this is the cell's output

    def _earlier(self, session: Session) -> Future[Notice | None] | None:
        if self._told:
            return None
        self._told = True
        from ciao.frontends.notebook import notices

        return session.engine.call(notices.still_running(session, before=self._loaded))
