"""The programs of a tool on this machine, and what to install where there are none."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from ciao.errors import BundleError
from ciao.s2i.command.source_to_image import BUILDERS
from ciao.s2i.command.table import TOOLS
from ciao.s2i.command.tools import Tool

__all__ = ["OTHERWISE", "Found", "find"]

OTHERWISE = "use %s2i=append, which needs no program here"
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


def find(name: str, environ: Mapping[str, str]) -> Found:
    """Raises BundleError for a program that is not there, or that cannot work here."""
    if name == "s2i":
        return _source_to_image(environ)
    tool = TOOLS[name]
    programs = {names[0]: _program(names, tool.advice, name, environ) for names in tool.programs}
    if reason := tool.check(environ):
        raise BundleError(f"{name} cannot work here: {reason}", hint=f"{tool.advice}, or {OTHERWISE}.")
    return Found(name=name, tool=tool, programs=programs)


def _source_to_image(environ: Mapping[str, str]) -> Found:
    """The builder is the first that is there; its row says how to get the first."""
    programs = {"s2i": _program(("s2i",), S2I, "s2i", environ)}
    builder = next((one for one in BUILDERS if shutil.which(one, path=environ.get("PATH"))), BUILDERS[0])
    found = find(builder, environ)
    return Found(name="s2i", tool=found.tool, programs={**found.programs, **programs})


def _program(names: tuple[str, ...], advice: str, tool: str, environ: Mapping[str, str]) -> str:
    for name in names:
        if path := shutil.which(name, path=environ.get("PATH")):
            return path
    wanted = names[0] if names[0] == tool else f"{names[0]}, which is what {tool} needs"
    raise BundleError(f"{tool} is not on this machine: there is no program {wanted}", hint=f"{advice}, or {OTHERWISE}.")
