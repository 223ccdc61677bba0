"""What the supervisor starts, as a value made of other values: pure."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ciao.backends.local import mpi
from ciao.backends.local.asked import memory_of
from ciao.backends.local.devices import VISIBLE, gpus
from ciao.backends.threads import cpus, threads
from ciao.frameworks import FRAMEWORKS
from ciao.frameworks.base import Address, Topology
from ciao.home import RUNNER
from ciao.model import JobSpec, Replica, Role, RoleSpec

__all__ = ["Launch", "Process", "base_environment", "launch", "overridden"]

HOST = "127.0.0.1"

_NOT_FOR_REPLICAS = ("JPY_", "PYDEVD_", "IPY_", "COLAB_", "CIAO_")
"""Variables that tell a kernel about its frontend; a replica has none."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """One replica: its name, command and the variables that it gets beside the inherited ones."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Launch:
    """All that a supervisor must know.

    ``decisive`` names the replicas that must all succeed. The others are then ended, those that are ``endless`` at once
    and the rest after ``grace`` seconds, whatever the clean policy: nobody would delete them later, as on a cluster.
    ``timeout`` is in seconds. ``memory`` and ``cores`` are what replicas may use, by their names; who is not among them
    may use all. ``least``: of an elastic job, how many replicas may be left. ``keep_log`` is how many bytes of each
    replica's log are kept.
    """

    processes: tuple[Process, ...]
    decisive: tuple[str, ...]
    endless: tuple[str, ...]
    retries: int
    timeout: float | None
    grace: float
    cwd: str
    memory: Mapping[str, str] = field(default_factory=dict)
    cores: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    keep_log: int = 1 << 28
    least: int | None = None

    def as_json(self) -> dict[str, Any]:
        """For the supervisor's launch file."""
        return {"schema": 1, **asdict(self), "processes": [{**asdict(p), "env": dict(p.env)} for p in self.processes]}

    def with_shares(self, cores: Mapping[str, tuple[int, ...]], gpus: Mapping[str, tuple[str, ...]]) -> Launch:
        """The same, with cores and GPUs that belong to some of its replicas alone."""
        seen = {name: {VISIBLE: ",".join(own)} for name, own in gpus.items()}
        processes = (replace(p, env={**seen.get(p.name, {}), **p.env}) for p in self.processes)
        return replace(self, processes=tuple(processes), cores=dict(cores))


def launch(
    spec: JobSpec,
    *,
    job: str,
    code: Path,
    work: Path,
    ports: Sequence[int],
    python: str,
    grace: float,
    mpirun: str = "mpirun",
) -> Launch:
    """The processes of a job. ``ports`` has one port a replica; ``code`` holds the cell's file and the runner.

    Raises CreateRefused for ranks without a worker.
    """
    framework = FRAMEWORKS[spec.framework]
    replicas = framework.ranked(spec.replicas)
    topology = Topology(
        job=job, addresses={r: Address(host=HOST, port=p) for r, p in zip(replicas, ports, strict=True)}
    )
    processes_each = 1 if spec.nproc is None else spec.nproc
    runner, cell = str(code / RUNNER / "__main__.py"), str(code / spec.cell.filename)
    program = (python, *framework.elastic.words) if spec.elastic and framework.elastic else ()
    argv = (python, runner, "init" if program or processes_each > 1 else "cell", cell, *program)
    limits = {role.role: _threads(role, len(replicas), processes_each) for role in spec.roles}
    processes = tuple(
        Process(
            name=str(r),
            argv=argv,
            env={
                **limits[r.role],
                **_network(),
                **({} if gpus() else framework.on_cpu),
                **(framework.elastic.always if spec.elastic and framework.elastic else {}),
                **spec.env,
                **_found_by(spec, topology, r),  # last, as the operators do: the job must find itself
                **_identity(spec, job, r),
                **_several(spec, grace=grace),
            },
        )
        for r in replicas
    )
    if Role.LAUNCHER in framework.always:
        processes = _by_mpirun(spec, processes, words=(python, runner, cell), mpirun=mpirun, grace=grace)
    return Launch(
        processes=processes,
        decisive=tuple(map(str, framework.decisive(replicas))),
        endless=tuple(map(str, framework.endless(replicas))),
        retries=spec.retries,
        timeout=spec.timeout,
        grace=grace,
        cwd=str(work),
        memory=memory_of(spec),
        least=spec.elastic.least if spec.elastic else None,
    )


