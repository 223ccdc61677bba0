"""What the supervisor starts is a pure function of the spec."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciao.backends.local.launch import Launch, base_environment, launch, overridden
from ciao.model import Cell, Elastic, JobSpec, Resources, Role, RoleSpec


def planned(**changes: object) -> Launch:
    fields: dict[str, object] = {
        "cell": Cell(text="", number=7, notebook="/home/me/nb/train.ipynb"),
        "code": "",
        "framework": "pytorch",
        "roles": (RoleSpec(role=Role.WORKER, count=2), RoleSpec(role=Role.MASTER, count=1)),
    }
    spec = JobSpec(**(fields | changes))  # type: ignore[arg-type]  # a test may set any field
    return launch(
        spec, job="j", code=Path("/j/code"), work=Path("/j/work"), ports=range(3000, 3009)[: len(spec.replicas)],
        python="/py", grace=5.0,
    )  # fmt: skip


def test_replicas_are_ranked_as_the_framework_ranks_its_roles() -> None:
    ranks = {p.name: p.env["RANK"] for p in planned().processes}
    assert ranks == {"master-0": "0", "worker-0": "1", "worker-1": "2"}


def test_a_replica_runs_the_copied_runner_on_the_cells_file() -> None:
    assert planned().processes[0].argv == ("/py", "/j/code/ciao_runner/__main__.py", "cell", "/j/code/cell_7.py")


def test_several_processes_of_a_replica_are_started_by_the_runners_init_and_share_its_cpus() -> None:
    first = planned(nproc=4, roles=(RoleSpec(role=Role.WORKER, count=1, resources=Resources(cpu="8")),)).processes[0]
    assert first.argv[2] == "init"
    assert first.env["CIAO_RANKS"] == "RANK/WORLD_SIZE ROLE_RANK/ROLE_WORLD_SIZE"
    assert (first.env["CIAO_NPROC"], first.env["CIAO_GRACE"], first.env["OMP_NUM_THREADS"]) == ("4", "5.0", "2")


def test_workers_of_an_elastic_job_run_torchrun_and_meet_at_the_first() -> None:
    roles = (RoleSpec(role=Role.WORKER, count=3),)
    launched = planned(roles=roles, elastic=Elastic(least=2, most=4), nproc=2, env={"PET_TEE": "3", "PET_RDZV_ID": "x"})
    first, second, _ = launched.processes
    *words, code, option = first.argv
    assert " ".join(words) == "/py /j/code/ciao_runner/__main__.py init /j/code/cell_7.py /py -c"
    assert ("torch.distributed.run" in code, option, launched.least) == (True, "--no_python", 2)
    meet = {
        "PET_NNODES": "2:3",
        "PET_NPROC_PER_NODE": "2",
        "PET_RDZV_ENDPOINT": "127.0.0.1:3000",
        "PET_MAX_RESTARTS": "1",
    }
    assert meet.items() <= second.env.items()
    assert [p.env["PET_RDZV_CONF"][:9] for p in launched.processes] == ["is_host=1", "is_host=0", "is_host=0"]
    assert (second.env["PET_TEE"], second.env["PET_RDZV_ID"], second.env["CIAO_GRACE"]) == ("3", "j", "5.0")
    assert not {"RANK", "WORLD_SIZE", "CIAO_NPROC"} & second.env.keys()


def test_mpirun_starts_ranks_with_their_workers_variables_and_the_workers_wait() -> None:
    roles = (RoleSpec(role=Role.LAUNCHER, count=1), RoleSpec(role=Role.WORKER, count=2))
    launched = planned(framework="mpi", roles=roles, nproc=3, env={"MINE": "x"})
    launcher, *workers = launched.processes
    words = " ".join(w for w in launcher.argv if "=" not in w or w.startswith("CIAO_REPLICA"))
    cell = "/py /j/code/ciao_runner/__main__.py cell /j/code/cell_7.py"
    assert words == (
        "/py /j/code/ciao_runner/__main__.py init /j/code/cell_7.py mpirun "
        f"-n 3 env CIAO_REPLICA=worker-0 {cell} : -n 3 env CIAO_REPLICA=worker-1"
    )
    assert {w.argv for w in workers} == {("sleep", "31536000")}
    assert (launched.decisive, launched.endless) == (("launcher-0",), ("worker-0", "worker-1"))


def test_without_a_gpu_paddle_is_told_to_use_gloo_unless_the_cell_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ciao.backends.local.launch.gpus", lambda: ())
    roles = (RoleSpec(role=Role.WORKER, count=2),)
    assert planned(framework="paddle", roles=roles).processes[0].env["PADDLE_DISTRI_BACKEND"] == "gloo"
    mine = {"PADDLE_DISTRI_BACKEND": "auto"}
    assert planned(framework="paddle", roles=roles, env=mine).processes[0].env["PADDLE_DISTRI_BACKEND"] == "auto"
    monkeypatch.setattr("ciao.backends.local.launch.gpus", lambda: ("0",))
    assert "PADDLE_DISTRI_BACKEND" not in planned(framework="paddle", roles=roles).processes[0].env


def test_the_users_variables_never_hide_the_job_from_itself() -> None:
    env = planned(env={"MASTER_PORT": "1", "OMP_NUM_THREADS": "7", "MINE": "x"}).processes[0].env
    assert (env["MASTER_PORT"], env["OMP_NUM_THREADS"], env["MINE"]) == ("3000", "7", "x")


def test_cpus_become_the_threads_of_numeric_libraries() -> None:
    roles = (RoleSpec(role=Role.WORKER, count=1, resources=Resources(cpu="2500m")),)
    assert planned(roles=roles).processes[0].env["OMP_NUM_THREADS"] == "3"


def test_the_notebooks_folder_is_told() -> None:
    assert planned().processes[0].env["CIAO_NOTEBOOK_DIR"] == "/home/me/nb"


def test_what_only_a_kernel_needs_is_not_inherited() -> None:
    kernel = {"PATH": "/bin", "JPY_PARENT_PID": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    assert base_environment(kernel) == {"PATH": "/bin", "MPLBACKEND": "Agg"}


def test_variables_that_the_job_sets_itself_are_known() -> None:
    cell = Cell(text="", number=7)
    roles = (RoleSpec(role=Role.WORKER, count=2),)
    spec = JobSpec(cell=cell, code="", framework="pytorch", roles=roles, env={"RANK": "5", "MINE": "x"})
    assert overridden(spec) == ["RANK"]
