"""What a process raises that the cell started by PyTorch's own means is the cell's error, with the cell's lines."""

from __future__ import annotations

import os

import pytest

from fakes.told import Run, Spec

SOAK = "CIAO_SOAK_TIMES" in os.environ
"""Torchrun's launcher takes half a minute to give up, so it is left to `make soak`."""

LOADER = """from torch.utils.data import DataLoader
class Data:
    def __len__(self): return 8
    def __getitem__(self, i):
        if i == 5: raise KeyError('shard 5')
        return i
for batch in DataLoader(Data(), num_workers=2, batch_size=2):
    pass
"""

SPAWN = """import torch.multiprocessing as mp
def train(rank):
    if rank == 1:
        raise KeyError('shard 5')
if __name__ == '__main__':
    mp.spawn(train, nprocs=2)
"""

LAUNCH = """import os
from torch.distributed.launcher.api import LaunchConfig, elastic_launch
def train():
    if os.environ['RANK'] == '1':
        raise KeyError('shard 5')
if __name__ == '__main__':
    config = LaunchConfig(min_nodes=1, max_nodes=1, nproc_per_node=2, run_id='x', rdzv_backend='c10d',
                          rdzv_endpoint='localhost:0', max_restarts=0, start_method='spawn')
    elastic_launch(config, train)()
"""


@pytest.mark.parametrize(
    ("code", "lines", "note"),
    [
        pytest.param(LOADER, [7, 5], "raised in DataLoader worker process 0", id="data loader"),
        pytest.param(SPAWN, [6, 4], "raised in process 1 that was spawned", id="spawn"),
        *([pytest.param(LAUNCH, [9, 5], "raised in rank 1 of torchrun", id="launcher")] if SOAK else []),
    ],
)
@pytest.mark.torch
async def test_the_childs_exception_is_told(
    run: Run, spec: Spec, torch_python: str, code: str, lines: list[int], note: str
) -> None:
    ran = await run(spec(code, workers=1, python=torch_python))
    assert (ran.failure.ename, ran.failure.evalue) == ("KeyError", "'shard 5'"), ran.outcome
    assert ran.failure.error is not None
    assert [f.line for f in ran.failure.error.frames if f.in_cell] == lines
    assert ran.failure.error.notes == (note,)
