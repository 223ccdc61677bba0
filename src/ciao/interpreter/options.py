"""The table of options: parsing, errors, completion, help and docs/magics.md all come from it.

An option is here once it works, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from ciao.frameworks import FRAMEWORKS
from ciao.interpreter import values
from ciao.interpreter.nearest import listed
from ciao.model import CleanPolicy, Role

__all__ = [
    "BACKENDS",
    "COUNTS",
    "JOB",
    "LATER",
    "OPTIONS",
    "RESOURCES",
    "YES",
    "Choice",
    "Option",
    "find",
    "full_names",
    "later",
]

T_co = TypeVar("T_co", covariant=True)

YES = "yes"


class Choice(NamedTuple):
    """One of the values that an option allows."""

    value: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Option(Generic[T_co]):
    """One option.

    ``parse`` raises BadValue. ``default`` is in words. ``local`` is YES, or what the local backend says in one line
    when the option is used. ``flag``: in a ``%kubeflow`` line its bare name means true.
    """

    name: str
    scope: Literal["job", "role", "resource"]
    parse: Callable[[str], T_co]
    metavar: str
    meaning: str
    help: str
    example: str
    default: str
    choices: tuple[Choice, ...] = ()
    local: str = YES
    flag: bool = False


BACKENDS: Mapping[str, str] = MappingProxyType({"local": "processes on this machine"})
"""What ``%backend=`` takes, each with its meaning."""

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
        Choice(f.name, f"{f.title} ({listed(r.value for r in f.roles)}; if none is given, one {f.default_role.value})")
        for f in FRAMEWORKS.values()
    ),
)
BACKEND = Option(
    name="backend",
    scope="job",
    parse=values.one_of("a backend of this version", BACKENDS),
    metavar="NAME",
    meaning="where the job runs",
    help="The first line of the output names the backend.",
    example="%backend=local",
    default="what the settings say, else local",
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
    parse=values.path,
    metavar="PATH",
    meaning="the Python that runs the replicas on this machine",
    help="A path, or a name that is looked up in PATH; Python 3.8 or later. It may have other packages, and another "
    "version, than the kernel's.",
    example="%python=/usr/bin/python3",
    default="what the settings say, else the kernel's own",
)

_ROLES = {
    Role.MASTER: "the replica that leads: rank 0",
    Role.CHIEF: "TensorFlow's word for the replica that leads",
    Role.WORKER: "replicas that train",
    Role.PS: "parameter servers: they hold the variables and end with the job",
    Role.EVALUATOR: "the replica that evaluates checkpoints while the others train",
}


def _count(role: Role, meaning: str) -> Option[int]:
    users = [f for f in FRAMEWORKS.values() if role in f.roles]
    many = [f.name for f in users if role not in f.single]
    return Option(
        name=role.value,
        scope="role",
        parse=values.count("a number of replicas", example=f"%{role.value}={2 if many else 1}"),
        metavar="COUNT",
        meaning=meaning,
        help=f"How many replicas of this role. For {listed(f.name for f in users)}."
        + ("" if many else " At most one.")
        + " Zero leaves the role out.",
        example=f"%{role.value}={2 if many else 1}",
        default="the framework's default role has one replica if no role is given, every other role none",
    )


COUNTS: Mapping[Role, Option[int]] = MappingProxyType({role: _count(role, text) for role, text in _ROLES.items()})
"""By role: how many."""

CPU = Option(
    name="cpu",
    scope="resource",
    parse=values.cpu,
    metavar="QUANTITY",
    meaning="the CPU that each replica of the role asks for",
    help="Cores, or thousandths of a core: 2, 0.5, 500m.",
    example="%worker=2;%cpu=500m",
    default="what the settings say for the role, else not stated",
    local="CPU is not limited on this machine",
)
MEMORY = Option(
    name="memory",
    scope="resource",
    parse=values.memory,
    metavar="QUANTITY",
    meaning="the memory that each replica of the role asks for",
    help="Bytes with a unit: 512Mi, 2Gi.",
    example="%worker=2;%memory=1Gi",
    default="what the settings say for the role, else not stated",
    local="memory is not limited on this machine",
)
GPU = Option(
    name="gpu",
    scope="resource",
    parse=values.gpu,
    metavar="COUNT",
    meaning="the GPUs that each replica of the role asks for",
    help="A whole number.",
    example="%worker=2;%gpu=1",
    default="what the settings say for the role, else not stated",
    local="GPUs are not assigned on this machine: every replica sees all of them",
)

JOB: tuple[Option[Any], ...] = (FRAMEWORK, BACKEND, NAME, CLEAN_POLICY, TIMEOUT, RETRIES, ENV, BACKGROUND, PYTHON)
RESOURCES: Mapping[str, Option[str]] = MappingProxyType({option.name: option for option in (CPU, MEMORY, GPU)})
OPTIONS: tuple[Option[Any], ...] = (*JOB, *COUNTS.values(), *RESOURCES.values())

_BY_NAME: Mapping[str, Option[Any]] = MappingProxyType(
    {o.name: o for o in (*JOB, *COUNTS.values()) if o is not ENV}
    | {f"{role.value}.{name}": option for role in COUNTS for name, option in RESOURCES.items()}
)

LATER = frozenset(
    {"elastic", "fetch", "image", "include", "kind", "launcher", "namespace", "nproc", "package", "patch", "priority"}
    | {"queue", "runtime", "s2i", "secret", "send", "ttl", "volume"}
)
"""Names that later versions will have: they deserve a better answer than the nearest word."""


def find(name: str) -> Option[Any] | None:
    """The option of a full name, such as ``worker``, ``worker.cpu`` or ``env.HOME``."""
    if name.startswith("env.") and len(name) > 4:
        return ENV
    return _BY_NAME.get(name)


def full_names() -> tuple[str, ...]:
    """Every name that a line may state, ``env.`` standing for all of its kind; ``cpu`` only with its role."""
    return (*_BY_NAME, "env.")


def later(name: str) -> bool:
    """The option belongs to a later version."""
    first, _, rest = name.partition(".")
    return first in LATER or (first in set(Role) and rest in LATER)
