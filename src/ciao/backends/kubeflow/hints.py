"""What to do next, for failures whose remedy is an option of the cell or a matter of the cluster. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ciao.backends.memory import more_memory
from ciao.model import Failure
from ciao.model.distributions import NO_MODULE, distribution_of, standard

__all__ = ["hint"]

_HINTS = {
    "FileNotFoundError": (
        "A replica sees its image and /ciao/work, not the notebook's folder: bring files by %include=, data by %volume="
    ),
    "NodeLost": "Run the cell again; %retries=1 starts the group again by itself",
    "Preempted": "Run the cell again; %retries=1 starts the group again by itself",
    "Evicted": "Ask for what it needs: what is not asked for is evicted first",
    "DeadlineExceeded": "Raise %timeout=",
    "WrongPlatform": "Choose a base image for that platform with %image=, or name the platform in s2i.platforms",
    "NoCode": "A cluster without image volumes drops them: use %s2i=append or %s2i=configmap",
    "StartError": "The image must have python3 on its PATH: choose one with %image=",
}


def hint(failure: Failure, own: Callable[[str], str], replicas: Collection[str] = ()) -> str:
    """One or two sentences, or nothing. ``replicas`` are the names of all.

    ``own`` is how %include= names a module of the user's; empty for others.
    """
    if failure.ename == "OOMKilled":
        return more_memory(failure.evalue, failure.replica, replicas)
    if failure.ename == "ModuleNotFoundError" and (found := NO_MODULE.search(failure.evalue)) is not None:
        return _missing(found[1], found[2], path=own(found[1]))
    if failure.ename == "EOFError" and "reading a line" in failure.evalue:
        return "A replica has no keyboard: write the value into the cell, or pass it by %env.NAME="
    return _HINTS.get(failure.ename, "")


def _missing(module: str, rest: str, *, path: str) -> str:
    """A stranger's package of the same name is not offered for what lies beside the notebook."""
    if path:
        return f"{module} lies beside the notebook, and not in its image: send it along with %include={path}"
    if words := standard(module, rest, other="another image with %image="):
        return words
    return (
        f"{module} is not in its image: add %package={distribution_of(module)}, or %include={module} if it is your own"
    )
