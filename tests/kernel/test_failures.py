"""Every kind of failure, through a real kernel: the right error, the cell's lines, the replica that failed first."""

from __future__ import annotations

import os
import sys

import pytest

from fakes.failures import KINDS, Kind, check
from fakes.kernel import Kernel

TIMES = int(os.environ.get("CIAO_SOAK_TIMES", "1"))
"""Once in `make test`, twenty times in `make soak`."""


@pytest.mark.parametrize("number", range(TIMES))
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_first_failure_is_told_with_its_line_and_place(kernel: Kernel, kind: Kind, number: int) -> None:
    if kind.name == "memory" and sys.platform != "linux":
        pytest.skip("limits of memory are held on Linux")
    check(kind, kernel.run(kind.cell()), backend="local")
