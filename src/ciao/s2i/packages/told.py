"""What a person is told of the packages that were installed for a cell."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from ciao.errors import BundleError
from ciao.model import Notice

__all__ = ["MOST", "MUCH", "check_size", "hiding", "notices"]

MUCH = 500 * 1024**2
"""Bytes of packages from which on a person is told."""

MOST = 4 * 1024**3
"""Bytes of packages that are taken into an image."""

HEAVY = ("torch", "tensorflow", "jax", "jaxlib", "numpy")
"""Built together with what else is in an image: another version may not fit it, or know no GPU."""

SHOWN = 12

OFTEN_BY_MISTAKE = frozenset({"test", "this", "antigravity", "idlelib", "turtledemo"})
"""Modules of Python that nobody misses."""


def check_size(size: int) -> None:
    """Raises BundleError for packages that are too many."""
    if size > MOST:
        raise BundleError(
            f"the packages have {size / 1024**3:.1f} GiB, and {MOST / 1024**3:.0f} are the most that is taken",
            hint="Use an image that has the largest of them: %image=",
        )


def hiding(site: Path) -> Iterator[Notice]:
    """A warning for a package that brings what Python has itself: a folder on PYTHONPATH is searched before that."""
    found = {path.name.partition(".")[0] for path in site.iterdir() if path.suffix in ("", ".py", ".so")}
    names = sorted(found & (sys.stdlib_module_names - OFTEN_BY_MISTAKE))
    if names:
        text = f"The packages hide modules of Python itself: {', '.join(names)}"
        yield Notice(text=f"{text}. Remove the package that brings them: it was for an older Python.", level="warning")


def notices(added: Mapping[str, str], replaced: Mapping[str, str], *, base: str, size: int = 0) -> Iterator[Notice]:
    """What was added, what of the base is hidden by it, and whether it is much."""
    if not added:
        yield Notice(text=f"{base} has the packages already; none were added.")
        return
    yield Notice(text=f"Added packages: {_list(added)}.")
    if size > MUCH:
        text = f"The packages have {size / 1024**2:,.0f} MiB, which every node pulls once"
        yield Notice(text=f"{text}. An image that has the largest of them is faster: %image=.", level="warning")
    hidden = {name: f"{added.get(name, '?')} hides {version}" for name, version in replaced.items()}
    heavy = [name for name in HEAVY if name in hidden]
    rest = [name for name in hidden if name not in heavy]
    if heavy:
        words = ", ".join(f"{name} {hidden[name]}" for name in heavy)
        text = f"{words} of {base}, which was built with that version: drivers, CUDA and other packages may not fit it"
        yield Notice(text=f"{text}. Leave its version open to keep what the image has.", level="warning")
    if rest:
        words = ", ".join(f"{name} {hidden[name]}" for name in rest[:SHOWN])
        yield Notice(text=f"{words} of {base}{_more(rest)}.", level="warning")


def _list(added: Mapping[str, str]) -> str:
    names = [f"{name} {version}" for name, version in added.items()]
    return ", ".join(names[:SHOWN]) + _more(names)


def _more(names: list[str]) -> str:
    return f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
