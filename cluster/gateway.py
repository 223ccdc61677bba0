"""The image of `Dockerfile`, made on this machine by Buildah without a network inside, and kept by what it is made of.

`GATEWAY.build(print)` has it in the cache, and returns it in the form in which `registry.push` sends it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cluster import buildah, commands, image_folder, layers, layout, locks
from cluster.gateway_base import BASE, GLIBC, PYTHON
from cluster.images import Image

Progress = Callable[[str], None]
ROOT = Path(__file__).parent.parent
EXTRA = "gateway"
TOOLS = ("pip",)
"""What installs the wheels while the image is built: Debian's Python alone has none."""
MADE = 1_577_836_800
"""2020-01-01, the time of every file that the image adds: of the same content it is the same layers."""


MOST = 80
"""Images in Buildah's storage, after some four builds: then it begins anew."""


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """The image of this checkout, on Debian as it is made here, or on an image by its name in a registry.

    The revision is a label.
    """

    root: Path = ROOT
    base: Image | str = BASE
    revision: str = ""
    name: str = "ciao-gateway"

    @property
    def folder(self) -> Path:
        """Where its manifest is kept, with all that it names, each under its digest."""
        below = self.base if isinstance(self.base, str) else self.base.folder.name
        parts = [below, self.revision, buildah.VERSION_OF_USE]
        found = hashlib.sha256("\0".join(parts).encode())
        for path in context(self.root):
            content = path.read_bytes()
            found.update(f"\0{path.relative_to(self.root)}\0{path.stat().st_mode & 0o111}\0{len(content)}\0".encode())
            found.update(content)
        return layout.cache() / "images" / f"{self.name}-{found.hexdigest()[:16]}"

    def build(self, progress: Progress) -> image_folder.Kept:
        """Have the image in the cache, of the sources as they are now.

        What a name in a registry stands for may change: on such a base it is made every time.

        Raises:
            ClusterError: Buildah is missing, or a command failed; with the end of what it said.
        """
        folder = self.folder
        if isinstance(self.base, str):
            shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            lock = folder.with_name(f"{self.name}.lock")
            with locks.held(lock, what=f"making the image {self.name}", progress=progress):
                if not folder.exists():
                    self._build(folder, progress)
        layers.used(folder)
        return image_folder.Kept(name=self.name, folder=folder)

    def _build(self, folder: Path, progress: Progress) -> None:
        began = time.monotonic()
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        with self._builder() as builder, tempfile.TemporaryDirectory(dir=folder.parent) as made:
            given, by_name = Path(made), isinstance(self.base, str)
            copied(self.root, given)
            below = builder.pull(self._below(given, progress), progress)
            dated(given)
            arguments = {"BASE": below, "VERSION": version(self.root), "REVISION": self.revision}
            image = builder.build(given, arguments, made=MADE, network=by_name, progress=progress)
            builder.push(image, f"dir:{unfinished}", progress)
        image_folder.with_health_check(unfinished, (self.root / "Dockerfile").read_text())
        unfinished.rename(folder)
        progress(f"image {self.name}: made in {time.monotonic() - began:.0f} s")

    def _builder(self) -> contextlib.AbstractContextManager[buildah.Builder]:
        """With what it made for the same packages on the same base; that is half of the time."""
        if isinstance(self.base, str):
            return buildah.storage(self.folder.parent)
        key = hashlib.sha256(f"{self.base.folder.name} {Wheels(root=self.root).folder.name}".encode())
        return buildah.kept(layout.cache() / "buildah" / f"{self.name}-{key.hexdigest()[:16]}", most=MOST)

    def _below(self, given: Path, progress: Progress) -> str:
        """Where the base is. Into one of ours go wheels of this machine; another's Python is its own."""
        if isinstance(self.base, str):
            return f"docker://{self.base}"
        self.base.build(progress)
        wheels = Wheels(root=self.root)
        wheels.fetch(progress)
        shutil.copytree(wheels.folder, given / "deploy/image/wheels", copy_function=os.link)
        return f"dir:{self.base.folder}"


@dataclass(frozen=True, kw_only=True)
class Wheels:
    """All that is installed into the image but Ciao, for Debian's Python, by the versions in constraints.txt."""

    root: Path = ROOT

    @property
    def folder(self) -> Path:
        """Under a hash of what asks for them."""
        project = tomllib.loads((self.root / "pyproject.toml").read_text())
        asked = [project["project"]["dependencies"], project["project"]["optional-dependencies"][EXTRA]]
        asked += [project["build-system"]["requires"], TOOLS, PYTHON, platform.machine()]
        says = repr(asked) + (self.root / "constraints.txt").read_text()
        return layout.cache() / "wheels" / f"gateway-{hashlib.sha256(says.encode()).hexdigest()[:16]}"

    def fetch(self, progress: Progress) -> None:
        """By uv, which decides for another Python than this one, and pip, which loads them down.

        Raises:
            ClusterError: one of them failed, with what it said.
        """
        folder = self.folder
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as made:
                (Path(made) / "wheels").mkdir()
                self._fetch(Path(made), progress)
                with contextlib.suppress(OSError):  # another process has just made it
                    (Path(made) / "wheels").rename(folder)
        layers.used(folder)

    def _fetch(self, made: Path, progress: Progress) -> None:
        machine = platform.machine()
        asked, found = made / "asked.txt", made / "found.txt"
        tools = tomllib.loads((self.root / "pyproject.toml").read_text())["build-system"]["requires"]
        asked.write_text("\n".join([*tools, *TOOLS]))
        compile_ = (
            *uv(), "pip", "compile", "--quiet", "--no-header", "--no-annotate", f"--extra={EXTRA}",
            f"--python-version={PYTHON}", f"--python-platform={machine}-manylinux_2_{GLIBC}", "--only-binary=:all:",
            f"--constraint={self.root / 'constraints.txt'}", f"--output-file={found}",
            str(self.root / "pyproject.toml"), str(asked),
        )  # fmt: skip
        commands.run(compile_, what="deciding which packages the gateway needs", progress=progress, cwd=made)
        tags = [f"--platform=manylinux_2_{minor}_{machine}" for minor in range(GLIBC, 4, -1)]
        download = (
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--only-binary=:all:", f"--python-version={PYTHON}", "--implementation=cp", *tags,
            f"--platform=manylinux2014_{machine}", f"--platform=linux_{machine}",
            f"--dest={made / 'wheels'}", f"--requirement={found}",
        )  # fmt: skip
        commands.run(download, what="downloading the gateway's packages", progress=progress, cwd=made)


def context(root: Path) -> Iterator[Path]:
    """Every file that .dockerignore lets through, in a fixed order."""
    words = [line.strip() for line in (root / ".dockerignore").read_text().splitlines()]
    for path in sorted(root / word[1:] for word in words if word.startswith("!")):
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file


def copied(root: Path, target: Path) -> None:
    """These files, alone in a folder."""
    for path in context(root):
        copy = target / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)


def dated(folder: Path) -> None:
    """One time for every file: a step is known to be the same by its files, and by their times."""
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (MADE, MADE))


def version(root: Path) -> str:
    """Of Ciao, as its source says."""
    text = (root / "src/ciao/__init__.py").read_text()
    return next(line.split('"')[1] for line in text.splitlines() if line.startswith("__version__"))


def uv() -> tuple[str, ...]:
    """The program that Ciao depends on."""
    from uv import find_uv_bin

    return (find_uv_bin(),)


GATEWAY = Gateway()
