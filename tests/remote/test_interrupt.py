"""The stop button of a page: a request to the user's Jupyter server, and by it to the gateway, at stages of a job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakes.channels import RemoteKernel
from fakes.chatty import TIMES
from fakes.processes import LINUX
from fakes.stages import STAGES, Left, stalling

if TYPE_CHECKING:
    from fakes.channels import Door
    from fakes.gateway import Gateway

pytestmark = [LINUX, pytest.mark.timeout(240)]

SOME = STAGES if TIMES > 1 else STAGES[3:4]
"""In `make test` one of them: a kernel here is tried at all, and the request is the same. In `make soak`
(CIAO_SOAK_TIMES) at each of them."""


@pytest.fixture(scope="module")
def left(gateway: Gateway, server: Callable[..., Door], home: Path) -> Iterator[Left]:
    kernel = RemoteKernel(server(gateway))
    yield Left.warm(kernel, home)
    kernel.close()


@pytest.fixture(scope="module")
def index() -> Iterator[str]:
    with stalling() as address:
        yield address


@pytest.mark.parametrize("number", range(TIMES))
@pytest.mark.parametrize(("cell", "stage"), SOME)
def test_the_prompt_is_back_and_nothing_is_left(left: Left, index: str, cell: str, stage: str, number: int) -> None:
    left.after_a_stop(cell.replace("INDEX", index), stage)
