"""Dockerfiles: the one that puts the code on top of an image, and what a user's own asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ciao.errors import BundleError
from ciao.model import CODE
from ciao.s2i.dockerfile import SITE, install
from ciao.s2i.registry.names import HUB

__all__ = ["PLACE", "check_base", "sources", "wants_base", "written"]

USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
OF_LINES = re.MULTILINE | re.IGNORECASE

PLACE = CODE.strip("/")
"""Where the code lies in the context, and in the image."""


def written(
    base: str, command: Sequence[str], *, about: Mapping[str, str], packages: bool = False, user: str | None = None
) -> str:
    """The code, and the packages that a stage of its own installs, on top of an image.

    Its user and all else of it stay as they are. With a ``user``, even an empty one, the code is in it already, and it
    is root's.
    """
    first = "".join(f"{line}\n" for line in (f"FROM {base} AS packages", *install())) if packages else ""
    taken = f"COPY --from=packages {SITE} {CODE}/site/\n" if packages else ""
    code = f"COPY {PLACE} {CODE}/" if user is None else f"USER {_name(user)}"
    return f"{first}FROM {base}\n{taken}{code}\n{_end(command, about)}"


def _name(user: str) -> str:
    """As an image says it, which may say anything. Raises BundleError for what would be more than one word."""
    if user and not USER.fullmatch(user):
        raise BundleError(f"the base image names its user {user[:80]!r}, which is none", hint="Use %s2i=append")
    return user or "0"


def sources(dockerfile: str) -> frozenset[str]:
    """The hosts of the images that a Dockerfile names; what is in a variable, or is another stage, has none."""
    named = re.findall(r"^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*([^\s$]+)[ \t]*(?:\bAS\b.*|#.*)?$", dockerfile, OF_LINES)
    stages = {stage.lower() for stage in re.findall(r"^[ \t]*FROM[ \t].*[ \t]AS[ \t]+(\S+)", dockerfile, OF_LINES)}
    images = (name for name in named if name.lower() not in {"scratch", *stages})
    return frozenset(host for host in map(_host, images) if host != "localhost")


def _host(image: str) -> str:
    first, slash, _ = image.partition("/")
    return first if slash and (re.search(r"[.:]", first) or first == "localhost") else HUB


def _end(command: Sequence[str], about: Mapping[str, str]) -> str:
    labels = " ".join(f"{_quoted(key)}={_quoted(value)}" for key, value in about.items())
    return f"LABEL {labels}\nENTRYPOINT {json.dumps(list(command))}\n"


def wants_base(dockerfile: str) -> bool:
    """Whether it declares ``ARG BASE``, and so is to be built on each base image."""
    return (
        re.search(r"^[ \t]*ARG[ \t]+(?:[^#\n]*[ \t])?BASE(?:[ \t=]|$)", dockerfile, re.MULTILINE | re.IGNORECASE)
        is not None
    )


def check_base(dockerfile: str, path: Path) -> None:
    """Raises BundleError for a FROM of the base that no ARG before the first FROM declares, which tools tell badly.

    Inside a stage ARG declares nothing for a FROM.
    """
    joined = re.sub(r"\\[ \t]*\n", " ", dockerfile)
    first = re.search(r"^[ \t]*FROM\b", joined, OF_LINES)
    asked = re.search(r"^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*[\"']?\$(?:BASE\b|\{BASE\})", joined, OF_LINES)
    if first and asked and not wants_base(joined[: first.start()]):
        raise BundleError(
            f"{path} has {asked[0].strip()}, and no ARG BASE above its first FROM",
            hint="Write ARG BASE as its first line: that is the image which the cell has without a Dockerfile",
        )


def _quoted(text: str) -> str:
    """One word, in which nothing is replaced."""
    kept = re.sub(r'(["\\$])', r"\\\1", text.replace("\n", " "))
    return f'"{kept}"'
