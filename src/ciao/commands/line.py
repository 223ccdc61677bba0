"""A command line, read: the same for ``ciao jobs --all`` in a shell and ``%ciao jobs --all`` in a cell."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NoReturn

from ciao.commands.table import BY_NAME, COMMANDS, SYNONYMS, Command
from ciao.commands.wanted import Wanted
from ciao.errors import CommandError, did_you_mean
from ciao.model import Replica

__all__ = ["Request", "parse", "split"]

_OF_REPLICAS = ("logs", "stacks")
"""Commands that take the name of one."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked. Only the fields of the command's own arguments are ever set.

    ``given`` are the options of a command that reads them itself, as they were written.
    """

    command: str
    job: str | None = None
    replica: str | None = None
    file: str | None = None
    action: str | None = None
    topic: str | None = None
    prefix: str | None = None
    tail: str | None = None
    since: str | None = None
    older_than: str | None = None
    grep: str | None = None
    ended: bool = False
    yes: bool = False
    all: bool = False
    json: bool = False
    follow: bool = False
    timestamps: bool = False
    user: bool = False
    sys_prefix: bool = False
    given: Mapping[str, str | bool] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def streams(self) -> bool:
        """Whether the answer comes line by line for as long as the job runs."""
        return self.command == "attach" or (self.command == "logs" and self.follow)


def split(line: str) -> list[str]:
    """The words of a line in a cell, quoted as in a shell."""
    try:
        return shlex.split(line)
    except ValueError:
        raise CommandError(f"%ciao {line}: a quotation mark is not closed") from None


def parse(words: Sequence[str], *, in_cell: bool = False) -> Request:
    """What these words ask for. Raises CommandError.

    No words, ``-h`` or ``--help`` ask for help, of the command that is named if one is.
    """
    name, rest = (words[0], words[1:]) if words else ("help", ())
    if name in ("-h", "--help"):
        name = "help"
    elif name in ("-V", "--version"):
        name = "version"
    command = _command(name, in_cell=in_cell)
    if not {"-h", "--help"}.isdisjoint(rest):
        return Request(command="help", topic=command.name)
    if name == "help" and rest and rest[0] in _with_parts():
        return Request(command="help", topic=rest[0])
    return _request(command, rest, in_cell=in_cell)


def _with_parts() -> Sequence[str]:
    """Commands of which a part has a name, such as ``images prune``: their help is one page."""
    return [command.name for command in COMMANDS if any(a.choices for a in command.arguments if not a.is_option)]


def _command(name: str, *, in_cell: bool) -> Command:
    offered = [c.name for c in COMMANDS if c.where == "both" or not in_cell]
    if name in offered:
        return BY_NAME[name]
    if name in BY_NAME:
        hint = "In a notebook, run the cell itself" if name == "run" else f"Type 'ciao {name}' in a shell"
        raise CommandError(f"'{name}' is for the command line", hint=hint)
    meant = did_you_mean(name, offered, synonyms=SYNONYMS)
    raise CommandError(f"there is no command {name!r}", hint=meant or f"Commands are {', '.join(offered)}")


def _request(command: Command, words: Sequence[str], *, in_cell: bool) -> Request:
    parser = _parser(command, in_cell=in_cell)
    found, extra = parser.parse_known_intermixed_args(list(words))
    _check_places(command, found, extra, in_cell=in_cell)
    values = {k: v for k, v in vars(found).items() if v is not None}
    for argument in command.arguments:
        value = values.get(argument.field)
        if argument.required and value is None:
            raise CommandError(f"'{command.name}' needs {_one(argument.usage)}", hint=_usage(command, in_cell=in_cell))
        if argument.choices and value is not None and value not in argument.choices:
            meant = did_you_mean(str(value), argument.choices)
            hint = meant or _usage(command, in_cell=in_cell)
            raise CommandError(f"'{command.name}' does not know {value!r}", hint=hint)
    if command.name in ("help", "gateway"):
        return _as_it_is(command.name, values)
    request = Request(command=command.name, **values)
    Wanted.of(tail=request.tail, since=request.since, grep=request.grep)  # mistakes are told before a cluster is asked
    if command.name == "delete":
        _check_delete(request, hint=_usage(command, in_cell=in_cell))
    if command.name == "images":
        _check_images(request, hint=_usage(command, in_cell=in_cell))
    return _with_replica(request)


def _as_it_is(name: str, values: dict[str, str | bool]) -> Request:
    """Commands whose words are no fields of a request."""
    if name == "help":
        topic = values.get("command")
        return Request(command="help", topic=str(topic) if topic else None)
    return Request(command=name, given=MappingProxyType(values))


def _check_delete(request: Request, *, hint: str) -> None:
    if request.job and request.ended:
        raise CommandError("'delete' takes a JOB or --ended, not both", hint=hint)
    if request.yes and not request.ended:
        raise CommandError("--yes is for --ended", hint=hint)
    if not (request.job or request.ended):
        raise CommandError("'delete' needs a JOB, or --ended", hint=hint)


def _check_images(request: Request, *, hint: str) -> None:
    given = (("--yes", request.yes), ("--all", request.all), ("--older-than", request.older_than))
    for option, value in given if request.action != "prune" else ():
        if value:
            raise CommandError(f"{option} is for 'images prune'", hint=hint)


def _with_replica(request: Request) -> Request:
    """``logs worker-0`` means the replica of the newest job: no job's name ends like that."""
    if request.command not in _OF_REPLICAS or request.job is None:
        return request
    if request.replica is not None:
        if not _is_replica(request.replica):
            hint = "They are called worker-0, master-0 ..."
            raise CommandError(f"{request.replica!r} is not a replica's name", hint=hint)
        return request
    if not _is_replica(request.job):
        return request
    return Request(**{**vars(request), "job": None, "replica": request.job})


