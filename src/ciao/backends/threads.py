"""How many threads a replica's numeric libraries may start: by themselves, one for each CPU of the machine."""

from __future__ import annotations

import math

__all__ = ["amount", "cpus", "threads"]

_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def threads(count: int) -> dict[str, str]:
    """The variables by which they are told."""
    return dict.fromkeys(_VARIABLES, str(count))


def cpus(quantity: str | None) -> int | None:
    """Whole CPUs of what a replica asks for, at least one; None if it asks for none, or in a unit such as 1k."""
    cores = amount(quantity)
    return None if cores is None else max(1, math.ceil(cores))


def amount(quantity: str | None) -> float | None:
    """Of CPUs; None as above."""
    if quantity is None:
        return None
    try:
        return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)
    except ValueError:
        return None
