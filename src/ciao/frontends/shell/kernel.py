"""``ciao kernel install`` and ``uninstall``: what was done, and which copies of the kernel there are beside."""

from __future__ import annotations

from collections.abc import Iterator

from ciao.commands.line import Request
from ciao.errors import CiaoError
from ciao.frontends import kernelspec

__all__ = ["done"]


def done(request: Request) -> Iterator[str]:
    """Do it; the lines to print. Raises CiaoError, also where there is nothing to remove."""
    return _install(request) if request.action == "install" else _uninstall(request)


def _install(request: Request) -> Iterator[str]:
    own = kernelspec.place(sys_prefix=True)
    came = own.is_dir()  # a wheel carries the kernelspec into its environment
    folder = kernelspec.install(user=request.user, prefix=request.prefix, sys_prefix=request.sys_prefix)
    yield f"The kernel is installed in {folder}"
    if came and own != folder:
        yield f"The environment of this Python has it already, in {own}: its own Jupyter needs no other"


def _uninstall(request: Request) -> Iterator[str]:
    user, prefix, sys_prefix = request.user, request.prefix, request.sys_prefix
    gone = kernelspec.uninstall(user=user, prefix=prefix, sys_prefix=sys_prefix)
    rest = _rest()
    if gone is None:
        folder = kernelspec.place(user=user, prefix=prefix, sys_prefix=sys_prefix)
        raise CiaoError(f"there is no kernel in {folder}", hint=rest or "Jupyter finds none elsewhere")
    yield f"{gone} is removed"
    if rest:
        yield rest


def _rest() -> str:
    """The copy that Jupyter finds now, if any, and what removes it."""
    found = kernelspec.installed()
    if found is None:
        return ""
    way_out = f"'ciao kernel uninstall --prefix {found.parents[3]}'"
    if found == kernelspec.place(sys_prefix=True):
        way_out = "'pip uninstall ciao-kernel' or --sys-prefix"
    elif found == kernelspec.place():
        way_out = "'ciao kernel uninstall'"
    return f"Jupyter still finds one in {found}; {way_out} removes it"
