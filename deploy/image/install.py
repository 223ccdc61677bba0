"""Runs while the image is built: `install.py dependencies`, then `install.py ciao`.

With a folder `wheels` beside it, it installs from that and needs no network; else from the index that pip is set up
for. Nothing is compiled but Python to bytecode.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
WHEELS = HERE / "wheels"
TARGET = Path("/opt/ciao")
OUT = Path("/out")
"""What Ciao itself adds, at its places: a layer of its own, so that a new version of it is a small one."""
EXTRA = "gateway"
BUILD_TOOLS = ("pip", "setuptools", "wheel")
"""Of the base image; the Dockerfile removes them."""
KEPT = ("init.py", "healthy.py")
"""What the container runs of this folder."""


def dependencies() -> None:
    """An environment with all that Ciao needs, by the versions that it is tested with. The base's packages are seen."""
    venv.create(TARGET, system_site_packages=True, symlinks=True, with_pip=False)
    asked = requirements((HERE / "pyproject.toml").read_text())
    pip("install", "--only-binary=:all:", "--constraint", str(HERE / "constraints.txt"), *asked)
    shutil.copytree(HERE, TARGET / "image", ignore=lambda _, names: {one for one in names if one not in KEPT})
    compiled(TARGET)


def ciao() -> None:
    """Ciao itself, its kernelspec, and what is in the image."""
    made = HERE / "made"
    pip("wheel", "--no-deps", "--wheel-dir", str(made), str(HERE))
    alone = ("--no-index", "--find-links", str(made))  # by its name: the place of a file would be written down
    pip("install", *alone, "--no-deps", "--root", str(OUT), project((HERE / "pyproject.toml").read_text())["name"])
    compiled(OUT / TARGET.relative_to("/"))
    bill = OUT / "usr/share/doc/ciao"
    bill.mkdir(parents=True)
    shutil.copy(HERE / "LICENSE", bill)
    places = [str(place) for place in sites()]
    left_out = [f"--without={name}" for name in BUILD_TOOLS]
    with (bill / "sbom.json").open("w") as file:
        subprocess.run([sys.executable, str(HERE / "sbom.py"), *left_out, *places], stdout=file, check=True)


def requirements(text: str) -> list[str]:
    """Of Ciao with its gateway."""
    says = project(text)
    return [*says["dependencies"], *says["optional-dependencies"][EXTRA]]


def project(text: str) -> dict[str, Any]:
    """What a pyproject.toml says."""
    found: dict[str, Any] = tomllib.loads(text)["project"]
    return found


def pip(command: str, *arguments: str) -> None:
    """For the environment; by the wheel of pip, or else by pip of the base image."""
    (wheel,) = WHEELS.glob("pip-*.whl") if WHEELS.is_dir() else (None,)
    program = [str(wheel / "pip")] if wheel else ["-m", "pip"]
    said = ("--python", str(TARGET / "bin/python"), command, "--quiet", "--no-cache-dir", "--disable-pip-version-check")
    more = ("--no-compile", "--no-warn-script-location") if command == "install" else ()
    subprocess.run([sys.executable, *program, *said, *more, *arguments], env=variables(os.environ), check=True)


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Also for the pip that pip itself starts to build a wheel."""
    pins = str(HERE / "constraints.txt")
    alone = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(WHEELS)} if WHEELS.is_dir() else {}
    return {**environ, "PIP_CONSTRAINT": pins, "PIP_BUILD_CONSTRAINT": pins, **alone}


def compiled(folder: Path) -> None:
    """Bytecode that names the content of its source, not its time: times of files are nobody's business."""
    python = [str(TARGET / "bin/python"), "-m", "compileall", "-q", "-j0", "--invalidation-mode=unchecked-hash"]
    places = ["-s", str(OUT), "-p", "/"] if folder.is_relative_to(OUT) else []
    subprocess.run([*python, *places, str(folder)], check=False)  # some packages carry files for other Pythons


def sites() -> list[Path]:
    """Where packages are: the environment's, what Ciao adds to them, the base's."""
    ask = [str(TARGET / "bin/python"), "-c", "import site; print(*site.getsitepackages(), sep='\\n')"]
    told = subprocess.run(ask, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return [place for name in told for place in (OUT / name.lstrip("/"), Path(name)) if place.is_dir()]


if __name__ == "__main__":
    {"dependencies": dependencies, "ciao": ciao}[sys.argv[1]]()
