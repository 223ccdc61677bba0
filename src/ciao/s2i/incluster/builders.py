"""The builders, each a value: its image, how it is called, and what its pod must be allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from ciao.s2i.incluster.order import CERTIFICATE, CONTEXT, DOCKERFILE, Order

__all__ = ["BUILDERS", "HERE", "Builder"]

HERE = "Build on this machine, such as with %s2i=buildah"
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Builder:
    """``files`` are put beside those of the order, ``folder`` is where: its sub-folders are ``input`` and ``login``,
    and ``work``, which is empty and can be written. ``allowed`` is its container's securityContext, ``pod`` that of the
    pod. ``needs`` are words for a namespace that refuses it, ``level`` the strictest Pod Security level that takes it.
    ``by`` is what runs it: a Job, or a TaskRun of Tekton's. ``instead`` is the way out for whom it does not serve.
    """

    name: str
    image: str
    folder: str
    needs: str
    level: str
    command: Callable[[Order, str, str], list[str]]
    files: Callable[[Order, str], Mapping[str, str]] = lambda _order, _folder: {}
    by: Literal["Job", "TaskRun"] = "Job"
    instead: str = "Use %s2i=append, which needs no builder and no pod"
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    allowed: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    pod: Mapping[str, Any] = field(default_factory=lambda: NOTHING)

    @property
    def for_a_dockerfile(self) -> Builder:
        """The same for a Dockerfile of the user's: what builds none is no way out."""
        return replace(self, instead=HERE)

    @property
    def container(self) -> str:
        """The name of its container in the pod."""
        return "build" if self.by == "Job" else "step-build"

    @property
    def told(self) -> str:
        """The file by which it tells the digest: what is in there gets into the container's last message."""
        return "/dev/termination-log" if self.by == "Job" else "/tekton/results/digest"


_BUILD = """set -eu
cd "$1"; told=$2; shift 2
mkdir -p home context dockerfile; mkdir -m 700 -p run
export HOME="$PWD/home" XDG_RUNTIME_DIR="$PWD/run"
cp -L ../input/Dockerfile dockerfile/
[ ! -e ../input/context.tar.gz ] || tar -xzf ../input/context.tar.gz -C context
socket="unix://$PWD/run/buildkitd.sock"
rootlesskit buildkitd --config ../input/buildkitd.toml --root "$PWD/state" --addr "$socket" \\
  --oci-worker-no-process-sandbox >daemon.log 2>&1 &
daemon=$!
until buildctl --addr "$socket" debug workers >/dev/null 2>&1; do
  kill -0 "$daemon" 2>/dev/null || { cat daemon.log >&2; exit 1; }
  sleep 0.1
done
buildctl --addr "$socket" build --frontend dockerfile.v0 --progress plain --metadata-file metadata.json \\
  --local context=context --local dockerfile=dockerfile "$@"
sed -n 's/.*"containerimage.digest": *"\\(sha256:[0-9a-f]*\\)".*/\\1/p' metadata.json >"$told"
kill "$daemon"
"""
"""The daemon, for one build. Files of a ConfigMap are links, which it would send as they are: they are copied first."""


def _buildkit(order: Order, folder: str, told: str) -> list[str]:
    arguments = (f"--opt=build-arg:{name}={value}" for name, value in order.arguments.items())
    output = f"--output=type=image,name={order.destination},push=true"
    return ["sh", "-c", _BUILD, "sh", f"{folder}/work", told, *arguments, output]


def _buildkit_files(order: Order, folder: str) -> Mapping[str, str]:
    lines = list[str]()
    for host in order.hosts.all:
        lines.append(f'[registry."{host}"]')
        lines += ["http = true"] if host in order.hosts.plain else []
        lines += [f'ca = ["{folder}/input/{CERTIFICATE}"]'] if order.certificate else []
    return {"buildkitd.toml": "\n".join((*lines, ""))}


def _kaniko(order: Order, folder: str, told: str) -> list[str]:
    given = f"{folder}/input"
    context = f"tar://{given}/{CONTEXT}" if order.context else f"dir://{folder}/work"
    hosts = order.hosts
    return [
        "/kaniko/executor", "--force", f"--context={context}", f"--dockerfile={given}/{DOCKERFILE}",
        f"--destination={order.destination}", f"--digest-file={told}",
        "--log-format=text", "--snapshot-mode=redo", "--compressed-caching=false",
        *(f"--build-arg={name}={value}" for name, value in order.arguments.items()),
        *(f"--insecure-registry={host}" for host in hosts.all if host in hosts.plain),
        *(f"--registry-certificate={host}={given}/{CERTIFICATE}" for host in hosts.all if order.certificate),
    ]  # fmt: skip


BUILDKIT = Builder(
    name="cluster-buildkit",
    image="docker.io/moby/buildkit:v0.34.2-rootless",
    folder="/ciao/build",
    needs="rootless BuildKit needs seccomp Unconfined, to make namespaces of its own",
    level="privileged",
    command=_buildkit,
    files=_buildkit_files,
    env={"USER": "user"},
    allowed={
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "Unconfined"},
        "appArmorProfile": {"type": "Unconfined"},
    },
    pod={"fsGroup": 1000},
)
KANIKO = Builder(
    name="cluster-kaniko",
    image="ghcr.io/osscontainertools/kaniko:v1.28.3",
    folder="/kaniko/ciao",
    needs="kaniko runs as root of its container, to unpack the base image",
    level="baseline",
    command=_kaniko,
    allowed={
        "runAsUser": 0,
        "allowPrivilegeEscalation": False,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
)
"""Root's, but without a privilege; what is below /kaniko gets into no image."""

TEKTON = replace(KANIKO, name="tekton", by="TaskRun")
"""The successor of Knative Build runs what fits into more namespaces."""

BUILDERS: Mapping[str, Builder] = MappingProxyType({one.name: one for one in (BUILDKIT, KANIKO, TEKTON)})
