"""The strategy without a registry: code and runner as texts, the limit told before it is hit."""

from __future__ import annotations

from pathlib import Path

import pytest

import ciao.runner
from ciao.errors import BundleError
from ciao.model import Target
from ciao.s2i.configmap import LIMIT, ConfigMap, files_of
from fakes.asked import job, spec


async def test_the_code_is_there_byte_for_byte_with_the_runner_beside_it() -> None:
    of = spec("pytorch", code="print('é')\r\n\n")
    bundle = await ConfigMap().build(of, job(of), Target(), print)
    assert bundle.files[bundle.entry] == "print('é')\r\n\n"
    runner = Path(ciao.runner.__file__).parent
    assert bundle.files["ciao_runner/init.py"] == (runner / "init.py").read_text()


def test_a_cell_that_is_too_large_is_told_with_size_and_room_and_the_way_out() -> None:
    with pytest.raises(BundleError) as caught:
        files_of(spec("pytorch", code="#" * LIMIT))
    assert "the cell's code has 1,048,576 bytes, and a ConfigMap has room for " in str(caught.value)
    assert "%volume=CLAIM:/data" in caught.value.hint


def test_what_is_let_through_fits() -> None:
    bundle = files_of(spec("pytorch", code="é" * 450_000))
    assert sum(len(path.encode()) + len(str(text).encode()) for path, text in bundle.files.items()) < LIMIT
