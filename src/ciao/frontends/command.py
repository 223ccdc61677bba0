"""``%ciao ...`` in a cell and ``ciao ...`` in a shell: a command's value, as text and HTML."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from ciao import __version__
from ciao.commands.choose import Chosen, Own
from ciao.commands.completion import Completions, complete, wants_jobs
from ciao.commands.line import Request, parse, split
from ciao.errors import CiaoError, CommandError, SettingsError
from ciao.frontends.display import page, planned, present
from ciao.frontends.display.typed import in_shell
from ciao.model import Cell, Summary
from ciao.session import Session

if TYPE_CHECKING:
    from ciao.commands.describe import Places

__all__ = ["Answer", "Ask", "Completions", "answer", "answered", "completions", "is_streaming", "version_text", "wait"]

T = TypeVar("T")

SHORT = 5
"""Names that are read on one line."""
PATIENCE = 0.5
"""Seconds for which completion waits for the names of jobs."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What to show: ``html`` where it can be shown, else ``text``.

    ``note`` is for people beside a ``text`` that programs may read. ``status`` is a shell's exit status.
    """

    text: str
    html: str | None = None
    note: str = ""
    status: int = 0


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A request, by whom, for ``plan`` the cell that is meant, for ``doctor`` what is wrong with the settings."""

    request: Request
    session: Session
    cell: Cell | None = None
    mistakes: tuple[SettingsError, ...] = ()
    in_cell: bool = False
    colour: bool = False


def answer(line: str, session: Session, *, body: str = "") -> Answer:
    """The answer to ``%ciao <line>``; ``body`` is the rest of the cell. Blocks until it is there.

    Raises CiaoError; CommandError too for what streams (see :func:`is_streaming`).
    """
    request = parse(split(line), in_cell=True)
    if request.streams:
        raise CommandError(f"'%ciao {line}' must stand alone in its cell", hint="Move it to a cell of its own")
    # An empty line stands where the command was, so that lines keep their numbers.
    cell = Cell(text=f"\n{body}") if body.strip() else None
    return answered(Ask(request=request, session=session, cell=cell, in_cell=True))


def is_streaming(line: str) -> bool:
    """Whether ``%ciao <line>`` shows lines for as long as a job runs."""
    try:
        return parse(split(line), in_cell=True).streams
    except CiaoError:
        return False


def completions(line: str, cursor: int, session: Session) -> Completions:
    """What may stand at this place of ``%ciao <line>``; the names of jobs only if the backend answers quickly."""
    before = line[:cursor]
    known: Sequence[Summary] = ()
    if wants_jobs(before):
        with suppress(CiaoError, TimeoutError):
            known = session.engine.call(session.everywhere().jobs()).result(PATIENCE)
    return complete(before, known)


def answered(ask: Ask) -> Answer:
    """The answer to what does not stream. Raises CiaoError."""
    return ANSWERS[ask.request.command](ask)


def version_text() -> str:
    """Ours, and that of the Python that says it."""
    return f"ciao {__version__} (Python {sys.version.split()[0]})"


def wait(session: Session, work: Coroutine[Any, Any, T]) -> T:
    """What this work in the engine returns; an interrupt ends it."""
    future = session.engine.call(work)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _jobs(ask: Ask) -> Answer:
    from ciao.commands.jobs import jobs

    found = wait(ask.session, jobs(ask.session.everywhere(), every=ask.request.all))
    if ask.request.json:
        return _json([_plain(summary) for summary in found.summaries])
    return _page(present.jobs(found, now=time.time(), prefix="%ciao" if ask.in_cell else "ciao"))


def _describe(ask: Ask) -> Answer:
    from ciao.commands.describe import describe, places

    chosen = wait(ask.session, describe(ask.session.everywhere(), ask.request.job, own=_own(ask)))
    if ask.request.json:
        return _json(_plain(chosen.summary))
    chosen = chosen if ask.in_cell else _in_shell(chosen)
    blocks = _located(present.describe(chosen, now=time.time()), places(ask.session.settings.home, chosen))
    note = "" if ask.request.job else chosen.note
    return _page((*blocks, "", note) if note and ask.in_cell else blocks, note=note)


def _in_shell(chosen: Chosen) -> Chosen:
    """With the hint as a shell shows it."""
    summary = chosen.summary
    if summary.outcome is None:
        return chosen
    outcome = replace(summary.outcome, hint=in_shell(summary.outcome.hint))
    return replace(chosen, summary=replace(summary, outcome=outcome))


def _located(blocks: page.Page, places: Places) -> page.Page:
    """A job's page, with its folders among the facts at the top."""
    facts, *rest = blocks
    count = f" ({places.files:,} {'file' if places.files == 1 else 'files'})" if places.files else ""
    rows = [("work", f"{places.work}{count}")] if places.work else []
    rows += [("logs", str(places.logs))] if places.logs else []
    return (replace(facts, rows=(*facts.rows, *rows)), *rest) if isinstance(facts, page.Table) else blocks


def _logs(ask: Ask) -> Answer:
    from ciao.commands.logs import logs
    from ciao.commands.wanted import Wanted

    request = ask.request
    wanted = replace(Wanted.of(tail=request.tail, since=request.since, grep=request.grep), replica=request.replica)
    most = present.LINES_IN_CELL if ask.in_cell else None
    found = wait(ask.session, logs(ask.session.everywhere(), request.job, wanted=wanted, most=most, own=_own(ask)))
    lines = list(present.log(found, timestamps=request.timestamps, colour=ask.colour or ask.in_cell))
    note = present.log_note(found, prefix="%ciao" if ask.in_cell else "ciao")
    if ask.in_cell and request.job and lines:
        note = ""  # whoever named a job that runs knows both
    if not ask.in_cell:
        return Answer(text="\n".join(lines), note=note)
    typed = " ".join(filter(None, ("ciao logs", found.job, found.replica)))
    lines = present.cut(lines, way_out=f"'{typed}' in a shell prints all", earlier=found.earlier)
    return Answer(text="\n".join((*lines, note) if note else lines))