def overridden(spec: JobSpec) -> list[str]:
    """Variables of ``%env.`` that the job sets itself, because its replicas find each other by them."""
    framework = FRAMEWORKS[spec.framework]
    replicas = framework.ranked(spec.replicas)
    topology = Topology(job="", addresses={r: Address(host=HOST, port=0) for r in replicas})
    ours = {**_found_by(spec, topology, replicas[0]), **_identity(spec, "", replicas[0])}
    return sorted(spec.env.keys() & ours.keys())


def base_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What replicas inherit from the kernel: all but what makes sense only there."""
    env = {k: v for k, v in environ.items() if not k.startswith(_NOT_FOR_REPLICAS)}
    if env.get("MPLBACKEND", "").startswith("module://"):
        env["MPLBACKEND"] = "Agg"  # the notebook's inline backend cannot draw outside of a kernel
    return env


def _identity(spec: JobSpec, job: str, replica: Replica) -> dict[str, str]:
    folder = Path(spec.cell.notebook).absolute().parent if spec.cell.notebook else Path.cwd()
    return {
        "CIAO_JOB": job,
        "CIAO_REPLICA": str(replica),
        "CIAO_ROLE": replica.role.value,
        "CIAO_INDEX": str(replica.index),
        "CIAO_FRAMEWORK": spec.framework,
        "CIAO_NOTEBOOK_DIR": str(folder),
    }


def _found_by(spec: JobSpec, topology: Topology, replica: Replica) -> Mapping[str, str]:
    """The variables by which a replica finds the others; of an elastic job torchrun does, and tells its processes."""
    framework = FRAMEWORKS[spec.framework]
    if spec.elastic and framework.elastic:
        return framework.elastic.own(topology, replica, spec.elastic.least, spec.nproc or 1)
    return framework.variables(topology, replica)


def _several(spec: JobSpec, *, grace: float) -> dict[str, str]:
    """For the runner's init, which starts the processes of a replica, or what starts them in its turn."""
    count, ranks = spec.nproc or 1, FRAMEWORKS[spec.framework].ranks
    if spec.elastic:
        return {"CIAO_GRACE": str(grace)}
    if count == 1 or not ranks:
        return {}
    pairs = " ".join(f"{rank}/{size}" for rank, size in ranks.items())
    return {"CIAO_NPROC": str(count), "CIAO_RANKS": pairs, "CIAO_GRACE": str(grace)}


def _by_mpirun(
    spec: JobSpec, processes: Sequence[Process], *, words: tuple[str, str, str], mpirun: str, grace: float
) -> tuple[Process, ...]:
    """The launcher's runner around mpirun, and workers that wait. A rank has the variables of its worker."""
    own = {Replica.parse(p.name): {n: v for n, v in p.env.items() if n not in spec.env} for p in processes}
    python, runner, cell = words
    program = mpi.ranks(spec, mpirun, (python, runner, "cell", cell), variables=own)
    started = []
    for process in processes:
        if Replica.parse(process.name).role is Role.LAUNCHER:
            env = {**mpi.ROOM, **process.env, "CIAO_GRACE": str(grace)}
            started.append(Process(name=process.name, argv=(python, runner, "init", cell, *program), env=env))
        else:
            started.append(Process(name=process.name, argv=mpi.IDLE, env=process.env))
    return tuple(started)


def _network() -> dict[str, str]:
    """All replicas are on this machine: gloo and tensorpipe must not look for another interface."""
    interface = "lo0" if sys.platform == "darwin" else "lo"
    return {"GLOO_SOCKET_IFNAME": interface, "TP_SOCKET_IFNAME": interface}


def _threads(role: RoleSpec, replicas: int, processes: int) -> dict[str, str]:
    """Each process's share of the CPUs that a replica asked for, else of the machine."""
    asked = cpus(role.resources.cpu)
    return threads(max(1, asked // processes if asked else (os.cpu_count() or 1) // (replicas * processes)))
