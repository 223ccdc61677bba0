"""What the local backend says of options that belong to a cluster."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ciao.backends.local.meaning import refuse, told, without_meaning
from ciao.errors import CreateRefused
from ciao.model import Cell, Elastic, JobSpec, Resources, Role, RoleSpec, SecretKey, Volume

UNUSED: dict[str, Any] = {
    **dict.fromkeys(("namespace", "kind", "runtime", "image", "queue", "priority", "s2i"), "a"),
    "ttl": 60.0,
    "patch": {"spec": {"hostNetwork": True}},
}
REFUSED: dict[str, tuple[Any, str]] = {
    "dockerfile": ("Dockerfile", "starts processes and uses no image, and so not that of Dockerfile"),
    "secrets": ({"TOKEN": SecretKey(secret="hub", key="a")}, "secret.TOKEN is a value in the cluster.* %env.TOKEN="),
    "volumes": ((Volume(kind="claim", source="data", path="/data"),), "the volume data at /data is the cluster's"),
    "nproc": (3, "3 processes are more than the 2 that may run on this machine"),
    "roles": ((RoleSpec(role=Role.WORKER, count=3),), "3 replicas are more than the 2 that may run on this machine"),
}


def spec(**changes: Any) -> JobSpec:
    roles = (RoleSpec(role=Role.WORKER, count=1),)
    plain: dict[str, Any] = {"cell": Cell(text=""), "code": "", "framework": "pytorch", "roles": roles}
    return JobSpec(**plain | changes)


@pytest.mark.parametrize("name", UNUSED)
def test_an_option_of_a_cluster_without_effect_is_named(name: str) -> None:
    assert without_meaning(spec(**{name: UNUSED[name]}), memory=True, gpu=False) == [name]


def test_what_a_role_states_is_named_once() -> None:
    asked = Resources(cpu="1", memory="1Gi", gpu="1", other={"ephemeral-storage": "1Gi"})
    roles = tuple(RoleSpec(role=r, count=1, resources=asked, image="a") for r in (Role.MASTER, Role.WORKER))
    assert without_meaning(spec(roles=roles), memory=True, gpu=False) == ["image", "gpu", "ephemeral-storage"]
    assert without_meaning(spec(roles=roles), memory=True, gpu=True) == ["image", "ephemeral-storage"]
    assert without_meaning(spec(roles=roles), memory=False, gpu=False) == [
        "image",
        "memory",
        "gpu",
        "ephemeral-storage",
    ]


GPU = "gpu has no effect here: Ciao has no GPU to share out, and the replicas use what they find"


@pytest.mark.parametrize(
    ("unmet", "words"),
    [
        (["gpu"], GPU),
        (["memory"], "memory is not limited on this system"),
        (["image"], "image has no effect on this machine"),
        (["image", "gpu", "ephemeral-storage"], f"image, ephemeral-storage have no effect on this machine; {GPU}"),
    ],
)
def test_what_happens_instead_is_told(unmet: list[str], words: str) -> None:
    assert told(unmet) == words


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_another_run_is_refused(name: str) -> None:
    value, words = REFUSED[name]
    with pytest.raises(CreateRefused) as caught:
        refuse(spec(**{name: value}), most=2)
    assert re.search(words, str(caught.value))


def test_a_framework_without_ranks_runs_one_process_in_a_replica() -> None:
    with pytest.raises(CreateRefused, match="tensorflow runs one process in each replica"):
        refuse(spec(framework="tensorflow", nproc=2), most=64)


def test_a_plain_job_and_one_process_a_replica_are_taken() -> None:
    refuse(spec(nproc=1), most=1)
    refuse(spec(elastic=Elastic(least=1, most=4)), most=1)
    assert without_meaning(spec(), memory=False, gpu=False) == []
