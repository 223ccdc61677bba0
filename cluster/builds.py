"""The programs, built from Go modules by go.mod files of our own, kept under a hash of all they are built from."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import compiler, layout, locks
from cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCES = Path(__file__).with_name("go")
TRAINING_OPERATOR = "github.com/kubeflow/training-operator"
TRAINER = "github.com/kubeflow/trainer/v2"
JOBSET = "sigs.k8s.io/jobset"
KUEUE_CRDS = "sigs.k8s.io/kueue"
KWOK_STAGES = "sigs.k8s.io/kwok"
TEKTON_PIPELINES = "github.com/tektoncd/pipeline"
MODULES = "modules.json"
"""Beside the programs: the folder of each module whose files are read."""
KEPT = 2
"""Builds of one module that stay in the cache: another branch of this repository may need the second."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """One go.mod and what is made of it."""

    module: str
    programs: tuple[str, ...]
    packages: str = "tool"
    minutes: int
    version: str = ""
    tags: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()

    @property
    def source(self) -> Path:
        """The folder of its go.mod."""
        return SOURCES / self.module

    @property
    def command(self) -> tuple[str, ...]:
        """The compiler's call, without where to put the result."""
        stamps = {
            "k8s.io/component-base/version.gitVersion": self.version,
            "k8s.io/component-base/version.gitMajor": self.version.strip("v").partition(".")[0],
            "k8s.io/component-base/version.gitMinor": ".".join(self.version.split(".")[1:2]),
            "k8s.io/client-go/pkg/version.gitVersion": self.version,
        }
        flags = ["-s", "-w", *(f"-X {name}={value}" for name, value in stamps.items() if value)]
        tags = ("-tags", ",".join(self.tags)) if self.tags else ()
        return ("go", "build", "-trimpath", "-ldflags", " ".join(flags), *tags, self.packages)

    @property
    def folder(self) -> Path:
        """Where its programs are kept."""
        digest = hashlib.sha256(repr(self.command).encode())
        for file in sorted(path for path in self.source.rglob("*") if path.is_file()):
            digest.update(file.relative_to(self.source).as_posix().encode() + b"\0" + file.read_bytes())
        return layout.cache() / "binaries" / f"{self.module}-{digest.hexdigest()[:16]}"


KUBERNETES = Build(
    module="kubernetes",
    programs=("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet"),
    minutes=6,
    version="v1.34.4",
)
CONTROLLERS = Build(
    module="controllers",
    programs=("training-operator.v1", "trainer-controller-manager", "jobset"),
    minutes=4,
    modules=(TRAINING_OPERATOR, TRAINER, JOBSET),
)
DNS = Build(module="dns", programs=("coredns",), minutes=1)
IMAGES = Build(module="images", programs=("pause", "nslookup"), packages="./...", minutes=1)
ALL = (KUBERNETES, CONTROLLERS, DNS, IMAGES)
CONTAINERD = Build(module="containerd", programs=("containerd", "containerd-shim-runc-v2"), minutes=2)
KWOK = Build(module="kwok", programs=("kwok",), minutes=2, modules=(KWOK_STAGES,))
KUEUE = Build(module="kueue", programs=(), minutes=0, modules=(KUEUE_CRDS,))
"""No program: a module that it is built from is in no checksum database. Only its CRDs are read."""
BUILDKIT = Build(module="buildkit", programs=("buildctl", "buildkitd"), minutes=2)
ROOTLESSKIT = Build(module="rootlesskit", programs=("rootlesskit",), minutes=1)
"""What BuildKit runs in without root."""
KANIKO = Build(module="kaniko", programs=("executor",), minutes=2)
S2I = Build(
    module="s2i",
    programs=("s2i",),
    minutes=1,
    tags=("containers_image_openpgp", "exclude_graphdriver_btrfs", "exclude_graphdriver_devicemapper"),
)
"""OpenShift's source-to-image. Without the tags it wants the headers of libraries that it does not use."""
TEKTON = Build(module="tekton", programs=("controller", "entrypoint", "nop"), minutes=4, modules=(TEKTON_PIPELINES,))
CRANE = Build(module="crane", programs=("crane",), minutes=1)
BUILDERS = (BUILDKIT, ROOTLESSKIT, KANIKO, TEKTON, S2I, CRANE)
"""What makes images in another way than a cluster's own: strategies, and what they are measured against."""
LAZY = (CONTAINERD, KWOK, KUEUE, *BUILDERS)
"""Built when first required, or by `prepare --images`: not every cluster has them."""


def build(progress: Callable[[str], None]) -> None:
    """Have every program.

    Raises:
        ClusterError: the compiler failed; with the end of what it said.
    """
    for one in ALL:
        require(one, progress)


def require(one: Build, progress: Callable[[str], None]) -> None:
    """Have its programs, and the files that are read. Of two processes that want them one builds, and the other waits.

    Raises:
        ClusterError: the compiler failed; with the end of what it said.
    """
    if not one.folder.exists():
        what = f"building {one.module}"
        with locks.held(one.folder.with_name(f"{one.module}.lock"), what=what, progress=progress):
            if not one.programs:
                one.folder.mkdir(parents=True, exist_ok=True)
            elif not one.folder.exists():
                progress(f"building {', '.join(one.programs)}: about {one.minutes} min on two cores")
                compiler.build(one.command, source=one.source, target=one.folder, progress=progress)
                _prune(one)
    folders = _read_modules(one)
    if not all(Path(folders.get(module, "missing")).exists() for module in one.modules):
        (one.folder / MODULES).write_text(json.dumps(_find_modules(one)))
    os.utime(one.folder, ns=(time.time_ns(),) * 2)  # the system's own time of a file stands still for milliseconds


def _prune(one: Build) -> None:
    """Keep the KEPT that were required last; the folder's time is when that was."""
    found = [path for path in one.folder.parent.glob(f"{one.module}-*") if path.is_dir()]
    for path in sorted(found, key=lambda path: path.stat().st_mtime_ns)[:-KEPT]:
        shutil.rmtree(path)


def program(name: str) -> str:
    """The path of a built program."""
    return next(str(one.folder / name) for one in (*ALL, *LAZY) if name in one.programs)


def sources(module: str) -> Path:
    """The folder of a module that programs are built from: its manifests are read there, never copied."""
    return next(Path(_read_modules(one)[module]) for one in (*ALL, *LAZY) if module in one.modules)


def _read_modules(one: Build) -> dict[str, str]:
    path = one.folder / MODULES
    found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return found


def _find_modules(one: Build) -> dict[str, str]:
    """Ask the compiler once; a module cache that was emptied is filled again."""
    command = ["go", "mod", "download", "-json", *one.modules]
    done = subprocess.run(command, cwd=one.source, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"`{' '.join(command)}` failed: {done.stderr.strip()}{done.stdout[-1000:]}")
    parts = done.stdout.replace("}\n{", "}\0{").split("\0")
    return {found["Path"]: found["Dir"] for found in map(json.loads, parts)}
