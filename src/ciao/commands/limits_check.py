"""What this machine can hold replicas to, and what it has for them."""

from __future__ import annotations

from ciao.backends.local.devices import cores, gpus
from ciao.backends.local.processes import measurable
from ciao.backends.local.room import available
from ciao.backends.memory import in_words
from ciao.commands.check import Check

__all__ = ["limits"]

LITTLE = 1024**3
"""Bytes of free memory with which hardly any framework trains."""


def limits() -> Check:
    """One line: what is free, and what of ``%memory=`` and ``%cpu=`` is not held here."""
    return judged(room=available(), cores=len(cores()), gpus=len(gpus()), memory_is_held=measurable())


def judged(*, room: int | None, cores: int, gpus: int, memory_is_held: bool) -> Check:
    """A check of what was found; no core is one to which no process can be bound."""
    there = [f"{in_words(room)} of memory free"] if room is not None else []
    there += [f"{cores} cores"] if cores else []
    there += [f"{gpus} GPUs"] if gpus else []
    unheld = [name for name, held in (("%memory=", memory_is_held), ("%cpu=", cores)) if not held]
    there += [f"{' and '.join(unheld)} not held: only Linux can"] if unheld else []
    words = ", ".join(there)
    if room is not None and room < LITTLE:
        return Check(name="limits", verdict="warn", words=words, fix="Close what needs memory, or use a cluster")
    return Check(name="limits", verdict="ok", words=words)
