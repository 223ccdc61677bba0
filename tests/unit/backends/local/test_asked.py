"""What each replica may use, as a function of the spec."""

from __future__ import annotations

import pytest

from ciao.backends.local.asked import cores_of, gpus_of, memory_of
from ciao.model import Cell, JobSpec, Resources, Role, RoleSpec


def spec(framework: str, **of: tuple[int, Resources]) -> JobSpec:
    roles = tuple(RoleSpec(role=Role(name), count=count, resources=asked) for name, (count, asked) in of.items())
    return JobSpec(cell=Cell(text=""), code="", framework=framework, roles=roles)


def test_a_replica_has_what_its_role_asks_for_and_no_other_is_named() -> None:
    asked = spec("pytorch", master=(1, Resources()), worker=(2, Resources(cpu="1500m", memory="1Gi", gpu="1")))
    assert cores_of(asked) == {"worker-0": 2, "worker-1": 2}
    assert gpus_of(asked) == {"worker-0": 1, "worker-1": 1}
    assert memory_of(asked) == {"worker-0": "1Gi", "worker-1": "1Gi"}


@pytest.mark.parametrize(
    ("launcher", "worker", "memory"),
    [
        ("512Mi", "1Gi", {"launcher-0": "2560Mi"}),
        (None, "1Gi", {"launcher-0": "2048Mi"}),
        ("512Mi", None, {}),
        (None, None, {}),
    ],
)
def test_ranks_below_a_launcher_have_together_what_all_ask_for(
    launcher: str | None, worker: str | None, memory: dict[str, str]
) -> None:
    asked = spec("mpi", launcher=(1, Resources(memory=launcher)), worker=(2, Resources(cpu="1", memory=worker)))
    assert (memory_of(asked), cores_of(asked)) == (memory, {})
