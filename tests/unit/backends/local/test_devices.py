"""Which GPUs there are for replicas."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ciao.backends.local.devices import cores, gpus
from fakes.processes import LINUX


@pytest.mark.parametrize(("visible", "found"), [("2, 3", ("2", "3")), ("", ()), ("-1", ()), ("GPU-a", ("GPU-a",))])
def test_a_process_that_sees_some_gpus_can_give_no_others_away(
    tmp_path: Path, visible: str, found: tuple[str, ...]
) -> None:
    assert gpus({"CUDA_VISIBLE_DEVICES": visible}, root=tmp_path) == found


def test_else_all_that_the_driver_has_are_there(tmp_path: Path) -> None:
    assert gpus({}, root=tmp_path) == ()
    for bus in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / "proc/driver/nvidia/gpus" / bus).mkdir(parents=True)
    assert gpus({}, root=tmp_path) == ("0", "1")


@LINUX
def test_cores_are_those_that_this_process_may_use() -> None:
    assert set(cores()) == os.sched_getaffinity(0)
