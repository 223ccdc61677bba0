"""The cell's process: runs the cell's file as ``__main__``, and records how it ended.

Everything that is loaded before the user's code delays each replica, so what only a failure needs (json, inspect,
traceback) is imported when there is one, and ``signal`` and ``typing`` never are.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the C half of signal; the rest of it is enum, which takes 3 ms
import _thread  # threading is more than is needed for one that only waits
import atexit
import builtins
import faulthandler
import os
import sys
import time

from . import FORMAT, STACKS, STACKS_ANYHOW, STACKS_SIGNAL
from .channel import Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType, TracebackType
    from typing import Any, Callable, List


PATIENCE = 5.0
"""Seconds for telling of an exception, whose own code may never return."""


def main(path: str) -> None:
    """Run the file as Python would run a script; leaves by SystemExit unless all went well."""
    channel = Channel.of_environment()
    _prepare_streams()
    _prepare_signals()
    _prepare_stacks()
    os.environ["PYTHONUNBUFFERED"] = "1"  # for children: their lines go into the same log
    _take_along(path, channel)
    done = _Done(channel)
    atexit.register(done.tell)  # the first, so that it is called last
    try:
        error = _run(path, channel)
    except SystemExit as leave:
        done.well = leave.code in (None, 0)
        if not done.well:
            _abort_mpi()
        raise
    done.well = error is None
    if error is not None:
        _show(error, path, channel)
        _abort_mpi()
        raise SystemExit(130 if isinstance(error, KeyboardInterrupt) else 1)


class _Done:
    """Tells that all code has run, that of other threads and of atexit too: a crash behind that is no failure of it."""

    def __init__(self, channel: Channel) -> None:
        self.well = False
        self._channel = channel

    def tell(self) -> None:
        if self.well and self._channel.mine and self._channel.own:
            self._channel.send('{"v":%d,"type":"done","time":%r}' % (FORMAT, time.time()))


def _take_along(path: str, channel: Channel) -> None:
    """Use what lies beside the cell's file. Leaves by SystemExit if there is no room for it."""
    _import_as_a_notebook()
    code = os.path.dirname(path)
    if not any(os.path.isdir(code + name) for name in ("/files", "/modules", "/site")):
        return
    from . import along

    along.set_paths(code)
    along.set_own_path(code)
    try:
        along.place_once(code)
    except OSError as error:
        leave = SystemExit(along.words(error))
        _record_exit(leave, time.time(), path, channel)
        raise leave from None


def _import_as_a_notebook() -> None:
    """From the working directory too, behind the standard library and before what is installed, as IPython has it."""
    if "" not in sys.path:
        installed = (i for i, p in enumerate(sys.path) if p.endswith(("/site-packages", "/dist-packages")))
        sys.path.insert(next(installed, len(sys.path)), "")


def _run(path: str, channel: Channel) -> BaseException | None:
    """The exception that nobody caught, recorded and without the runner's frames; SystemExit passes."""
    namespace = _main_module(path).__dict__
    try:
        code = compile(_source(path), path, "exec", dont_inherit=True)
        channel.send('{"v":%d,"type":"started","time":%r}' % (FORMAT, time.time()))
        exec(code, namespace)  # noqa: S102  # the purpose of this program
    except SystemExit as leave:
        _record_exit(leave, time.time(), path, channel)
        raise
    except BaseException as error:  # noqa: BLE001  # exactly what Python's own top level catches
        at = time.time()
        BaseException.with_traceback(error, _users_part(sys.exc_info()[2]))
        _record_error(error, at, path, channel)
        return error
    return None


def _abort_mpi() -> None:
    """End all ranks. Python would call MPI_Finalize on its way out, which waits for ever for the ranks that compute."""
    mpi = sys.modules.get("mpi4py.MPI")
    try:
        if mpi is not None and mpi.Is_initialized() and not mpi.Is_finalized() and mpi.COMM_WORLD.Get_size() > 1:
            sys.stdout.flush()
            sys.stderr.flush()
            mpi.COMM_WORLD.Abort(1)
    except Exception:  # noqa: BLE001, S110  # another module of that name: the exit goes on
        pass


def _source(path: str) -> str:
    """The cell's text. Decoded here, so that a coding cookie in a cell means nothing, as in a notebook."""
    with open(path, "rb") as file:
        text = file.read().decode("utf-8")
    return text[1:] if text.startswith("\ufeff") else text


def _main_module(path: str) -> ModuleType:
    """A fresh ``__main__`` as Python makes one for a script, in place of the runner's own.

    ``__file__`` without ``__spec__`` is what multiprocessing needs to import it again in a spawned child.
    """
    module = type(sys)("__main__")
    module.__file__ = path
    module.__loader__ = type(__spec__.loader)("__main__", path)  # type: ignore[call-arg, misc]  # a SourceFileLoader
    module.__dict__.update(__builtins__=builtins, __annotations__={}, __cached__=None)
    sys.modules["__main__"] = module
    sys.argv[:] = [path]
    sys.path[0] = os.path.dirname(path)
    return module


