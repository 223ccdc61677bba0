"""What people call options elsewhere, where likeness alone leads nowhere or astray: ``replicas``, ``ram``, ``gpus``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["SYNONYMS"]

_WORDS = {
    "worker": "workers replica replicas node nodes numworkers nworkers nodecount nnodes worldsize",
    "master": "masters",
    "ps": "parameterserver parameterservers pserver",
    "evaluator": "eval evaluators",
    "launcher": "mpirun",
    "cpu": "cpus core cores vcpu ncpu numcpus",
    "memory": "mem ram mems memorylimit gb",
    "gpu": "gpus ngpu ngpus numgpus gpucount cuda accelerator accelerators",
    "ephemeral-storage": "storage scratch",
    "nproc": "procs nprocs processes slots nprocpernode procspernode",
    "elastic": "autoscale minmax",
    "framework": "fw lib library",
    "image": "img container",
    "namespace": "ns",
    "env.": "envs environ environment var variable",
    "secret.": "secrets",
    "volume": "volumes mount mounts pvc",
    "package": "packages pip pips requirement requirements dependencies deps",
    "include": "includes file files data upload",
    "python": "py interpreter",
    "retries": "retry restart restarts backofflimit",
    "timeout": "deadline maxtime walltime timelimit",
    "background": "bg detach async nowait",
    "cleanPolicy": "clean cleanup cleanpodpolicy",
    "priority": "priorityclass",
    "queue": "localqueue kueue",
    "ttl": "ttlsecondsafterfinished",
}

SYNONYMS: Mapping[str, str] = MappingProxyType({word: name for name, words in _WORDS.items() for word in words.split()})
"""From a word in small letters, without ``-`` and ``_``, to the option that is meant."""