def _is_replica(word: str) -> bool:
    try:
        Replica.parse(word)
    except ValueError:
        return False
    return True


def _parser(command: Command, *, in_cell: bool) -> _Parser:
    parser = _Parser(prog=command.name, add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.in_cell = in_cell
    for argument in command.arguments:
        spellings = [s for s in (argument.name, argument.short) if s]
        if not argument.is_option:
            parser.add_argument(argument.field, nargs="?")
        elif argument.value:
            parser.add_argument(*spellings, dest=argument.field, metavar=argument.value)
        else:
            parser.add_argument(*spellings, dest=argument.field, action="store_true")
    return parser


class _Parser(argparse.ArgumentParser):
    """argparse, without its own words and without ending the process."""

    in_cell = False

    def error(self, message: str) -> NoReturn:
        hint = _usage(BY_NAME[self.prog], in_cell=self.in_cell)
        raise CommandError(f"'{self.prog}': {message.removeprefix('argument ')}", hint=hint)

    def parse_known_intermixed_args(  # type: ignore[override]  # its many overloads come down to this one use
        self, args: Sequence[str]
    ) -> tuple[argparse.Namespace, list[str]]:
        try:
            return super().parse_known_intermixed_args(args)
        except argparse.ArgumentError as error:  # with exit_on_error=False, some are raised and some reported
            self.error(str(error))


def _check_places(command: Command, found: argparse.Namespace, extra: Sequence[str], *, in_cell: bool) -> None:
    """No word more than there are places for, and no replica where a job belongs."""
    words = (getattr(found, "job", None), getattr(found, "replica", None), *extra)
    named = [word for word in words if word is not None and _is_replica(word)]
    if len(named) > 1 and command.name in _OF_REPLICAS:
        write = f"{'%' if in_cell else ''}ciao {command.name}"
        raise CommandError(
            f"'{command.name}' takes one replica, not {named[0]} and {named[1]}",
            hint=f"Write {write} {named[0]}, or {write} JOB {named[0]}; without a replica it is of all",
        )
    if extra:
        raise _too_much(command, extra[0], in_cell=in_cell)


def _too_much(command: Command, word: str, *, in_cell: bool) -> CommandError:
    if word.startswith("-"):
        word = word.partition("=")[0]
        known = f"Its options are {', '.join(command.options)}" if command.options else "It takes none"
        return CommandError(
            f"'{command.name}' has no option {word!r}", hint=did_you_mean(word, command.options) or known
        )
    return CommandError(f"'{command.name}' has no use for {word!r}", hint=_usage(command, in_cell=in_cell))


def _usage(command: Command, *, in_cell: bool) -> str:
    return f"Write: {'%' if in_cell else ''}ciao {command.usage}"


def _one(usage: str) -> str:
    return usage if "|" in usage else f"a {usage}"
