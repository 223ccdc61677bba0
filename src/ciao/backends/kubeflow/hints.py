"""What to do next, for failures whose remedy is an option of the cell or a matter of the cluster. Pure."""

from __future__ import annotations

import re

from ciao.model import Failure

__all__ = ["hint"]

_NO_MODULE = re.compile(r"No module named '([^'.]+)")
_LIMIT = re.compile(r"limit of (\S+)")


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
        return _more_memory(failure.evalue, failure.replica.rpartition("-")[0])
    if failure.ename == "ModuleNotFoundError" and (found := _NO_MODULE.search(failure.evalue)) is not None:
        return f"{found[1]} is not in its image: add %package={found[1]}, or %include={found[1]} if it is your own"
    if failure.ename == "EOFError" and "reading a line" in failure.evalue:
        return "A replica has no keyboard: write the value into the cell, or pass it by %env.NAME="
    return _HINTS.get(failure.ename, "")


def _more_memory(evalue: str, role: str) -> str:
    found = _LIMIT.search(evalue)
    if found is None:
        return f"State how much it needs: %{role}=N;%memory=8Gi"
    return f"Raise it: %{role}=N;%memory= more than {found[1]}"
