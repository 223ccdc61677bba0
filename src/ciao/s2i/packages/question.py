"""The question to a Python: which one it is, and what it has. It runs in a pod, or as a process here; Python 3.8."""

from __future__ import annotations

import inspect
import json
import re

from ciao.errors import BundleError
from ciao.s2i.packages.interior import SCHEMA, Interior

__all__ = ["answer", "program"]

MARK = "ciao-interior:"
"""Before the answer: other lines may be warnings of whatever starts with the Python."""

LARGEST = 4 * 1024 * 1024


def _ask() -> None:
    """Its text is the program; nothing of ours is there where it runs."""
    import sys

    sys.path[:] = [p for p in sys.path if p]  # not the folder in which it happens to be started, from here on
    import glob
    import json
    import platform

    try:
        from importlib import metadata
    except ImportError:
        metadata = None  # type: ignore[assignment]  # before Python 3.8

    found: dict[str, str] = {}
    for one in metadata.distributions() if metadata else ():
        try:
            name = one.metadata["Name"]
            if name and one.version:
                found.setdefault(name, one.version)
        except Exception:  # noqa: BLE001, S112  # a broken one must not hide the others
            continue
    kind, version = platform.libc_ver()
    if sys.platform == "darwin":
        libc = "macos"
    elif kind == "glibc":
        libc = "glibc " + version
    else:
        libc = "musl" if glob.glob("/lib/ld-musl-*") else kind  # noqa: PTH207  # as it was in Python 3.8
    facts = {
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "implementation": sys.implementation.name,
        "machine": platform.machine(),
        "libc": libc,
        "distributions": found,
    }
    sys.stdout.write("\nciao-interior:" + json.dumps(facts) + "\n")


def program() -> str:
    """For ``python3 -c``."""
    return "".join(inspect.getsource(_ask)) + "\n_ask()\n"


def answer(said: str, who: str) -> Interior:
    """Of what it wrote. Raises BundleError if there is no answer in it."""
    found = re.search(rf"^{MARK}(.*)$", said[-LARGEST:], re.MULTILINE)
    try:
        facts = json.loads(found[1]) if found else {}
        return Interior.of_json(json.dumps({**facts, "schema": SCHEMA, "exact": True}))
    except (ValueError, TypeError, KeyError, RecursionError):
        last = next((line for line in reversed(said.splitlines()) if line.strip()), "nothing")
        message = f"the Python of {who} does not tell what it has; it said: {last.strip()[:200]}"
        raise BundleError(message, hint="Name an image whose python3 works with %image=") from None
