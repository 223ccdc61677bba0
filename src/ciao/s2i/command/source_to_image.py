"""OpenShift's source-to-image: a base that assembles its own source. The script that Ciao brings makes one of any base.

With Docker, s2i runs a container of the base, sends the source into it and commits it. Where no Docker is, it writes a
Dockerfile that does the same, and Buildah or Podman builds that.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ciao.s2i.command.dockerfile import PLACE
from ciao.s2i.command.tools import Order, Step, Tool

__all__ = ["BUILDERS", "assembling", "prepare"]

BUILDERS = ("docker", "buildah", "podman")
"""The first that is there."""

ASSEMBLE = f"""#!/bin/sh
set -e
mkdir -p /{PLACE}
cp -R /tmp/src/{PLACE}/. /{PLACE}/
rm -rf /tmp/src/{PLACE.partition("/")[0]}
"""
RUN = f"""#!/bin/sh
exec python3 /{PLACE}/ciao_runner/__main__.py init /{PLACE}/*.py
"""


def prepare(context: Path) -> None:
    """The scripts are in the source, where they come before those of the image."""
    folder = context / ".s2i" / "bin"
    folder.mkdir(parents=True)
    for name, text in (("assemble", ASSEMBLE), ("run", RUN)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


def assembling(order: Order, builder: Tool) -> tuple[Step, ...]:
    """The base with the code in it, as an image of this machine. Root assembles it, whoever it runs as later."""
    s2i = (order.programs["s2i"], "build", str(order.context), order.base, order.name, "--copy", "--assemble-user", "0")
    if builder.name == "docker":
        return (Step(what="s2i: assembling", argv=(*s2i, "--pull-policy", "if-not-present")),)
    written = order.scratch / "s2i" / "Dockerfile"
    writing = Step(what="s2i: writing a Dockerfile", argv=(*s2i, "--as-dockerfile", str(written)))
    return writing, *builder.steps(replace(order, context=written.parent, dockerfile=written, pushed=False))
