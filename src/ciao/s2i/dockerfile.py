"""What a Dockerfile needs to install the packages of a cell: the files that it copies, and the lines that install them.

A builder runs pip in the base image, so that a source distribution is built with what that has. What the base has
already stays as it is. The packages go where the runner looks for them, in a folder of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from ciao.errors import BundleError
from ciao.s2i.layer import Entry
from ciao.s2i.packages.indexes import Sources, secrets_of, sources
from ciao.s2i.packages.wanted import Index, Wanted
from ciao.s2i.packages.words import read
from ciao.settings import Settings

__all__ = ["PACKAGES", "SITE", "install", "package_entries"]

PACKAGES = "ciao/packages"
"""Where what is to be installed lies in a context, and in the stage that installs it."""

SITE = "/ciao/site"
"""Where that stage leaves all of it."""

_PREFIX = "/ciao/prefix"

_PIP = (
    "python3", "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--no-warn-script-location",
    f"--prefix={_PREFIX}", f"--requirement=/{PACKAGES}/requirements.txt",
)  # fmt: skip

_GATHER = (
    f"import glob, os, shutil; os.makedirs('{SITE}', exist_ok=True);"
    f" take = lambda what, to: [shutil.copytree(d, to, dirs_exist_ok=True) for place in ('', 'local/')"
    f" for d in glob.glob('{_PREFIX}/' + place + what)];"
    f" take('lib*/python3*/*-packages', '{SITE}'); take('bin', '{SITE}/bin')"
)
"""Whatever the distribution calls the folders below a prefix. One line, for a shell is not in every image."""


def install(source: str = "") -> Sequence[str]:
    """The lines of a stage, after its FROM. ``source``: what COPY is told of where the files are, such as ``--from=``.

    The stage is thrown away, so it may be root's.
    """
    copy = f"COPY {source} /{PACKAGES} /{PACKAGES}/" if source else f"COPY {PACKAGES} /{PACKAGES}/"
    pip, gather = json.dumps(list(_PIP)), json.dumps(["python3", "-c", _GATHER])
    return ("USER 0", copy, "ENV PIP_BREAK_SYSTEM_PACKAGES=1", f"RUN {pip}", f"RUN {gather}")


def package_entries(lines: Sequence[str], folder: Path, settings: Settings) -> tuple[Entry, ...]:
    """The requirements file and the wheels that it names, sorted; none for no lines.

    Raises BundleError, which shows no credential, for what cannot be read or may not be used, and for an index with a
    password: that would be in the image.
    """
    if not lines:
        return ()
    wanted = read(lines, folder)
    found = sources(wanted, settings)
    _check(found)
    texts = {"requirements.txt": [*_options(wanted, found, settings), *_requirements(wanted)]}
    if wanted.constraints:
        texts["constraints.txt"] = sorted(wanted.constraints)
    files = {name: "".join(f"{line}\n" for line in lines).encode() for name, lines in texts.items()}
    entries = [Entry(path=f"{PACKAGES}/{name}", source=text) for name, text in files.items()]
    entries += [Entry(path=f"{PACKAGES}/{wheel.path.name}", source=wheel.path) for wheel in wanted.wheels]
    return tuple(sorted(entries, key=lambda entry: entry.path))


def _check(found: Sources) -> None:
    if secrets_of(found):
        raise BundleError(
            "an index of packages has a password in its address, and a builder would keep that in the image",
            hint="Use %s2i=append, which installs packages on this side",
        )
    if folder := next((link for link in found.links if isinstance(link, Path)), None):
        raise BundleError(
            f"--find-links {folder} is a folder of this machine, where a builder cannot look",
            hint="Name the wheels themselves: %package=dist/name-1.0-py3-none-any.whl",
        )


def _options(wanted: Wanted, found: Sources, settings: Settings) -> Iterator[str]:
    """An index that nobody named is not named here, either: the image may have one of its own."""
    if found.none:
        yield "--no-index"
    elif wanted.index or settings.packages_index:
        yield f"--index-url {found.index.url}"
    if not found.none:
        yield from (f"--extra-index-url {index.url}" for index in found.extra)
    yield from (f"--find-links {link.url}" for link in found.links if isinstance(link, Index))
    yield from (f"--trusted-host {host}" for host in found.trusted)
    if found.pre:
        yield "--pre"
    if wanted.constraints:
        yield f"--constraint /{PACKAGES}/constraints.txt"


def _requirements(wanted: Wanted) -> Iterator[str]:
    yield from (requirement.line for requirement in wanted.requirements)
    yield from (f"/{PACKAGES}/{wheel.path.name}{wheel.extras}" for wheel in wanted.wheels)
