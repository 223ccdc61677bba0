"""Which images run on which machines: operating system, architecture and its variant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ciao.errors import BundleError

__all__ = ["DEFAULT", "Platform", "best"]

DEFAULT = "linux/amd64"
"""For an image of several platforms where nobody may list the nodes: not this machine's, which is often a laptop."""

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm"}
_VARIANTS = {"amd64": "v1", "arm64": "v8", "arm": "v7"}
"""What an architecture without a variant means."""

_WORD = re.compile(r"[a-z0-9_.]{1,32}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Platform:
    """An operating system and a processor; ``variant`` is such as ``v7``, never empty where there is a usual one."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def of(cls, os: str, architecture: str, variant: str = "") -> Platform:
        """By the words of an image or of a node, whichever spelling they use."""
        architecture = _ARCHITECTURES.get(architecture, architecture)
        return cls(os=os, architecture=architecture, variant=variant or _VARIANTS.get(architecture, ""))

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Of words such as ``linux/arm/v7``. Raises BundleError for anything else."""
        words = text.lower().split("/")
        if not 2 <= len(words) <= 3 or not all(map(_WORD.fullmatch, words)):
            raise BundleError(f"{text!r} is no platform", hint="Write one such as linux/amd64 or linux/arm/v7")
        return cls.of(*words)

    def __str__(self) -> str:
        usual = self.variant in ("", _VARIANTS.get(self.architecture))
        return f"{self.os}/{self.architecture}" + ("" if usual else f"/{self.variant}")

    def runs(self, other: Platform) -> bool:
        """Whether a machine that is this can run what is made for the other: the same, or an earlier variant."""
        same = (self.os, self.architecture) == (other.os, other.architecture)
        return same and (self.variant == other.variant or 0 <= other.level <= self.level)

    @property
    def level(self) -> float:
        """How late the variant is; below 0 for one that has no order."""
        match = re.fullmatch(r"v(\d+(?:\.\d+)?)", self.variant, re.ASCII)
        return float(match[1]) if match else -1.0


def best(offered: Sequence[Platform], machine: Platform) -> int | None:
    """The index of what suits the machine best: the latest variant that it runs, the first of equals."""
    fits = [i for i, one in enumerate(offered) if machine.runs(one)]
    return max(fits, key=lambda i: (offered[i] == machine, offered[i].level, -i), default=None)
