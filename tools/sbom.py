"""What is in an image: every package of Debian and of Python with its version and licence, as CycloneDX 1.5 in JSON.

Usage: python tools/sbom.py [--root FOLDER] [--without PACKAGE ...] PACKAGES_FOLDER ...

Needs the standard library alone: it runs while the image is built. Of the same image it writes the same bytes, so it
has no time and no serial number. What is compiled into a package (Rust crates of uv, libzmq of pyzmq) is not seen.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

if TYPE_CHECKING:
    from email.message import Message

STATUS = "var/lib/dpkg/status"
SUBJECT = "ciao-kernel"
"""The package by whose version the image is known."""
MANY = 80
"""Characters above which what a package says of its licence is its text, not its name."""

Component = dict[str, Any]


def bill(root: Path, packages: Iterable[Path], *, without: Iterable[str] = ()) -> dict[str, Any]:
    """All of it. ``packages`` are folders with Python's packages; of two with one name the first counts."""
    python = list(from_python(packages, without=frozenset(without)))
    debian = list(from_debian(root))
    version = next((one["version"] for one in python if one["name"] == SUBJECT), "")
    subject = {"type": "container", "name": "ciao-gateway", "version": version}
    every = [*_system(root), *_interpreter(debian), *debian, *python]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": subject},
        "components": sorted(every, key=lambda one: (one["type"], one.get("purl", ""), one["name"])),
    }


def from_debian(root: Path) -> Iterator[Component]:
    """What dpkg says is installed."""
    status = root / STATUS
    distro = "-".join(_release(root))
    for entry in status.read_text("utf-8").split("\n\n") if status.exists() else ():
        fields = dict(re.findall(r"^([A-Z][\w-]*): (.*)$", entry, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            name, version = fields["Package"], fields["Version"]
            qualifiers = f"arch={fields['Architecture']}" + (f"&distro={distro}" if distro else "")
            purl = f"pkg:deb/debian/{quote(name, safe='')}@{quote(version, safe='')}?{qualifiers}"
            found = debian_licences(root, name)
            yield _component(name, version, purl, [{"license": {"name": one}} for one in found])


def debian_licences(root: Path, package: str) -> list[str]:
    """Those that its copyright file names. One in free text names those of Debian's common licences it refers to."""
    path = f"usr/share/doc/{package}/copyright"
    try:
        text = (root / path).read_text("utf-8", errors="replace")
    except OSError:
        return [f"see /{path}"]
    formatted = re.match(r"Format(-Specification)?:", text.lstrip())
    pattern = r"^License:[ \t]*(\S.*)$" if formatted else r"/usr/share/common-licenses/([\w.+-]*\w)"
    names = re.findall(pattern, text, re.MULTILINE)
    return list(dict.fromkeys(name.strip() for name in names)) or [f"see /{path}"]


def from_python(packages: Iterable[Path], *, without: frozenset[str]) -> Iterator[Component]:
    """What is installed in these folders."""
    seen = set(without)
    for one in distributions(path=[str(folder) for folder in packages]):
        name = re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower()
        if name not in seen:
            seen.add(name)
            purl = f"pkg:pypi/{name}@{quote(one.version, safe='')}"
            yield _component(name, one.version, purl, python_licences(one))


def python_licences(package: Distribution) -> list[Mapping[str, Any]]:
    """An expression if it has one, which is the newer way; else a name, else what it is classified as."""
    says = cast("Message", package.metadata)  # typeshed leaves out that it is one
    if expression := says.get("License-Expression"):
        return [{"expression": expression}]
    classified = [line.rpartition(" :: ")[2] for line in says.get_all("Classifier") or () if line.startswith("License")]
    told = (says.get("License") or "").strip()
    short = bool(told) and told != "UNKNOWN" and "\n" not in told and len(told) <= MANY
    names = [told] if short else classified or ["see its METADATA"]
    return [{"license": {"name": name}} for name in names]


def _component(name: str, version: str, purl: str, licences: list[Any]) -> Component:
    return {
        "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, "licenses": licences
    }  # fmt: skip


def _release(root: Path) -> list[str]:
    """As `debian` and `12`."""
    file = root / "etc/os-release"
    says = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', file.read_text("utf-8"), re.MULTILINE)) if file.exists() else {}
    return [says[name] for name in ("ID", "VERSION_ID") if name in says]


def _system(root: Path) -> Iterator[Component]:
    if release := _release(root):
        name, version = (*release, "")[:2]
        yield {"type": "operating-system", "bom-ref": f"{name}@{version}", "name": name, "version": version}


def _interpreter(debian: Iterable[Component]) -> Iterator[Component]:
    """Python, if it is no package of Debian's."""
    if not any(one["name"] == "python3" for one in debian):
        version = platform.python_version()
        purl = f"pkg:generic/python@{version}"
        yield _component("python", version, purl, [{"license": {"id": "Python-2.0"}}])


def main(arguments: list[str]) -> int:
    """To standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="+", type=Path, help="a folder with packages of Python")
    parser.add_argument("--root", type=Path, default=Path("/"), help="where Debian is")
    parser.add_argument("--without", action="append", default=[], help="a package of Python that is not in the image")
    given = parser.parse_args(arguments)
    json.dump(bill(given.root, given.packages, without=given.without), sys.stdout, indent=1)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
