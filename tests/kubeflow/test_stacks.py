"""A collective on a cluster stands still: cell and shell say who and where; who may not ask is told how to."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from ciao.backends.kubeflow.backend import Kubeflow
from ciao.backends.kubeflow.rights import role
from ciao.errors import BackendError
from ciao.logs.standing import picture, sentence
from ciao.model import Elastic, Event, Lines, Role, RoleSpec
from ciao.settings import Settings
from cluster import readiness
from fakes.told import Create, Spec

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl
    from clusters import Images
    from fakes.kernel import Ran
    from fakes.rooms import Room

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

COLLECTIVE = """
import time, torch, torch.distributed as dist
dist.init_process_group("gloo")
rank, x = dist.get_rank(), torch.ones(1)
for step in range(100):
    if rank == 2 and step == 3:
        time.sleep(10_000)
    print("step", step)
    dist.all_reduce(x)
"""

WAITS = "import threading\nprint('up')\nthreading.Event().wait()\n"


RANKS = """import os, threading, time
print('up')
if os.environ.get('RANK', os.environ.get('OMPI_COMM_WORLD_RANK')) == '1':
    threading.Event().wait()
time.sleep(10_000)
"""

SHAPES = [
    pytest.param({"kind": "TrainJob", "workers": 2}, 2, id="TrainJob"),
    pytest.param({"workers": 1, "nproc": 2, "elastic": Elastic(least=1, most=1)}, 2, id="torchrun"),
    pytest.param(
        {"framework": "mpi", "roles": (RoleSpec(role=Role.LAUNCHER, count=1), RoleSpec(role=Role.WORKER, count=2))},
        2,
        id="MPIJob",
    ),
]


@pytest.fixture(scope="module")
def room_images() -> Mapping[str, str]:
    return {"pytorch": "pytorch"}


def plain(ran: Ran) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", ran.stdout)


def test_a_cell_says_which_rank_the_others_wait_for_and_a_shell_shows_where(room: Room) -> None:
    kernel = room.launch(CIAO_STANDSTILL="6")
    cell = f"%framework=pytorch\n%kind=PyTorchJob\n%worker=4\n{COLLECTIVE}"
    request, ran = kernel.start(cell, until="step 3")  # before that a busy machine's imports may be told of
    kernel.watch(request, ran, lambda ran: "stands at" in plain(ran).partition("step 3")[2])
    said = plain(ran).partition("step 3")[2]
    assert re.search(r"no line from any replica for \d+ s: worker-2 stands at Cell In\[\d+\], line 10 ", said), said
    assert "the other 3 wait at line 12 (all_reduce). `%ciao stacks pytorch-" in said
    shown = room.ciao("stacks").out
    assert "worker-2 stands elsewhere than the other 3, who wait\n" in shown, shown
    assert "line 10\n        time.sleep(10_000)\n" in shown
    assert "worker-0, worker-1, worker-3: waiting in all_reduce\n" in shown
    one = room.ciao("stacks", "worker-2").out
    assert one.count("worker-2\n") == 1
    assert "worker-0" not in one
    kernel.manager.interrupt_kernel()
    kernel.wait(request, ran)


@pytest.fixture
def settings(settings: Settings, image: Images) -> Settings:
    return replace(settings, images={**settings.images, "mpi": image("openmpi")})


@pytest.fixture
def alice(settings: Settings, kubectl: Kubectl, tmp_path: Path) -> Settings:
    """The settings of an account with all rights of our list but that to run commands in pods."""
    whole = role(namespace=kubectl.namespace)
    kubectl("create", "serviceaccount", "alice")
    kubectl.create({**whole, "rules": [rule for rule in whole["rules"] if "pods/exec" not in rule["resources"]]})
    kubectl("create", "rolebinding", "alice", "--role=ciao", f"--serviceaccount={kubectl.namespace}:alice")
    config = yaml.safe_load(kubectl.kubeconfig.read_text())
    config["users"] = [{**config["users"][0], "user": {"token": kubectl("create", "token", "alice").strip()}}]
    file = tmp_path / "alice"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(config))
    return replace(settings, kubeconfig=file)


async def test_who_may_not_run_commands_in_pods_gets_the_line_that_grants_it_and_it_works(
    job: Create, spec: Spec, backend: Kubeflow, alice: Settings, kubectl: Kubectl
) -> None:
    name = await job(spec(WAITS, workers=2, kind="PyTorchJob"))
    await _up(name, backend)
    theirs = Kubeflow(alice)
    with pytest.raises(BackendError) as refused:
        await theirs.stacks(name)
    user = f"system:serviceaccount:{kubectl.namespace}:alice"
    words = f"{user} may not create and get pods/exec in the namespace {kubectl.namespace}, which asking a pod needs"
    assert refused.value.message == words
    for line in refused.value.hint.partition("with: ")[2].split(" && "):
        kubectl(*shlex.split(line)[1:])
    asked = ("auth", "can-i", "get", "pods/exec", f"--as={user}")
    readiness.until(lambda: not kubectl.run(*asked).returncode, what="The role holds")
    told = sentence(picture(await theirs.stacks(name)), "Cell In[7]")
    assert told == "both stand at Cell In[7], line 3 (wait)"
    await theirs.close()
    await backend.cancel(name)


@pytest.mark.parametrize(("shape", "processes"), SHAPES)
async def test_each_process_is_asked_whoever_started_it(
    job: Create, spec: Spec, backend: Kubeflow, shape: dict[str, object], processes: int
) -> None:
    name = await job(spec(RANKS, **shape))
    await _up(name, backend)
    told = await backend.stacks(name)
    assert sorted(one.threads[0].frames[0].line for one in told) == [4, 5]
    assert len({one.name for one in told}) == processes
    assert all(one.replica.startswith("worker-") for one in told)
    await backend.cancel(name)


async def _up(name: str, backend: Kubeflow) -> None:
    """Two processes are."""
    said = 0
    async with aclosing(backend.watch(name)) as events:
        async for event in events:
            said += _up_in(event)
            if said == 2:
                return


def _up_in(event: Event) -> int:
    return sum(line.text == "up" for line in event.lines) if isinstance(event, Lines) else 0
