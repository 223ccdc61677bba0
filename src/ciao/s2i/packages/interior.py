"""What a base image, or a Python of this machine, has inside, as far as packages need to know."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from ciao.errors import BundleError
from ciao.s2i.packages.wanted import canonical

__all__ = ["Interior"]

SCHEMA = 1

GLIBC = ((2, 17), (2, 28), *((2, minor) for minor in range(31, 41)))
"""Versions for which uv has a platform; what was built for one runs on every later one."""

MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "x86_64": "x86_64", "aarch64": "aarch64"}


@dataclass(frozen=True, kw_only=True)
class Interior:
    """``python`` is its version, at least ``3.11``; ``libc`` such as ``glibc 2.36``, ``musl`` or ``macos``.

    ``machine`` is as Linux calls it. ``distributions`` are versions by canonical names. ``exact``: everything that the
    Python finds on its path was seen by asking it, and not by looking at files.
    """

    python: str
    libc: str
    machine: str
    implementation: str = "cpython"
    distributions: Mapping[str, str] = field(default_factory=dict)
    exact: bool = False

    @property
    def minor(self) -> str:
        """Such as ``3.11``."""
        return ".".join(self.python.split(".")[:2])

    @property
    def platform(self) -> str:
        """Uv's name for it. Raises BundleError if it has none, or if no wheels could be chosen for it."""
        machine = MACHINES.get(self.machine)
        kind, _, version = self.libc.partition(" ")
        if machine is None or self.implementation != "cpython":
            what = f"{self.implementation} on {self.machine}"
            raise BundleError(f"packages cannot be installed for {what}", hint="Use an image that has them")
        if kind == "macos":
            return f"{machine}-apple-darwin"
        if kind == "musl":
            return f"{machine}-unknown-linux-musl"
        found = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
        known = [one for one in GLIBC if one <= found]
        if not known:
            raise BundleError(
                f"packages cannot be installed for {self.libc}: wheels need glibc 2.17 or later",
                hint="Use a newer image, or one that has the packages",
            )
        return f"{machine}-manylinux_{known[-1][0]}_{known[-1][1]}"

    def as_json(self) -> str:
        """For a file."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, sort_keys=True)

    @classmethod
    def of_json(cls, text: str) -> Interior:
        """ValueError or TypeError for what is none: what a pod says is data from a less trusted place."""
        data = json.loads(text)
        if not isinstance(data, dict) or data.pop("schema", None) != SCHEMA:
            raise ValueError("another schema")
        found = data.pop("distributions")
        if not isinstance(found, dict) or not all(isinstance(data.get(k), str) for k in ("python", "libc", "machine")):
            raise TypeError("not what is known of an image")
        if not re.fullmatch(r"\d+\.\d+(\.\d+)?", data["python"]):
            raise ValueError("not a version of Python")
        names = {canonical(str(name)): str(version) for name, version in sorted(found.items())}
        return cls(**data, distributions=names)
