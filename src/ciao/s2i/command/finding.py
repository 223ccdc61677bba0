"""The programs of a tool on this machine, and what to install where there are none."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from ciao.errors import BundleError
from ciao.s2i.command.source_to_image import BUILDERS
from ciao.s2i.command.table import TOOLS
from ciao.s2i.command.tools import Tool

__all__ = ["Found", "find", "otherwise"]

S2I = "Install source-to-image (its program is s2i)"


@dataclass(frozen=True, kw_only=True)
class Found:
    """The tool that builds, and the paths of all programs by their first names. ``s2i`` goes before the tool."""

    name: str
    tool: Tool
    programs: Mapping[str, str]

    @property
    def assembles(self) -> bool:
        """Whether s2i puts the code into the image."""
        return self.name == "s2i"


def find(name: str, environ: Mapping[str, str], *, dockerfile: bool = False) -> Found:
    """Raises BundleError for a program that is not there, or that cannot work here.

    ``dockerfile``: it is for one of the user's, so that the way out is not to build nothing.
    """
    if name == "s2i":
        return _source_to_image(environ, dockerfile=dockerfile)
    tool, others = TOOLS[name], otherwise(dockerfile=dockerfile)
    programs = {names[0]: _program(names, f"{tool.advice}{others}", name, environ) for names in tool.programs}
    if reason := tool.check(environ):
        raise BundleError(f"{name} cannot work here: {reason}", hint=f"{tool.advice}{others}.")
    return Found(name=name, tool=tool, programs=programs)


def otherwise(*, dockerfile: bool) -> str:
    """The way round a tool, as the end of a sentence; none where a Dockerfile of the user's is to be built."""
    return "" if dockerfile else ", or use %s2i=append, which needs no program here"


def _source_to_image(environ: Mapping[str, str], *, dockerfile: bool) -> Found:
    """The builder is the first that is there; its row says how to get the first."""
    programs = {"s2i": _program(("s2i",), f"{S2I}{otherwise(dockerfile=dockerfile)}", "s2i", environ)}
    builder = next((one for one in BUILDERS if shutil.which(one, path=environ.get("PATH"))), BUILDERS[0])
    found = find(builder, environ, dockerfile=dockerfile)
    return Found(name="s2i", tool=found.tool, programs={**found.programs, **programs})


def _program(names: tuple[str, ...], advice: str, tool: str, environ: Mapping[str, str]) -> str:
    for name in names:
        if path := shutil.which(name, path=environ.get("PATH")):
            return path
    wanted = names[0] if names[0] == tool else f"{names[0]}, which is what {tool} needs"
    raise BundleError(f"{tool} is not on this machine: there is no program {wanted}", hint=f"{advice}.")
