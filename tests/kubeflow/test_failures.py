"""Kinds of failure on a real cluster: the same errors as on this machine, from pods and what is left of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fakes.failures import KINDS, Kind, check

if TYPE_CHECKING:
    from fakes.kernel import Kernel

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

TIMES = min(5, int(os.environ.get("CIAO_SOAK_TIMES", "1")))
"""Once in `make test`, and not all of them: some are in test_kernel_errors.py. Five times in `make soak`."""

ONCE = ("group", "child", "segfault", "rank")

JOBS = ("PyTorchJob", "TrainJob")

CHOSEN = [kind for kind in KINDS if TIMES > 1 or kind.name in ONCE]


@pytest.mark.parametrize("number", range(TIMES))
@pytest.mark.parametrize("kind", CHOSEN, ids=lambda kind: kind.name)
def test_the_first_failure_is_told_with_its_line_and_place(room_kernel: Kernel, kind: Kind, number: int) -> None:
    options = f"%kind={JOBS[(KINDS.index(kind) + number) % 2]}\n"
    check(kind, room_kernel.run(kind.cell(options)), backend="kubeflow", options=options)
