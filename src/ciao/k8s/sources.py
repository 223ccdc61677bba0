"""Where the credentials of a cluster come from: settings, KUBECONFIG, ~/.kube/config, or the pod that we run in."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ciao.k8s import kubeconfig
from ciao.k8s.access import Access, TokenFile, unusable
from ciao.settings import Settings

__all__ = ["ACCOUNT", "InCluster", "Kubeconfig", "Source", "find"]

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Source(Protocol):
    """What can be read again when the credentials have changed."""

    def load(self) -> Access:
        """Raises BackendUnavailable, which says what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Kubeconfig:
    """One or several files."""

    files: Sequence[Path]

    def load(self) -> Access:
        """Read them anew."""
        return kubeconfig.read(self.files)


@dataclass(frozen=True, kw_only=True)
class InCluster:
    """The service account of the pod that we run in."""

    host: str
    port: str
    account: Path = ACCOUNT

    def load(self) -> Access:
        """Read its files anew."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return Access(
            context="in-cluster",
            server=f"https://{host}:{self.port}",
            namespace=self._read("namespace").decode().strip() or "default",
            authority=self._read("ca.crt"),
            login=TokenFile(path=self.account / "token"),
        )

    def _read(self, name: str) -> bytes:
        try:
            return (self.account / name).read_bytes()
        except OSError as error:
            hint = "Give the pod a service account, and do not set automountServiceAccountToken: false"
            raise unusable(f"{self.account / name} cannot be read: {error.strerror}", hint=hint) from None


def find(settings: Settings, environ: Mapping[str, str] = os.environ, *, account: Path = ACCOUNT) -> Source | None:
    """The first that there is; None without any. Cheap: reads nothing.

    Files that somebody named count even if they are not there: that is a mistake to be told.
    """
    if settings.kubeconfig:
        return Kubeconfig(files=(settings.kubeconfig,))
    if named := [Path(name).expanduser() for name in environ.get("KUBECONFIG", "").split(os.pathsep) if name]:
        there = [file for file in named if file.exists()]  # kubectl passes over those that are not
        return Kubeconfig(files=there or named)
    home = environ.get("HOME")
    if home and (file := Path(home, ".kube", "config")).exists():
        return Kubeconfig(files=(file,))
    host = environ.get("KUBERNETES_SERVICE_HOST")
    if host and (account / "token").exists():
        return InCluster(host=host, port=environ.get("KUBERNETES_SERVICE_PORT") or "443", account=account)
    return None
