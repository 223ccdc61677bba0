"""What a builder in the cluster is told: one image, from one Dockerfile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["CERTIFICATE", "CONTEXT", "DOCKERFILE", "Hosts", "Order"]

DOCKERFILE = "Dockerfile"
CONTEXT = "context.tar.gz"
CERTIFICATE = "ca.crt"
"""Names of the files that a builder gets."""

NO_ARGUMENTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """Registries of a build: ``all``, and those spoken to by ``plain`` HTTP; other certificates are verified."""

    all: tuple[str, ...]
    plain: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Order:
    """One image. ``destination`` is its name with a tag, as pods reach the registry.

    ``context`` is a compressed tar of the folder of a user's own Dockerfile, empty if there is none. ``certificate`` is
    the text of authorities to trust besides. ``login`` is a Docker configuration with credentials, never shown.
    """

    dockerfile: str
    destination: str
    hosts: Hosts
    arguments: Mapping[str, str] = field(default_factory=lambda: NO_ARGUMENTS)
    context: bytes = field(default=b"", repr=False)
    certificate: str = field(default="", repr=False)
    login: str = field(default="", repr=False)

    @property
    def files(self) -> Mapping[str, str | bytes]:
        """All that goes into its ConfigMap."""
        files: dict[str, str | bytes] = {DOCKERFILE: self.dockerfile}
        files |= {CONTEXT: self.context} if self.context else {}
        return files | ({CERTIFICATE: self.certificate} if self.certificate else {})
