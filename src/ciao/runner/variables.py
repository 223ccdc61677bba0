"""Completes the environment: what the operator or the user set stays, what is missing of the framework's is set.

``CIAO_VARIABLES`` holds a rule a line, or ``z:`` and the same compressed, as base64::

    MASTER_ADDR=pytorch-x2v9q-worker-0     the same in every replica
    @worker                                what follows is for this role
    RANK+1                                 a number: this one, plus the replica's index
    ENDPOINT*host-0:1 host-1:1             by the replica's index

``CIAO_ROLE`` and ``CIAO_INDEX`` say which replica this is. In a pod of a TrainJob, whose nodes only have a number,
``CIAO_ROLES`` says how many of them are of which role, in the order of their numbers: ``master=1 worker=3``, and
``CIAO_RESTARTS``, if it is there, how often the cluster has started them all again.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Mapping, MutableMapping, Tuple

RULES = "CIAO_VARIABLES"
ROLES = "CIAO_ROLES"
RANKS = "CIAO_RANKS"
RESTARTS = "CIAO_RESTARTS"


def complete(environ: MutableMapping[str, str] = os.environ) -> None:
    """Set what is missing. The variables that tell how are taken away: they mean nothing to the cell."""
    rules, roles = environ.pop(RULES, ""), environ.pop(ROLES, "")
    if roles:
        role, index = _place(roles, int(environ.get("JOB_COMPLETION_INDEX", "0")))
        environ.update(CIAO_ROLE=role, CIAO_INDEX=str(index), CIAO_REPLICA="%s-%d" % (role, index))
    restarts = environ.pop(RESTARTS, "")
    if restarts.isdigit():
        environ["CIAO_ATTEMPT"] = str(int(restarts) + 1)
    role, index = environ.get("CIAO_ROLE", ""), int(environ.get("CIAO_INDEX") or 0)
    section = ""
    for line in _unpacked(rules).split("\n"):
        if line.startswith("@"):
            section = line[1:]
        elif line and section in ("", role):
            name, value = _value(line, index)
            environ.setdefault(name, value)


def local(environ: Mapping[str, str], number: int, count: int) -> Dict[str, str]:
    """The environment of one of ``count`` processes of this replica, whose variables are those of one process.

    ``CIAO_RANKS`` names the variables that count replicas, each with the one that says how many there are:
    ``RANK/WORLD_SIZE PROCESS_ID/NUM_PROCESSES``. They then count processes.
    """
    own = dict(environ, LOCAL_RANK=str(number), LOCAL_WORLD_SIZE=str(count))
    for pair in own.pop(RANKS, "").split():
        rank, _, size = pair.partition("/")
        if own.get(rank, "").isdigit() and own.get(size, "").isdigit():
            own[rank], own[size] = str(int(own[rank]) * count + number), str(int(own[size]) * count)
    if "PET_NPROC_PER_NODE" in own:
        own["PET_NPROC_PER_NODE"] = str(count)
    own.pop("CIAO_NPROC", None)
    return own


def _place(roles: str, node: int) -> Tuple[str, int]:
    """The role of the node of this number, and its index there."""
    role = ""
    for word in roles.split():
        role, _, count = word.partition("=")
        if node < int(count):
            break
        node -= int(count)
    return role, node


def _unpacked(rules: str) -> str:
    if not rules.startswith("z:"):
        return rules
    import binascii
    import zlib

    return zlib.decompress(binascii.a2b_base64(rules[2:])).decode()


def _value(line: str, index: int) -> Tuple[str, str]:
    at = min(i for i in map(line.find, "=+*") if i > 0)
    name, mark, value = line[:at], line[at], line[at + 1 :]
    if mark == "+":
        return name, str(int(value) + index)
    return name, value.split(" ")[index] if mark == "*" else value
