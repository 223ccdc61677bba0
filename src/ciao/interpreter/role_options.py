"""How many replicas of each role, and what each of them asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from ciao.frameworks import FRAMEWORKS
from ciao.interpreter import values
from ciao.interpreter.nearest import listed
from ciao.interpreter.option import Option
from ciao.model import Role

__all__ = ["COUNTS", "KINDS_OF_RESOURCES", "RESOURCES", "resource"]

_ROLES = {
    Role.MASTER: "the replica that leads: rank 0",
    Role.CHIEF: "TensorFlow's word for the replica that leads",
    Role.LAUNCHER: "the replica in which mpirun starts what runs in the workers",
    Role.WORKER: "replicas that train",
    Role.PS: "parameter servers: they hold the variables and end with the job",
    Role.EVALUATOR: "the replica that evaluates checkpoints while the others train",
}


def _count(role: Role, meaning: str) -> Option[int]:
    users = [f for f in FRAMEWORKS.values() if role in f.roles]
    many = [f.name for f in users if role not in f.single]
    always = all(role in f.always for f in users)
    number = " Always one, stated or not." if always else f"{'' if many else ' At most one.'} Zero leaves the role out."
    default = "the framework's default role has one replica if no role is given, every other role none"
    return Option(
        name=role.value,
        scope="role",
        parse=values.count("a number of replicas", example=f"%{role.value}={2 if many else 1}"),
        metavar="COUNT",
        meaning=meaning,
        help=f"How many replicas of this role. For {listed(f.name for f in users)}.{number}",
        example=f"%{role.value}={2 if many else 1}",
        default="1" if always else default,
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
    local="on Linux each replica gets cores of its own while there are free ones, then runs on all",
)
MEMORY = Option(
    name="memory",
    scope="resource",
    parse=values.memory,
    metavar="QUANTITY",
    meaning="the memory that each replica of the role asks for",
    help="Bytes with a unit: 512Mi, 2Gi. A replica that takes more is killed.",
    example="%worker=2;%memory=1Gi",
    default="what the settings say for the role, else not stated",
    local="a replica's processes together are watched on Linux; other systems do not limit memory",
)
GPU = Option(
    name="gpu",
    scope="resource",
    parse=values.gpu,
    metavar="COUNT",
    meaning="the GPUs that each replica of the role asks for",
    help="A whole number. On a cluster it means nvidia.com/gpu.",
    example="%worker=2;%gpu=1",
    default="not stated",
    local="NVIDIA's are shared out by CUDA_VISIBLE_DEVICES; where there are none or too few, a notice says so",
)
STORAGE = Option(
    name="ephemeral-storage",
    scope="resource",
    parse=values.size("an amount of storage", example="10Gi or 500Mi"),
    metavar="QUANTITY",
    meaning="the room on the node's disk that each replica of the role asks for",
    help="For its logs, its working directory and all else that it writes into its container.",
    example="%worker=2;%ephemeral-storage=10Gi",
    default="not stated",
    local="the disk is not limited on this machine",
)
HUGE_PAGES = Option(
    name="hugepages-SIZE",
    scope="resource",
    parse=values.size("an amount of memory", example="64Mi or 2Gi"),
    metavar="QUANTITY",
    meaning="the memory in pages of this size that each replica of the role asks for",
    help="Bytes with a unit, as for %memory. The size is one that the nodes have: 2Mi or 1Gi.",
    example="%worker=2;%hugepages-2Mi=64Mi",
    default="not stated",
    local="huge pages are not set aside on this machine",
)
DEVICE = Option(
    name="DOMAIN/NAME",
    scope="resource",
    parse=values.count("a number of devices", example="1"),
    metavar="COUNT",
    meaning="any other resource of the cluster that each replica of the role asks for",
    help="By its full name, as kubectl describe node shows it: another maker's GPUs, a part of a GPU, a network "
    "device. In a %kubeflow line: worker.nvidia.com/mig-1g.5gb=1.",
    example="%worker=2;%nvidia.com/mig-1g.5gb=1",
    default="not stated",
    local="devices are not assigned on this machine",
)

RESOURCES: Mapping[str, Option[object]] = MappingProxyType(
    {option.name: option for option in (CPU, MEMORY, GPU, STORAGE)}
)
"""Those that have one name each."""
KINDS_OF_RESOURCES: tuple[Option[object], ...] = (HUGE_PAGES, DEVICE)

_HUGE_PAGES = re.compile(r"hugepages-[1-9][0-9]{0,8}[KMGT]i")
_DEVICE = re.compile(
    r"(?=[^/]{1,253}/)[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)


def resource(name: str) -> Option[object] | None:
    """The option of a resource's name, such as ``cpu``, ``hugepages-2Mi`` or ``nvidia.com/gpu``."""
    if _HUGE_PAGES.fullmatch(name):
        return HUGE_PAGES
    return DEVICE if "/" in name and _DEVICE.fullmatch(name) else RESOURCES.get(name)
