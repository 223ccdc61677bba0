"""A cell of ours on the kernel's loop: read it, start its job, draw what happens until it ends.

The job itself lives in the engine. What is here may end at any moment, and the job goes on or is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ciao.errors import CiaoError
from ciao.frontends.display import failure
from ciao.frontends.display.traceback import CellSource
from ciao.frontends.notebook.interrupt import Interrupt
from ciao.frontends.notebook.watch import Watch
from ciao.model import Cell, Notice

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ciao.frontends.notebook.endings import Endings
    from ciao.model import JobSpec
    from ciao.session import Session

__all__ = ["follow", "run"]


ONLY_HERE = "is defined in the notebook, not in this cell, and replicas have only the cell: define or import it here"

NAMES_SHOWN = 5


async def run(
    cell: Cell,
    shell: InteractiveShell,
    session: Session,
    endings: Endings,
    *,
    earlier: Future[Notice | None] | None = None,
) -> None:
    """Run a job cell. Raises the cell's mistakes, the training code's exception, or KeyboardInterrupt.

    ``earlier`` is what to say of jobs from before, once it is known.
    """
    with Interrupt() as interrupt:
        work = _run(cell, shell, session, interrupt, endings=endings, earlier=earlier)
        await _designed(work, cell.label)


async def follow(line: str, cell: Cell, shell: InteractiveShell, session: Session, endings: Endings) -> None:
    """Run ``%ciao attach JOB`` or ``%ciao logs JOB --follow``; an interrupt lets go of the job, which goes on."""
    with Interrupt() as interrupt:
        await _designed(_follow(line, cell, shell, session, interrupt, endings=endings), cell.label)


async def _run(
    cell: Cell,
    shell: InteractiveShell,
    session: Session,
    interrupt: Interrupt,
    *,
    endings: Endings,
    earlier: Future[Notice | None] | None,
) -> None:
    from ciao import interpreter

    spec = interpreter.read(cell, settings=session.settings)
    alike = session.settings.fold
    where = session.place(spec.backend, spec.namespace)
    watch = Watch(shell, interrupt, where=where, alike=alike, endings=endings)
    if earlier is not None:
        earlier.add_done_callback(watch.expect)
    for notice in _unknown_names(spec, shell):
        watch.listen(notice)
    interrupt.check()  # reading a long cell takes a moment; nothing exists yet
    watch.run = session.run(spec, watch.listen)
    await watch.drawn(until_created=spec.background)
    if interrupt.hit:
        watch.let_go(cancel=True)
        raise failure.Interrupted(f"{watch.job_name} is being cancelled")
    if not watch.run.done.done():
        watch.let_go()
        watch.say(f"{watch.job_name} goes on in the background; %ciao logs {watch.job_name} shows its lines\n")
        return
    watch.finish(CellSource(label=cell.label, lines=tuple(cell.text.splitlines())))


async def _follow(
    line: str, cell: Cell, shell: InteractiveShell, session: Session, interrupt: Interrupt, *, endings: Endings
) -> None:
    from ciao.commands.choose import Own
    from ciao.commands.follow import following
    from ciao.commands.line import parse, split

    request = parse(split(line), in_cell=True)
    own = Own(started=tuple(session.started), notebook=cell.notebook)
    wanted = await asyncio.wrap_future(session.engine.call(following(session.everywhere(), request, own=own)))
    interrupt.check()
    raises = request.command == "attach"
    alike = raises and session.settings.fold
    watch = Watch(shell, interrupt, where=session.place(wanted.backend, wanted.namespace), fold=raises, alike=alike)
    watch.run = session.attach(wanted.job, watch.listen, replica=wanted.replica, select=wanted.select)
    await watch.drawn()
    if interrupt.hit:
        watch.run.cancel()
        watch.close()
        raise failure.Interrupted(f"{wanted.job} goes on; %ciao cancel {wanted.job} ends it")
    endings.drop(wanted.job)
    watch.finish(CellSource(label=watch.made_by), raises=raises)


def _unknown_names(spec: JobSpec, shell: InteractiveShell) -> list[Notice]:
    from ciao import interpreter

    hidden = getattr(shell, "user_ns_hidden", {})
    known = {n for n in shell.user_ns if not n.startswith("_") and n not in hidden}
    found = interpreter.free_names(spec.code, known=known)
    return [Notice(text=f"line {f.line}: {f.name} {ONLY_HERE}", level="warning") for f in found[:NAMES_SHOWN]]


async def _designed(work: Coroutine[Any, Any, None], label: str) -> None:
    """Await the work; raise what it raises as one exception that IPython shows as it was designed."""
    error: BaseException
    try:
        await work
    except (Exception, KeyboardInterrupt) as e:  # noqa: BLE001  # raised again below, alone
        error = failure.single(e)
    else:
        return
    if isinstance(error, CiaoError):
        raise failure.shown(error, label)
    raise failure.Interrupted(*error.args) if isinstance(error, KeyboardInterrupt) else error
