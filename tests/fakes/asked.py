"""What cells ask for, and where it goes: specs, places and the manifests that follow."""

from __future__ import annotations

from typing import Any

from ciao.backends.kubeflow.kinds import Runtime, Served
from ciao.backends.kubeflow.manifests import Manifests, Place, manifests
from ciao.model import Bundle, Cell, Files, Job, JobSpec, Mounted, Pinned, Resources, Role, RoleSpec

EVERY_KIND = frozenset({"tfjobs", "pytorchjobs", "jaxjobs", "xgboostjobs", "paddlejobs", "mpijobs"})
EVERYTHING = Served(v1=EVERY_KIND, override="runtimePatches")
TRAINER_ONLY = Served(override="runtimePatches", runtimes=(Runtime(name="torch-distributed", image="torch:2"),))


def spec(framework: str = "pytorch", *, resources: Resources | None = None, **asked: Any) -> JobSpec:
    """``spec("pytorch", master=1, worker=2, timeout=60)``."""
    counts = {role: asked.pop(role) for role in (*Role,) if role in asked} or {"worker": 2}
    roles = tuple(
        RoleSpec(role=Role(role), count=count, resources=resources or Resources()) for role, count in counts.items()
    )
    code = asked.pop("code", "print(1)")
    return JobSpec(cell=Cell(text=code, number=7), code=code, framework=framework, roles=roles, **asked)


def place(**known: Any) -> Place:
    images = {"pytorch": "torch:1", "jax": "jax:1", "tensorflow": "tf:1", "xgboost": "xgb:1", "paddle": "paddle:1"}
    given: dict[str, Any] = {
        "namespace": "team",
        "served": EVERYTHING,
        "images": images | {"mpi": "mpi:1"},
        "user": "ann",
    }
    return Place(**given | known)


def job(of: JobSpec) -> Job:
    named = Job.named(of, backend="kubeflow", now=1_000_000.0)
    return Job(**{**vars(named), "name": f"{of.framework}-x2v9q"})


def files(of: JobSpec) -> Files:
    return Files(entry="cell_7.py", files={"cell_7.py": of.code, "ciao_runner/__main__.py": "# the runner"})


PUSHED = "registry.example/team/ciao@sha256:"


def pinned(*bases: str, **more: Any) -> Pinned:
    """An image for each base, whose digest begins as the base is named."""
    images = {base: PUSHED + base.encode().hex().ljust(64, "0") for base in bases}
    return Pinned(entry="cell_7.py", images=images, **more)


def mounted() -> Mounted:
    return Mounted(entry="cell_7.py", image=PUSHED + 64 * "c")


def made(of: JobSpec, *, attempt: int = 1, bundle: Bundle | None = None, **known: Any) -> Manifests:
    """All that is created for a spec; ``known`` changes the place."""
    return manifests(of, job(of), bundle or files(of), place=place(**known), attempt=attempt)


def code(of: Manifests) -> dict[str, Any]:
    """The ConfigMap."""
    assert of.code is not None
    return of.code


def replica(of: Manifests, role: str) -> dict[str, Any]:
    """The part of a v1 job that describes one role."""
    assert of.kind.operator
    found: dict[str, Any] = of.job["spec"][of.kind.operator.replicas][role]
    return found


def pod(of: Manifests, role: str) -> dict[str, Any]:
    """The ``spec`` of that role's pods."""
    found: dict[str, Any] = replica(of, role)["template"]["spec"]
    return found


def container(of: Manifests, role: str) -> dict[str, Any]:
    found: dict[str, Any] = pod(of, role)["containers"][0]
    return found


def variables(env: list[dict[str, Any]]) -> dict[str, Any]:
    """By name: the text, or where it comes from."""
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in env}
