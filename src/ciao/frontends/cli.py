"""The command line: ``ciao jobs``, ``ciao run FILE`` ...

Exit status: 0 if all went well, 1 for an error, 2 for a command line that cannot be understood, 130 after Ctrl-C and
143 after SIGTERM. Answers and lines go to standard output, all else to standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ciao.frontends.shell import streams

if TYPE_CHECKING:
    from ciao.commands.line import Request
    from ciao.errors import CiaoError, SettingsError
    from ciao.session import Session

__all__ = ["main"]

USAGE = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None, *, session: Session | None = None) -> int:
    """Answer one command line; the exit status. Shows no traceback for an error that was designed."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["kernel"] and "-f" in words and words[1] not in ("install", "uninstall"):
        from ciao.frontends import kernel

        kernel.main(words[1:])
        return 0
    streams.write_anything()
    try:
        return _answer(words, session)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        streams.close_quietly()
        return 1
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        report = "This is a fault of Ciao's: please report it with what 'python -X dev -m ciao ...' shows"
        sys.stderr.write(f"ciao: internal error: {type(error).__name__}: {error}\n{report}\n")
        return 1


def _answer(words: Sequence[str], session: Session | None) -> int:
    from ciao.commands.line import parse
    from ciao.errors import CiaoError, CommandError

    file = ""
    try:
        request = parse(words)
        file = request.file or ""
        status = _status(request, session)
    except CiaoError as error:
        _complain(error, file)
        return USAGE if isinstance(error, CommandError) else 1
    return status


def _status(request: Request, session: Session | None) -> int:
    match request.command:
        case "help" | "version":
            return _words(request)
        case "kernel":
            return _kernel(request)
        case "gateway":
            return _gateway(request)
        case "doctor" if session is None:
            return _doctor(request)
    session = session or _session()
    if request.command == "run" or request.streams:
        from ciao.frontends.shell import foreground

        answer = foreground.run if request.command == "run" else foreground.follow
        return answer(request, session, colour=streams.wants_colour())
    return _answered(request, session)


def _words(request: Request) -> int:
    """What is to be had even if the settings are wrong."""
    from ciao.commands.help import help_text
    from ciao.frontends.command import version_text
    from ciao.frontends.display.typed import in_shell

    streams.out((version_text() if request.command == "version" else in_shell(help_text(request.topic))) + "\n")
    return 0


def _doctor(request: Request) -> int:
    """With as much of the settings as can be read."""
    from ciao import settings
    from ciao.session import Session

    readable, mistakes = settings.survey()
    return _answered(request, Session(readable), mistakes=mistakes)


def _answered(request: Request, session: Session, *, mistakes: tuple[SettingsError, ...] = ()) -> int:
    from ciao.frontends.command import Ask, answered

    found = answered(Ask(request=request, session=session, mistakes=mistakes, colour=streams.wants_colour()))
    if found.text:
        streams.out(f"{found.text}\n")
    if found.note:
        sys.stderr.write(f"{found.note}\n")
    return found.status


def _kernel(request: Request) -> int:
    from ciao.frontends.shell import kernel

    streams.out("".join(f"{line}\n" for line in kernel.done(request)))
    return 0


def _gateway(request: Request) -> int:
    from ciao import settings
    from ciao.frontends.gateway.run import run

    return run(request.given, settings.load())


def _session() -> Session:
    from ciao import settings
    from ciao.session import Session

    return Session(settings.load())


def _complain(error: CiaoError, file: str) -> None:
    """``file`` is the one that was named, if any: a mistake in a cell is a mistake in that."""
    from ciao.errors import CellError
    from ciao.frontends.display.traceback import printable
    from ciao.frontends.display.typed import in_shell

    text = f"ciao: {in_shell(error.message)}\n"
    if isinstance(error, CellError):
        place = "standard input" if file == "-" else file
        text = f"ciao: {place}, line {error.line}: {error.message}\n{error.picture()}\n"
    sys.stderr.write(printable(text + (f"{in_shell(error.hint)}\n" if error.hint else "")))  # it may quote a stranger
