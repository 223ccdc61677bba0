"""What an option is: one row of the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeVar

__all__ = ["YES", "Choice", "Option"]

T_co = TypeVar("T_co", covariant=True)

YES = "yes"


class Choice(NamedTuple):
    """One of the values that an option allows."""

    value: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Option(Generic[T_co]):
    """One option.

    ``parse`` raises BadValue. ``default`` is in words. ``local`` is YES, or what the local backend says in one line
    when the option is used. ``flag``: in a ``%kubeflow`` line its bare name means true. ``repeats``: it may be given
    several times. ``family``: how all names of its kind begin, if it has many, such as ``env.``. ``frameworks``: which
    take it; empty for all. Scope ``both``: of the job, and behind a role of that role alone. ``words``: behind
    ``%name=`` the value goes to the end of the line, as words of a shell. ``beside``: options that may follow on the
    same line behind a space, without a ``%``.
    """

    name: str
    scope: Literal["job", "role", "resource", "both"]
    parse: Callable[[str], T_co]
    metavar: str
    meaning: str
    help: str
    example: str
    default: str
    choices: tuple[Choice, ...] = ()
    local: str = YES
    flag: bool = False
    repeats: bool = False
    family: str = ""
    frameworks: tuple[str, ...] = ()
    words: bool = False
    beside: tuple[str, ...] = ()