def _stacks(ask: Ask) -> Answer:
    from ciao.commands.stacks import stacks
    from ciao.frontends.display import stood

    request = ask.request
    found = wait(ask.session, stacks(ask.session.everywhere(), request.job, replica=request.replica, own=_own(ask)))
    return _page(stood.stacks(found, prefix="%ciao" if ask.in_cell else "ciao"))


def _cancel(ask: Ask) -> Answer:
    from ciao.commands.end import cancel

    done = wait(ask.session, cancel(ask.session.everywhere(), ask.request.job, own=_own(ask)))
    return Answer(text=present.ended(done), note=done.note)


def _delete(ask: Ask) -> Answer:
    from ciao.commands.end import delete

    if ask.request.ended:
        return Answer(text=_delete_ended(ask))
    return Answer(text=present.ended(wait(ask.session, delete(ask.session.everywhere(), ask.request.job or ""))))


def _delete_ended(ask: Ask) -> str:
    from ciao.commands.end import delete_ended

    names = wait(ask.session, delete_ended(ask.session.everywhere(), confirmed=ask.request.yes))
    if not names:
        return "No job has ended"
    many = "1 job" if len(names) == 1 else f"{len(names)} jobs"
    if ask.request.yes:
        return f"{many} {'is' if len(names) == 1 else 'are'} deleted:{_several(names)}"
    verb, them = ("has", "it, with its") if len(names) == 1 else ("have", "them, with their")
    typed = f"{'%' if ask.in_cell else ''}ciao delete --ended --yes"
    return f"{many} {verb} ended:{_several(names)}\n{typed} deletes {them} logs and files"


def _several(names: Sequence[str]) -> str:
    """Behind a colon: on its line while that can be read, else on lines of their own."""
    if len(names) <= SHORT:
        return f" {', '.join(names)}"
    return "".join(f"\n    {name}" for name in names)


def _plan(ask: Ask) -> Answer:
    from ciao.commands.plan import plan
    from ciao.frontends.shell.file import read_cell

    if ask.cell is None and ask.request.file is None:
        hint = "Write %%ciao plan above the cell's magic lines" if ask.in_cell else "Write: ciao plan FILE"
        raise CommandError("'plan' needs a cell", hint=hint)
    found = wait(ask.session, plan(ask.cell or read_cell(ask.request.file or ""), ask.session))
    return Answer(text=planned.plan(found))


def _images(ask: Ask) -> Answer:
    from ciao.commands.images import images, prune, span
    from ciao.frontends.display import pushed

    request = ask.request
    if request.action == "prune":
        older = span(request.older_than, ask.session.settings)
        work = prune(ask.session, older=older, every=request.all, confirmed=request.yes)
        pruned = wait(ask.session, work)
        if request.json:
            return _json([_plain(one) for one in pruned.images])
        return _page(pushed.pruned(pruned, now=time.time(), prefix="%ciao" if ask.in_cell else "ciao"))
    found = wait(ask.session, images(ask.session))
    if request.json:
        return _json([_plain(one) for one in found.images])
    return _page(pushed.images(found, now=time.time()))


def _config(ask: Ask) -> Answer:
    from ciao.commands.config import config

    return _page(present.config(config(ask.session.settings)))


def _doctor(ask: Ask) -> Answer:
    from ciao.commands.doctor import doctor
    from ciao.frontends.checks import jupyter_checks

    checks = wait(ask.session, doctor(ask.session, mistakes=ask.mistakes, more=jupyter_checks()))
    if not ask.in_cell:
        checks = tuple(replace(c, words=in_shell(c.words), fix=in_shell(c.fix)) for c in checks)
    return _page(present.doctor(checks), status=int(any(c.verdict == "fail" for c in checks)))


def _help(ask: Ask) -> Answer:
    from ciao.commands.help import help_text

    return Answer(text=help_text(ask.request.topic, in_cell=ask.in_cell))


def _version(_: Ask) -> Answer:
    return Answer(text=version_text())


ANSWERS: Mapping[str, Callable[[Ask], Answer]] = MappingProxyType(
    {
        "jobs": _jobs,
        "describe": _describe,
        "logs": _logs,
        "stacks": _stacks,
        "cancel": _cancel,
        "delete": _delete,
        "plan": _plan,
        "images": _images,
        "config": _config,
        "doctor": _doctor,
        "help": _help,
        "version": _version,
    }
)


def _own(ask: Ask) -> Own | None:
    """Whose jobs are meant where none is named."""
    if not ask.in_cell:
        return None
    from IPython.core.getipython import get_ipython

    names = getattr(get_ipython(), "user_ns", {})  # None outside of a kernel
    notebook = names.get("__vsc_ipynb_file__") or names.get("__session__") or ""
    return Own(started=tuple(ask.session.started), notebook=str(notebook))


def _page(blocks: page.Page, *, note: str = "", status: int = 0) -> Answer:
    return Answer(text=page.text(blocks), html=page.html(blocks), note=note, status=status)


def _json(value: object) -> Answer:
    import json

    return Answer(text=json.dumps(value, indent=2))


def _plain(value: Any) -> Any:
    """A summary as JSON has it; times are seconds since the epoch."""
    from dataclasses import asdict

    return asdict(value)
