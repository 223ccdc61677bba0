"""A cluster cell in a real kernel, from its first line to its status; and what a kernel has not loaded before it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fakes.kernel import Kernel
    from fakes.rooms import Room

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

CELL = "%framework=pytorch\n%worker=2\nimport os\nprint('rank', os.environ['RANK'], 'of', os.environ['WORLD_SIZE'])\n"
OF_A_CLUSTER = (
    "import sys\n[m for m in sys.modules if m.partition('.')[0] in ('aiohttp', 'kubernetes_asyncio', 'yaml') "
    "or m.startswith(('ciao.k8s', 'ciao.backends'))]"
)


def test_nothing_of_kubernetes_is_loaded_before_the_first_cluster_cell(room: Room) -> None:
    kernel = room.launch()
    assert kernel.run(OF_A_CLUSTER).results == ["[]"]
    kernel.run(CELL)
    assert "'ciao.backends.kubeflow.backend'" in kernel.run(OF_A_CLUSTER).results[0]


def test_the_first_line_names_context_and_namespace(room: Room, room_kernel: Kernel) -> None:
    ran = room_kernel.run(CELL)
    context = room.kubectl("config", "current-context").strip()
    first = re.sub(r"\x1b\[[0-9;]*m", "", ran.stdout).splitlines()[0]
    assert re.fullmatch(rf"job pytorch-\w{{5}} on {context}/{room.kubectl.namespace}\b.*", first)
    assert ran.stdout.count("rank 0 of 2") == ran.stdout.count("rank 1 of 2") == 1
    assert ran.status.startswith("succeeded in ")


def test_in_the_background_the_prompt_is_back_and_the_status_goes_on(room: Room, room_kernel: Kernel) -> None:
    code = "%background=true\n%name=behind\n%framework=jax\nimport time\nprint('first', flush=True)\ntime.sleep(2)\n"
    request, ran = room_kernel.start(code, until="goes on in the background")
    room_kernel.wait(request, ran)
    assert "succeeded" not in ran.status
    room_kernel.watch(request, ran, lambda ran: ran.status.startswith("succeeded"))
    assert room_kernel.run("%ciao logs behind").stdout.count("first") == 1
