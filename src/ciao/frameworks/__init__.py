"""The frameworks that Ciao knows, one frozen value each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ciao.frameworks.base import Framework, Operator
from ciao.frameworks.jax import JAX
from ciao.frameworks.mpi import MPI
from ciao.frameworks.paddle import PADDLE
from ciao.frameworks.pytorch import PYTORCH
from ciao.frameworks.tensorflow import TENSORFLOW
from ciao.frameworks.xgboost import XGBOOST

__all__ = ["FRAMEWORKS", "Framework", "Operator"]

FRAMEWORKS: Mapping[str, Framework] = MappingProxyType(
    {f.name: f for f in (TENSORFLOW, PYTORCH, JAX, XGBOOST, PADDLE, MPI)}
)
"""By the name that ``%framework=`` takes."""
