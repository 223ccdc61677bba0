"""Options of what goes along with the code, and of how it travels."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

from ciao.interpreter import values
from ciao.interpreter.option import Choice, Option
from ciao.interpreter.values import BadValue
from ciao.settings.strategies import STRATEGIES

__all__ = ["DOCKERFILE", "INCLUDE", "PACKAGE", "PACKING", "S2I"]


def words(what: str, *, example: str) -> Callable[[str], tuple[str, ...]]:
    """A parser of words that are quoted as in a shell; at least one, and none of them empty."""

    def parse(value: str) -> tuple[str, ...]:
        try:
            found = tuple(shlex.split(value))
        except ValueError:
            raise BadValue(f"{what}: a quote is not closed", hint=f"Write words as in a shell: {example}") from None
        if not found or not all(one.strip() for one in found):
            raise BadValue(what, hint=f"Write it as {example}")
        return found

    return parse


def _requirements(value: str) -> str:
    """As written: what the words mean is found out where packages are installed."""
    found = words("a list of packages", example="%package=einops 'pandas>=2'")(value)
    if found[0] in ("install", "pip"):
        rest = value.partition("install")[2].strip() or "einops"
        raise BadValue("a list of packages", hint=f"Write the packages alone: %package={rest[:40]}")
    return value.strip()


S2I = Option(
    name="s2i",
    scope="job",
    parse=values.one_of("a way for the code to travel", STRATEGIES),
    metavar="STRATEGY",
    meaning="how the code reaches the replicas",
    help="s2i is source to image. Those with an image need a registry (the setting s2i.registry). Those that build "
    "take longer, and take a Dockerfile, too: %s2i=buildah dockerfile=Dockerfile. %ciao plan shows what would be made, "
    "and %ciao doctor what works from here.",
    example="%s2i=append",
    default="what the setting s2i.provider says, else auto",
    choices=tuple(Choice(name, meaning) for name, meaning in STRATEGIES.items()),
    local="it has no meaning, because the code goes into a folder; a notice says so",
    beside=("dockerfile",),
)
DOCKERFILE = Option(
    name="dockerfile",
    scope="job",
    parse=values.path("the path of a Dockerfile", hint="Write it as %s2i=buildah dockerfile=Dockerfile"),
    metavar="PATH",
    meaning="a Dockerfile of your own that makes the base image",
    help="For strategies that build one. It may stand on the line of %s2i, behind a space. A relative path is below "
    "the notebook's folder; what the file copies is beside it. With ARG BASE before FROM ${BASE} it builds on the "
    "image that the cell has without it.",
    example="%s2i=buildah dockerfile=Dockerfile",
    default="none",
    local="refused, because it would make another run",
)
PACKAGE = Option(
    name="package",
    scope="job",
    parse=_requirements,
    metavar="REQUIREMENTS",
    meaning="Python packages that the replicas have besides",
    help="As pip takes them, to the end of the line: names with or without versions, -r requirements.txt, wheels, "
    "--extra-index-url. One with spaces in it is quoted, as in a shell. What the image has already is kept if it "
    "fits. In a %kubeflow line all of it is quoted: package='einops timm'. May be given several times.",
    example="%package=einops 'pandas>=2'",
    default="none: what the image has, or on this machine the Python",
    repeats=True,
    words=True,
)
INCLUDE = Option(
    name="include",
    scope="job",
    parse=words("files, folders or modules", example="%include=data.csv src/ helper"),
    metavar="PATHS",
    meaning="files, folders and modules of this machine that go along",
    help="Words to the end of the line, quoted as in a shell. A file or folder, or all that fit a pattern such as "
    "data/*.csv, are in the working directory as they are below the notebook's folder; a module of yours that Python "
    "finds here can be imported. Credentials, caches and what .gitignore or .ciaoignore name are left out. In a "
    "%kubeflow line all of it is quoted: include='data.csv src/'. May be given several times.",
    example="%include=data.csv src/ helper",
    default="none: the code alone",
    repeats=True,
    words=True,
)

PACKING: tuple[Option[Any], ...] = (PACKAGE, INCLUDE, S2I, DOCKERFILE)
