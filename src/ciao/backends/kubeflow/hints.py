"""What to do next, for failures whose remedy is an option of the cell or a matter of the cluster. Pure."""

from __future__ import annotations

import re

from ciao.backends.memory import more_memory
from ciao.model import Failure

__all__ = ["hint"]

_NO_MODULE = re.compile(r"No module named '([^'.]+)")


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


def hint(failure: Failure) -> str:
    """One or two sentences, or nothing."""
    if failure.ename == "OOMKilled":
        return more_memory(failure.evalue, failure.replica)
    if failure.ename == "ModuleNotFoundError" and (found := _NO_MODULE.search(failure.evalue)) is not None:
        return f"{found[1]} is not in its image: add %package={found[1]}, or %include={found[1]} if it is your own"
    if failure.ename == "EOFError" and "reading a line" in failure.evalue:
        return "A replica has no keyboard: write the value into the cell, or pass it by %env.NAME="
    return _HINTS.get(failure.ename, "")
