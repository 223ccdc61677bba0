"""The one table of settings: reading them, ``ciao config`` and docs/settings.md come from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ciao.model import Resources, Role
from ciao.settings.packing import PACKING
from ciao.settings.setting import (
    Setting,
    boolean,
    count,
    image,
    memory,
    namespace,
    number,
    path,
    quantity,
    size,
    user,
    word,
)

__all__ = ["BY_KEY", "SETTINGS", "Given", "Setting", "Settings"]

BACKENDS = ("kubeflow", "local")


class Given(NamedTuple):
    """A setting as somebody wrote it, and where: a file, a variable, or ``default``. Never holds a secret."""

    text: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, with its default. Times are in seconds, sizes in bytes.

    ``home`` holds one folder a job. ``resources`` are defaults by role name. ``keep_for`` and ``keep_bytes`` are
    when the folders of ended jobs are pruned, ``keep_log`` is the most of one replica's log. ``fold`` shows
    once in a cell what several replicas write alike. ``grace`` is how long a replica has between SIGTERM and SIGKILL,
    ``standstill`` how long a job may be silent before that is told; 0 for ever.
    ``python`` is the interpreter of local replicas, None for the kernel's own. For a cluster are ``kubeconfig``,
    ``namespace``, ``images`` (by framework), ``live`` (how many replicas' logs are followed), ``run_as`` (the number of
    the user in pods, None for the cluster's choice) and ``host_paths``.

    ``s2i_registry`` is where images are pushed: a host, and a path below which they go; ``s2i_pull`` is what the nodes
    call it, None for the same. ``s2i_pull_secrets`` are Secrets with which they pull. ``s2i_insecure`` are hosts that
    may be spoken to without TLS, ``s2i_ca`` a file of certificates to trust besides. ``s2i_platforms`` are those to
    build for, such as ``linux/amd64``; empty for the nodes' own. ``s2i_scan`` is what is done about a secret in what is
    sent: ``warn``, ``block`` or ``off``. ``s2i_images`` are the images that build in the cluster, by strategy. Packages
    come from ``packages_index`` and ``packages_extra``, and ``packages_allowed`` are the only ones that a cell may name
    besides, if there are any. ``given`` tells, by key, what was set and where.
    """

    home: Path
    backend: str | None = None
    python: str | None = None
    resources: Mapping[str, Resources] = field(default_factory=lambda: MappingProxyType({}))
    local_replicas: int = 64
    cluster_replicas: int = 2000
    grace: float = 5.0
    standstill: float = 300.0
    keep_for: float = 14 * 86400.0
    keep_bytes: int = 2 * 1024**3
    keep_log: int = 256 * 1024**2
    fold: bool = True
    kubeconfig: Path | None = None
    namespace: str | None = None
    images: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    live: int = 50
    run_as: int | None = 1000
    host_paths: bool = False
    s2i_provider: str | None = None
    s2i_registry: str | None = None
    s2i_username: str | None = None
    s2i_password: str | None = field(default=None, repr=False)
    s2i_pull: str | None = None
    s2i_pull_secrets: tuple[str, ...] = ()
    s2i_insecure: tuple[str, ...] = ()
    s2i_ca: Path | None = None
    s2i_platforms: tuple[str, ...] = ()
    s2i_scan: str = "warn"
    s2i_images: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    packages_index: str | None = field(default=None, repr=False)
    packages_extra: tuple[str, ...] = field(default=(), repr=False)
    packages_allowed: tuple[str, ...] = field(default=(), repr=False)
    given: Mapping[str, Given] = field(default_factory=lambda: MappingProxyType({}), repr=False, compare=False)


def _resources() -> Iterator[Setting]:
    for role in Role:
        name = role.value
        yield Setting(
            key=f"{name}.cpu",
            field=name,
            doc=f"CPU of each {name} for which a cell states none",
            read=quantity("500m"),
        )
        yield Setting(
            key=f"{name}.memory",
            field=name,
            doc=f"Memory of each {name} for which a cell states none",
            read=memory,
        )


def _images() -> Iterator[Setting]:
    for framework in ("tensorflow", "pytorch", "jax", "xgboost", "paddle", "mpi"):
        yield Setting(
            key=f"images.{framework}",
            field="images",
            doc=f"The image of {framework} cells that name none (for a cluster)",
            read=image,
        )


SETTINGS: tuple[Setting, ...] = (
    Setting(
        key="home", field="home", default="~/.ciao", read=path, in_files=False,
        doc="The folder of jobs and of the user's config.yaml; only as a variable",
    ),
    Setting(key="backend", field="backend", default="local", read=word(*BACKENDS), doc="Where jobs run"),
    Setting(
        key="python", field="python", default="the kernel's own", read=str,
        doc="The Python that runs local replicas: a path, or a command on PATH",
    ),
    Setting(
        key="local.replicas", field="local_replicas", default="64", read=count,
        doc="The most replicas of one job on this machine",
    ),
    Setting(
        key="cluster.replicas", field="cluster_replicas", default="2000", read=count,
        doc="The most replicas of one job on a cluster",
    ),
    Setting(
        key="grace", field="grace", default="5", read=number("seconds"),
        doc="Seconds that a replica has to end by itself before it is killed",
    ),
    Setting(
        key="standstill", field="standstill", default="300", read=number("seconds"),
        doc="Seconds without a line or a change after which it is told that a job stands still, and where; 0: never",
    ),
    Setting(
        key="keep.days", field="keep_for", default="14", read=number("days", factor=86400.0),
        doc="Days for which log and code of an ended job are kept; files that it saved stay",
    ),
    Setting(
        key="keep.bytes", field="keep_bytes", default="2Gi", read=size,
        doc="The most that logs and code of ended jobs may take; the oldest go first",
    ),
    Setting(
        key="logs.fold", field="fold", default="true", read=boolean,
        doc="In a cell, a line that several replicas write alike is shown once; false: once for each",
    ),
    Setting(
        key="keep.log", field="keep_log", default="256Mi", read=size,
        doc="The most of one replica's log: its beginning and its newest part; less for many, so that keep.bytes holds",
    ),
    *_resources(),
    Setting(key="kubeconfig", field="kubeconfig", read=path, doc="The cluster's credentials (for a cluster)"),
    Setting(key="namespace", field="namespace", read=namespace, doc="Where jobs are created (for a cluster)"),
    *_images(),
    Setting(
        key="logs.live", field="live", default="50", read=count,
        doc="How many replicas' lines are shown as they come; of the others only those that fail (for a cluster)",
    ),
    Setting(
        key="pods.user", field="run_as", default="1000", read=user,
        doc="The number of the user that pods run as; none: the cluster chooses, as OpenShift does (for a cluster)",
    ),
    Setting(
        key="volumes.host", field="host_paths", default="false", read=boolean,
        doc="true: a cell may mount folders of the nodes (for a cluster)",
    ),
    *PACKING,
)  # fmt: skip

BY_KEY: Mapping[str, Setting] = MappingProxyType({s.key.lower(): s for s in SETTINGS})
"""By their keys in small letters: the first Ciao did not mind capitals."""
