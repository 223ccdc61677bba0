"""Options that every backend honours."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ciao.frameworks import FRAMEWORKS, Framework
from ciao.interpreter import values
from ciao.interpreter.nearest import listed
from ciao.interpreter.option import Choice, Option
from ciao.model import CleanPolicy

__all__ = [
    "BACKEND",
    "BACKENDS",
    "BACKGROUND",
    "CLEAN_POLICY",
    "ENV",
    "FRAMEWORK",
    "JOB",
    "NAME",
    "PYTHON",
    "RETRIES",
    "TIMEOUT",
    "unasked",
]

BACKENDS: Mapping[str, str] = MappingProxyType(
    {"kubeflow": "a Kubernetes cluster with Kubeflow", "local": "processes on this machine"}
)
"""What ``%backend=`` takes, each with its meaning."""


def unasked(framework: Framework) -> str:
    """The replicas of a job whose cell names no role."""
    return listed(f"one {role.value}" for role in (*framework.always, framework.default_role))


FRAMEWORK = Option(
    name="framework",
    scope="job",
    parse=values.one_of("a framework of this version", FRAMEWORKS),
    metavar="NAME",
    meaning="what the replicas train with; every job cell says it",
    help="It decides which roles there are, how the replicas find each other (the variables that each of them gets), "
    "and when the job has succeeded.",
    example="%framework=pytorch",
    default="none: it must be given",
    choices=tuple(
        Choice(f.name, f"{f.title} ({listed(r.value for r in f.roles)}; if none is given, {unasked(f)})")
        for f in FRAMEWORKS.values()
    ),
    local="mpi needs mpirun on this machine",
)
BACKEND = Option(
    name="backend",
    scope="job",
    parse=values.one_of("a backend of this version", BACKENDS),
    metavar="NAME",
    meaning="where the job runs",
    help="The first line of the output names the backend.",
    example="%backend=local",
    default="what the settings say, else kubeflow if a cluster is known here, else local",
    choices=tuple(Choice(name, meaning) for name, meaning in BACKENDS.items()),
)
NAME = Option(
    name="name",
    scope="job",
    parse=values.name,
    metavar="PREFIX",
    meaning="how the job's name begins",
    help="A random suffix of five characters follows, so that the cell can be run again. At most 39 characters of "
    "a to z, 0 to 9 and '-', first a letter.",
    example="%name=mnist",
    default="the framework's name",
)
CLEAN_POLICY = Option(
    name="cleanPolicy",
    scope="job",
    parse=lambda value: CleanPolicy(values.one_of("a clean-up policy", CleanPolicy)(value)),
    metavar="POLICY",
    meaning="which replicas are removed when the job ends",
    help="Kubeflow's cleanPodPolicy. The log of a removed replica stays in the archive.",
    example="%cleanPolicy=all",
    default="running",
    choices=(
        Choice("all", "every replica"),
        Choice("running", "those that still run, such as parameter servers"),
        Choice("none", "no replica"),
    ),
    local="a process that has ended leaves nothing to remove, so all means running; and none means running",
)
TIMEOUT = Option(
    name="timeout",
    scope="job",
    parse=values.duration,
    metavar="TIME",
    meaning="the job is ended, and has failed, after this time",
    help="Written as 90s, 10m, 1h30m or 2d, or as seconds. The time counts from the start of the job, over all of its "
    "attempts.",
    example="%timeout=1h30m",
    default="no limit",
)
RETRIES = Option(
    name="retries",
    scope="job",
    parse=values.count("a number of retries", example="%retries=2"),
    metavar="COUNT",
    meaning="how often the replicas are started again after a failure",
    help="All replicas are ended and started again together, because those of one attempt wait for each other. The "
    "error of every attempt is kept.",
    example="%retries=2",
    default="0",
)
ENV = Option(
    name="env.NAME",
    scope="job",
    parse=values.text,
    metavar="TEXT",
    meaning="an environment variable of every replica",
    help="May be given for any number of names. A value with spaces is quoted as in a shell; nothing is expanded.",
    example="%env.NCCL_DEBUG=INFO",
    default="none",
    family="env.",
)
BACKGROUND = Option(
    name="background",
    scope="job",
    parse=values.boolean,
    metavar="BOOL",
    meaning="the cell returns once the job has started, and the job goes on",
    help="See it with %ciao jobs, follow it with %ciao attach, end it with %ciao cancel.",
    example="%background=true",
    default="false",
    choices=(Choice("true", "do not wait for the job"), Choice("false", "the cell ends with the job")),
    flag=True,
)
PYTHON = Option(
    name="python",
    scope="job",
    parse=values.path("a path", hint="Write the interpreter's path or name, such as /usr/bin/python3"),
    metavar="PATH",
    meaning="the Python that runs the replicas on this machine",
    help="A path, or a name that is looked up in PATH; Python 3.8 or later. It may have other packages, and another "
    "version, than the kernel's. On a cluster the image decides.",
    example="%python=/usr/bin/python3",
    default="what the settings say, else the kernel's own",
)

JOB: tuple[Option[Any], ...] = (FRAMEWORK, BACKEND, NAME, CLEAN_POLICY, TIMEOUT, RETRIES, ENV, BACKGROUND, PYTHON)
