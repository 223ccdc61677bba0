"""From a cell to its spec, or to the first error in it."""

from __future__ import annotations

from types import MappingProxyType

from ciao.frameworks import FRAMEWORKS
from ciao.interpreter import checks
from ciao.interpreter import cluster_options as cluster
from ciao.interpreter import job_options as options
from ciao.interpreter import packing_options as packing
from ciao.interpreter.agreement import check_agreement
from ciao.interpreter.grammar import settings_of
from ciao.interpreter.magics import Block, split
from ciao.interpreter.nearest import listed
from ciao.interpreter.roles import roles_of
from ciao.interpreter.source import Span, clipped, line_at
from ciao.interpreter.stated import Stated, once
from ciao.model import Cell, CleanPolicy, JobSpec
from ciao.settings import Settings

__all__ = ["read"]


def read(cell: Cell, *, settings: Settings) -> JobSpec:
    """The spec of a job cell. Raises CellError, and nothing else, whatever the text."""
    checks.check_characters(cell.text)
    block = split(cell.text)
    stated = once(settings_of(block.magics))
    framework = FRAMEWORKS[_framework(stated, block, cell.text)]
    python = stated.value(options.PYTHON)
    spec = JobSpec(
        cell=cell,
        code=block.code,
        framework=framework.name,
        roles=roles_of(stated, framework, settings),
        backend=stated.value(options.BACKEND),
        name=stated.value(options.NAME),
        clean_policy=stated.value(options.CLEAN_POLICY) or CleanPolicy.RUNNING,
        timeout=stated.value(options.TIMEOUT),
        retries=stated.value(options.RETRIES) or 0,
        env=stated.named(options.ENV),
        python=python,
        background=bool(stated.value(options.BACKGROUND)),
        namespace=stated.value(cluster.NAMESPACE),
        kind=stated.value(cluster.KIND),
        runtime=stated.value(cluster.RUNTIME),
        image=stated.value(cluster.IMAGE),
        ttl=stated.value(cluster.TTL),
        queue=stated.value(cluster.QUEUE),
        priority=stated.value(cluster.PRIORITY),
        nproc=stated.value(cluster.NPROC),
        elastic=stated.value(cluster.ELASTIC),
        secrets=stated.named(cluster.SECRET),
        volumes=tuple(volume for _, volume in stated.every(cluster.VOLUME)),
        patch=stated.value(cluster.PATCH) or MappingProxyType({}),
        s2i=stated.value(packing.S2I),
        dockerfile=stated.value(packing.DOCKERFILE),
        packages=tuple(line for _, line in stated.every(packing.PACKAGE)),
        include=tuple(word for _, words in stated.every(packing.INCLUDE) for word in words),
    )
    check_agreement(stated, spec, framework, provider=settings.s2i_provider)
    checks.check_code(block, filename=cell.filename, foreign=bool(python or settings.python))
    return spec


def _framework(stated: Stated, block: Block, text: str) -> str:
    found = stated.value(options.FRAMEWORK)
    if found is not None:
        return found
    if not block.magics:
        line = block.begins or 1
        source = line_at(text, line)
        begin, width = len(source) - len(source.lstrip()) + 1, len(source.strip())
        raise clipped(line=line, column=begin, width=width, text=text).option_error(
            "this cell has no magic lines of a job", "Begin it with a line such as %framework=pytorch"
        )
    first = block.magics[0]
    column = len(first.text) - len(first.text.lstrip()) + 1
    span = Span(line=first.number, column=column, width=len(first.text.strip()), source=first.text)
    raise span.option_error("this job cell names no framework", f"Add %framework=: {listed(FRAMEWORKS, last='or')}")
