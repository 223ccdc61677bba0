"""What ``doctor`` asks of Jupyter: is the kernel known to it, and what do the versions here give."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ciao.commands.check import Check

__all__ = ["jupyter_checks"]


def jupyter_checks() -> tuple[Check, ...]:
    """Every check of Jupyter's side."""
    return (_kernelspec(), _ipython(_version("ipython")), _ipykernel(_version("ipykernel")))


def _kernelspec() -> Check:
    from ciao.frontends import kernelspec

    folder = kernelspec.installed()
    if folder is None:
        words = "Jupyter does not know the kernel; %load_ext ciao works in any Python kernel"
        return Check(name="kernel", verdict="warn", words=words, fix="ciao kernel install")
    try:
        python = str(json.loads((folder / "kernel.json").read_bytes())["argv"][0])
    except (OSError, ValueError, LookupError, TypeError):
        return Check(name="kernel", verdict="fail", words=f"{folder} is damaged", fix="ciao kernel install")
    if Path(python).is_absolute() and shutil.which(python) is None:
        words = f"{folder} starts {python}, which is not there"
        return Check(name="kernel", verdict="fail", words=words, fix="ciao kernel install")
    return Check(name="kernel", verdict="ok", words=f"{folder} starts {python}")


def _ipython(found: str) -> Check:
    if _at_least(found, (8, 6)):
        return Check(name="IPython", verdict="ok", words=f"{found}: everything works")
    words = f"{found}: magic lines are not completed"
    return Check(name="IPython", verdict="warn", words=words, fix="pip install 'ipython>=8.6'")


def _ipykernel(found: str) -> Check:
    if _at_least(found, (7, 4)):
        return Check(name="ipykernel", verdict="ok", words=f"{found}: completion answers while a job runs")
    words = f"{found}: completion waits while a job runs"
    return Check(name="ipykernel", verdict="warn", words=words, fix="pip install 'ipykernel>=7.4'")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "0 (not installed)"


def _at_least(found: str, wanted: tuple[int, int]) -> bool:
    numbers = [int(n) if n.isdigit() else 0 for n in f"{found}.0".split(".")[:2]]
    return tuple(numbers) >= wanted
