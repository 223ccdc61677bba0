"""The one table of settings: reading them, ``ciao config`` and docs/settings.md come from it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ciao.errors import did_you_mean
from ciao.model import Resources, Role

__all__ = ["BY_KEY", "SETTINGS", "Given", "Setting", "Settings"]

BACKENDS = ("kubeflow", "local")
PROVIDERS = ("configmap", "img", "s2i")

SUFFIXES = {"": 0, "k": 3, "m": 6, "g": 9, "t": 12}
BINARY_SUFFIXES = {"ki": 10, "mi": 20, "gi": 30, "ti": 40}


class Given(NamedTuple):
    """A setting as somebody wrote it, and where: a file, a variable, or ``default``. Never holds a secret."""

    text: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, with its default. Times are in seconds, sizes in bytes.

    ``home`` holds one folder a job. ``resources`` are defaults by role name. ``keep_for`` and ``keep_bytes`` are
    when the folders of ended jobs are pruned. ``grace`` is how long a replica has between SIGTERM and SIGKILL.
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
    keep_for: float = 14 * 86400.0
    keep_bytes: int = 2 * 1024**3
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
    packages_index: str | None = None
    packages_extra: tuple[str, ...] = ()
    packages_allowed: tuple[str, ...] = ()
    given: Mapping[str, Given] = field(default_factory=lambda: MappingProxyType({}), repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of the table. ``key`` is its path in config.yaml; its variable follows from it.

    ``field`` is that of :class:`Settings`. ``read`` makes the value of the text; its ValueError says in words
    what is allowed. ``default`` is for people.
    """

    key: str
    field: str
    doc: str
    read: Callable[[str], object]
    default: str = ""
    secret: bool = False
    in_files: bool = True

    @property
    def variable(self) -> str:
        """The environment's name for it: ``CIAO_S2I_REGISTRY`` for ``s2i.registry``."""
        return "CIAO_" + self.key.upper().replace(".", "_")


def _path(text: str) -> Path:
    """Absolute, because the processes that watch over jobs work in folders of their own."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise ValueError("must be a full path, because this user has no home folder") from None


def _word(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be {' or '.join(allowed)}" + did_you_mean(text, allowed, before=". "))
        return text

    return read


def _number(unit: str, *, factor: float = 1.0) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not 0 <= number < math.inf:
            raise ValueError(f"must be a number of {unit}, 0 or more")
        return number * factor

    return read


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError("must be a whole number, 1 or more")
    return int(text)


def _user(text: str) -> int | None:
    if text == "none":
        return None
    if not (text.isascii() and text.isdigit()):
        raise ValueError("must be the number of a user, or none")
    return int(text)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("must be true or false")
    return text.lower() == "true"


def _image(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][-A-Za-z0-9._/:@]*", text):
        raise ValueError("must be the name of an image, such as registry.example/team/base:1")
    return text


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([a-z]{0,2})", text.lower(), re.ASCII)
    suffix = match[2] if match else "?"
    if match and suffix in SUFFIXES:
        return int(float(match[1]) * 10 ** SUFFIXES[suffix])
    if match and suffix in BINARY_SUFFIXES:
        return int(float(match[1]) * 2 ** BINARY_SUFFIXES[suffix])
    raise ValueError("must be a size such as 500Mi or 2Gi")


def _quantity(example: str) -> Callable[[str], str]:
    """The shape of a Kubernetes quantity; its meaning is for the interpreter, as in a cell."""

    def read(text: str) -> str:
        if not re.fullmatch(r"(\d+(\.\d*)?|\.\d+)([num]|[kKMGTPE]i?|[eE][+-]?\d+)?", text, re.ASCII):
            raise ValueError(f"must be a Kubernetes quantity such as {example}")
        return text

    return read


def _namespace(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", text, re.ASCII):
        raise ValueError("must be a Kubernetes name: a-z, 0-9 and '-'")
    return text


def _resources() -> Iterator[Setting]:
    for role in Role:
        name = role.value
        yield Setting(
            key=f"{name}.cpu",
            field=name,
            doc=f"CPU of each {name} for which a cell states none",
            read=_quantity("500m"),
        )
        yield Setting(
            key=f"{name}.memory",
            field=name,
            doc=f"Memory of each {name} for which a cell states none",
            read=_quantity("1Gi"),
        )


def _images() -> Iterator[Setting]:
    for framework in ("tensorflow", "pytorch", "jax", "xgboost", "paddle", "mpi"):
        yield Setting(
            key=f"images.{framework}",
            field="images",
            doc=f"The image of {framework} cells that name none (for a cluster)",
            read=_image,
        )


SETTINGS: tuple[Setting, ...] = (
    Setting(
        key="home", field="home", default="~/.ciao", read=_path, in_files=False,
        doc="The folder of jobs and of the user's config.yaml; only as a variable",
    ),
    Setting(key="backend", field="backend", default="local", read=_word(*BACKENDS), doc="Where jobs run"),
    Setting(
        key="python", field="python", default="the kernel's own", read=str,
        doc="The Python that runs local replicas: a path, or a command on PATH",
    ),
    Setting(
        key="local.replicas", field="local_replicas", default="64", read=_count,
        doc="The most replicas of one job on this machine",
    ),
    Setting(
        key="cluster.replicas", field="cluster_replicas", default="2000", read=_count,
        doc="The most replicas of one job on a cluster",
    ),
    Setting(
        key="grace", field="grace", default="5", read=_number("seconds"),
        doc="Seconds that a replica has to end by itself before it is killed",
    ),
    Setting(
        key="keep.days", field="keep_for", default="14", read=_number("days", factor=86400.0),
        doc="Days for which log and code of an ended job are kept; files that it saved stay",
    ),
    Setting(
        key="keep.bytes", field="keep_bytes", default="2Gi", read=_bytes,
        doc="The most that logs and code of ended jobs may take; the oldest go first",
    ),
    *_resources(),
    Setting(key="kubeconfig", field="kubeconfig", read=_path, doc="The cluster's credentials (for a cluster)"),
    Setting(key="namespace", field="namespace", read=_namespace, doc="Where jobs are created (for a cluster)"),
    *_images(),
    Setting(
        key="logs.live", field="live", default="50", read=_count,
        doc="How many replicas' lines are shown as they come; of the others only those that fail (for a cluster)",
    ),
    Setting(
        key="pods.user", field="run_as", default="1000", read=_user,
        doc="The number of the user that pods run as; none: the cluster chooses, as OpenShift does (for a cluster)",
    ),
    Setting(
        key="volumes.host", field="host_paths", default="false", read=_boolean,
        doc="true: a cell may mount folders of the nodes (for a cluster)",
    ),
    Setting(
        key="s2i.provider", field="s2i_provider", read=_word(*PROVIDERS),
        doc="How code becomes an image (for a cluster)",
    ),
    Setting(key="s2i.registry", field="s2i_registry", read=str, doc="Where images are pushed (for a cluster)"),
    Setting(key="s2i.username", field="s2i_username", read=str, doc="The registry's user (for a cluster)"),
    Setting(
        key="s2i.password", field="s2i_password", read=str, secret=True, doc="The registry's password (for a cluster)"
    ),
)  # fmt: skip

BY_KEY: Mapping[str, Setting] = MappingProxyType({s.key: s for s in SETTINGS})
