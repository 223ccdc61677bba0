"""What a registry of the cluster has served, by its log: how many bytes of which blobs the nodes really pulled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.outside import Cluster

__all__ = ["Served"]

_GOT = re.compile(r'"GET /v2/(\S+)/blobs/(sha256:[0-9a-f]{64}) HTTP/1.1" 200 (\d+) "" "containerd/')


@dataclass(frozen=True, kw_only=True)
class Served:
    """From a moment on."""

    log: Path
    begins: int

    @classmethod
    def now(cls, cluster: Cluster, registry: str = "registry") -> Served:
        log = cluster.layout.logs / f"{registry}.log"
        return cls(log=log, begins=log.stat().st_size)

    def pushes(self, repository: str) -> int:
        """How often something was put there."""
        return self._text().count(f'"PUT /v2/{repository}/')

    def to_nodes(self, repository: str = "") -> dict[str, int]:
        """Bytes by digest, of one repository or of all."""
        found = _GOT.findall(self._text())
        return {digest: int(size) for name, digest, size in found if repository in ("", name)}

    def _text(self) -> str:
        with self.log.open() as file:
            file.seek(self.begins)
            return file.read()
