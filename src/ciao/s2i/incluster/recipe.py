"""The Dockerfile of a build in the cluster: code and packages come out of an image of ours, not out of a context.

So they are of any size, and no builder meets the links of which a ConfigMap's files are made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from ciao.model import CODE
from ciao.s2i.dockerfile import SITE, install

__all__ = ["FROM", "extended", "froms", "written"]

FROM = re.compile(r"^[ \t]*FROM(?:[ \t]+--\S+)*[ \t]+(\S+)", re.MULTILINE | re.IGNORECASE)


def written(base: str, code: str, command: Sequence[str], *, about: Mapping[str, str], packages: bool) -> str:
    """``code`` is the image that has it. User, working directory and all else of the base stay."""
    stage = (f"FROM {base} AS packages", *install(f"--from={code}")) if packages else ()
    taken = (f"COPY --from=packages {SITE} {CODE}/site",) if packages else ()
    return "\n".join((*stage, f"FROM {base}", *taken, *_tail(code, command, about), ""))


def extended(dockerfile: str, code: str, command: Sequence[str], *, about: Mapping[str, str]) -> str:
    """A user's own with the code on top of its last stage, whoever is the user there."""
    return "\n".join((dockerfile.rstrip("\n"), *_tail(code, command, about), ""))


def froms(dockerfile: str) -> Sequence[str]:
    """Images that it names in full, for their registries; not those of a variable or of another stage."""
    return [name for name in FROM.findall(dockerfile) if "$" not in name and "/" in name]


def _tail(code: str, command: Sequence[str], about: Mapping[str, str]) -> Sequence[str]:
    labels = (f"LABEL {_quoted(key)}={_quoted(value)}" for key, value in about.items())
    return (f"COPY --from={code} {CODE} {CODE}/", *labels, f"ENTRYPOINT {json.dumps(list(command))}")


def _quoted(text: str) -> str:
    """One word, in which nothing is replaced."""
    kept = re.sub(r'(["\\$])', r"\\\1", text.replace("\n", " "))
    return f'"{kept}"'