def _prepare_streams() -> None:
    """UTF-8 whatever the locale, nothing that a print cannot write, and one write a line.

    In a pipe Python writes blocks, with PYTHONUNBUFFERED pieces of lines, which mix with those of children.
    """
    for name, fd in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:  # the descriptor is closed
            continue
        if hasattr(stream.buffer, "raw"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
            continue
        stream = open(fd, "w", 1, encoding="utf-8", errors="backslashreplace", newline="\n", closefd=False)  # noqa: SIM115  # for the whole process
        setattr(sys, name, stream)
        setattr(sys, "__%s__" % name, stream)


def _prepare_signals() -> None:
    """A crash and SIGUSR1 show every thread's stack; SIGTERM ends the process even while it waits in C.

    SIGTERM is set because a parent may have left it ignored, which a process inherits.
    """
    try:
        faulthandler.enable(file=2)
        faulthandler.register(_signal.SIGUSR1, file=2, all_threads=True)
    except (OSError, RuntimeError, ValueError):  # no standard error, nothing to show it on
        pass
    _signal.signal(_signal.SIGTERM, _signal.SIG_DFL)


def _prepare_stacks() -> None:
    """Answer whoever asks for the stack of every thread (stacks.py).

    Not with SIGUSR1, of which the user's code may make what it likes, and not into the log. The file is in memory, and
    its name tells whose it is. Where a system has none, nobody can ask.

    A thread of its own takes the signals: the system call in which another waits would end early, and much fails of
    that (torch.distributed: "Interrupted system call"). Threads of the user's code inherit that theirs are blocked.
    """
    local = next(filter(None, map(os.environ.get, ("LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID"))), "")
    words = (os.getpid(), os.environ.get("CIAO_JOB"), os.environ.get("CIAO_REPLICA"), local)
    try:
        fd = os.memfd_create("%s %d %s %s %s" % (STACKS, *words))
        appending = os.open("/proc/self/fd/%d" % fd, os.O_WRONLY | os.O_APPEND)
        os.close(fd)
        faulthandler.register(STACKS_ANYHOW, file=appending, all_threads=True)
        _signal.signal(STACKS_SIGNAL, _nothing)  # where somebody unblocks it, it must not be the end
        _signal.pthread_sigmask(_signal.SIG_BLOCK, (STACKS_SIGNAL, STACKS_ANYHOW))
        begun = _thread.allocate_lock()
        begun.acquire()
        _thread.start_new_thread(_take_signals, (appending, begun))
        begun.acquire()
    except (AttributeError, OSError, RuntimeError, ValueError):
        pass


def _take_signals(fd: int, begun: _thread.LockType) -> None:
    """Tell of all threads while none of them runs: whoever looks at a frame that changes meanwhile may crash.

    A library that waits in C without letting other threads run keeps this one from it, and frames from changing. Then
    the other signal comes, whose handler needs no interpreter.
    """
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (STACKS_ANYHOW,))
    begun.release()
    while True:
        _signal.sigwait((STACKS_SIGNAL,))
        faulthandler.dump_traceback(file=fd, all_threads=True)


def _nothing(*_: object) -> None:
    pass


def _users_part(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is not the runner's."""
    while traceback is not None and traceback.tb_frame.f_globals is globals():
        traceback = traceback.tb_next
    return traceback


def _record_error(error: BaseException, at: float, path: str, channel: Channel) -> None:
    """Never fails: an exception may be as evil as it likes, its name at least is told."""
    if not channel.mine:
        return
    try:
        if isinstance(error, MemoryError):
            bytearray(16 << 20)  # room for the imports; without it some versions crash in them
        record = _at_most(PATIENCE, path, lambda: _ours("record", path).error_line(error, at=at, cell=path))
    except BaseException:  # noqa: BLE001  # no memory, a module of the user's in the place of json ...
        record = _bare_record(error, at, path)
    channel.send(record)


def _at_most(seconds: float, path: str, told: Callable[[], str]) -> str:
    with _ours("patience", path).Patience(seconds):
        return told()


def _bare_record(error: BaseException, at: float, path: str) -> str:
    """What can be told without importing anything: the name, and where in the cell."""
    frames: List[str] = []
    link = BaseException.__dict__["__traceback__"].__get__(error)
    while link is not None and len(frames) < 50:
        code = link.tb_frame.f_code
        if code.co_filename == path:
            frame = (_plain(path), link.tb_lineno, _plain(code.co_name), code.co_firstlineno)
            frames.append('{"file":"%s","line":%d,"name":"%s","first":%d,"source":[],"text":"","cell":true}' % frame)
        link = link.tb_next
    name = _plain(type.__dict__["__name__"].__get__(type(error)))
    return (
        '{"v":%d,"type":"error","time":%r,"error":{"ename":"%s","evalue":"","module":"","notes":[],"frames":[%s],'
        '"cause":null,"by_from":false,"exceptions":[]}}' % (FORMAT, at, name, ",".join(frames))
    )


def _plain(text: str) -> str:
    """The text without whatever JSON would escape."""
    return "".join(c for c in text[:1000] if " " <= c <= "~" and c not in '"\\')


def _record_exit(leave: SystemExit, at: float, path: str, channel: Channel) -> None:
    if not channel.mine or leave.code in (None, 0):
        return
    try:
        record = _at_most(PATIENCE, path, lambda: _ours("record", path).exit_line(leave.code, at=at))
    except BaseException:  # noqa: BLE001  # as above
        record = '{"v":%d,"type":"exit","time":%r,"code":1}' % (FORMAT, at)
    if record:
        channel.send(record)


def _show(error: BaseException, path: str, channel: Channel) -> None:
    """Show the exception as Python does, and record what was shown."""
    try:
        showing = _ours("showing", path)
    except BaseException:  # noqa: BLE001  # as above
        sys.excepthook(type(error), error, error.__traceback__)
        return
    record = showing.show(error, told=channel.last, mine=channel.mine)
    if record:
        channel.send(record)


def _ours(name: str, cell: str) -> Any:
    """A module of ours, with what it needs of the standard library and not what the cell brought along by that name."""
    path, code = sys.path[:], os.path.dirname(cell)
    sys.path[:] = [p for p in path if p not in ("", code) and not p.startswith(code + "/")]
    try:
        __import__("%s.%s" % (__package__, name))
    finally:
        sys.path[:] = path
    return sys.modules["%s.%s" % (__package__, name)]
