"""Makes the kernel known to Jupyter (``ciao kernel install``), and unknown again."""

from __future__ import annotations

import json
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from ciao.errors import CiaoError

__all__ = ["NAME", "install", "installed", "place", "spec", "uninstall"]

NAME = "ciao"


def spec(python: str) -> dict[str, object]:
    """What kernel.json says. ``python -m ciao kernel -f FILE`` is a name that others may rely on."""
    return {
        "argv": [python, "-Xfrozen_modules=off", "-m", "ciao", "kernel", "-f", "{connection_file}"],
        "display_name": "Ciao (Python 3, Kubeflow)",
        "language": "python",
        "interrupt_mode": "signal",
        "kernel_protocol_version": "5.5",
        "metadata": {"debugger": True, "supported_encryption": ["curve"]},
    }


def install(*, user: bool = False, prefix: str | None = None, sys_prefix: bool = False) -> Path:
    """Write the kernelspec for this Python, by its absolute path; return its folder.

    For this user unless a prefix is given. Raises CiaoError if the folder cannot be written.
    """
    from jupyter_client.kernelspec import KernelSpecManager

    root = sys.prefix if sys_prefix else prefix
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / NAME
        source.mkdir()
        (source / "kernel.json").write_text(json.dumps(spec(sys.executable), indent=1) + "\n")
        for logo in _logos():
            shutil.copy(logo, source)
        try:
            where = KernelSpecManager().install_kernel_spec(
                str(source), kernel_name=NAME, user=user or root is None, prefix=root
            )
        except OSError as e:
            raise CiaoError(f"the kernel cannot be installed: {e}", hint="Try --user, --sys-prefix or --prefix") from e
    return Path(where)


def uninstall(*, user: bool = False, prefix: str | None = None, sys_prefix: bool = False) -> Path | None:
    """Remove the kernelspec from where :func:`install` with the same arguments puts it; None if there is none."""
    folder = place(user=user, prefix=prefix, sys_prefix=sys_prefix)
    if not folder.is_dir():
        return None
    try:
        shutil.rmtree(folder)
    except OSError as e:
        raise CiaoError(f"{folder} cannot be removed: {e}", hint="Remove it by hand") from e
    return folder


def place(*, user: bool = False, prefix: str | None = None, sys_prefix: bool = False) -> Path:
    """The folder where :func:`install` with the same arguments puts it."""
    from jupyter_core.paths import jupyter_data_dir

    root = sys.prefix if sys_prefix else prefix
    data = Path(jupyter_data_dir()) if user or root is None else Path(root, "share", "jupyter")
    return data / "kernels" / NAME


def installed() -> Path | None:
    """Where Jupyter finds the kernel, if it does."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        return Path(KernelSpecManager().get_kernel_spec(NAME).resource_dir)
    except NoSuchKernel:
        return None


def _logos() -> list[Path]:
    """From a checkout, or from where the wheel put them."""
    checkout = Path(__file__).parents[3] / "kernelspec"
    wheel = Path(sysconfig.get_path("data"), "share", "jupyter", "kernels", NAME)
    folder = next((f for f in (checkout, wheel) if (f / "kernel.json").is_file()), None)
    return sorted(folder.glob("logo-*")) if folder else []
