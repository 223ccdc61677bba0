"""What the image says of itself, and what is in it and what is not."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ciao import __version__
from cluster import image_folder

pytestmark = [pytest.mark.builders, pytest.mark.timeout(900)]  # the first one waits until it is built

Files = Mapping[str, tarfile.TarInfo]
LIMIT = 115e6
"""Bytes that a node pulls."""
PROGRAMS = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/opt/ciao/bin/")
TOOLS = re.compile(
    r"(.*-)?(gcc|g\+\+|cc|c\+\+|clang|ld|as|make|cmake|cargo|rustc|go|pip\d*(\.\d+)?|easy_install|git)(-\d+)?"
)
SITE = "/opt/ciao/lib/python3.11/site-packages/"


def test_it_runs_the_gateway_as_a_user_who_is_not_root(config: Mapping[str, Any]) -> None:
    assert config["User"] == "1000:1000"
    assert config["Entrypoint"] == ["python", "-I", "-S", "/opt/ciao/image/init.py", "python", "-m", "ciao"]
    assert config["Cmd"] == ["gateway", "--ip=0.0.0.0"]
    assert set(config["ExposedPorts"]) == {"8889/tcp"}
    assert set(config["Volumes"]) == {"/home/ciao", "/tmp"}
    assert config["WorkingDir"] == "/home/ciao"
    assert config["Healthcheck"]["Test"] == ["CMD", "python", "-I", "-S", "/opt/ciao/image/healthy.py"]


def test_its_labels_say_what_it_is(config: Mapping[str, Any]) -> None:
    labels = {name.removeprefix("org.opencontainers.image."): text for name, text in config["Labels"].items()}
    assert labels.keys() == {"title", "description", "licenses", "version", "revision"}
    assert (labels["version"], labels["licenses"]) == (__version__, "Apache-2.0")


def test_its_variables_are_few_and_none_is_of_the_machine_that_built_it(image: Path, config: Mapping[str, Any]) -> None:
    names = {one.partition("=")[0] for one in config["Env"]}
    assert names == {"PATH", "HOME", "USER", "LANG", "PYTHONDONTWRITEBYTECODE"}
    told = repr(image_folder.config(image)["history"])
    assert not re.search(r"(?i)token|password|secret|proxy|index", told)


def test_there_is_nothing_in_it_with_which_software_is_made(files: Files) -> None:
    programs = {path: path.rpartition("/")[2] for path in files if path.rpartition("/")[0] + "/" in PROGRAMS}
    assert {"/opt/ciao/bin/python", "/opt/ciao/bin/ciao", "/opt/ciao/bin/uv"} <= programs.keys()
    assert [path for path, name in programs.items() if TOOLS.fullmatch(name)] == []
    packages = re.compile(
        r"/(?:python[\d.]+|(?:site|dist)-packages)/(pip|setuptools|wheel|ensurepip)(-[\d.]+\.dist-info)?(/|$)"
    )
    assert [path for path in files if packages.search(path)] == []


def test_nothing_of_the_build_is_left(files: Files) -> None:
    left = re.compile(
        r"^/(context|out)(/|$)|\.whl$|/direct_url\.json$|^/root/\.(cache|config|local)|^/tmp/.|^/var/(cache/apt|lib/apt/lists)/."
    )
    assert [path for path in files if left.search(path)] == []


def test_no_file_gives_rights_and_none_can_be_changed_by_everyone(files: Files) -> None:
    plain = {path: one for path, one in files.items() if one.isfile()}
    assert [
        path
        for path, one in plain.items()
        if one.mode & 0o6000 or "SCHILY.xattr.security.capability" in one.pax_headers
    ] == []
    assert [path for path, one in plain.items() if one.mode & 0o002] == []
    assert {path for path, one in files.items() if one.isdir() and one.mode & 0o002} <= {
        "/tmp",
        "/var/tmp",
        "/run/lock",
    }
    assert {path for path in files if path.startswith("/opt/ciao") and (files[path].uid or files[path].gid)} == set()


def test_the_home_is_for_the_user_and_for_whoever_is_of_the_group_of_root(files: Files) -> None:
    home = files["/home/ciao"]
    assert (home.uid, home.gid, oct(home.mode & 0o7777)) == (1000, 0, "0o775")


def test_the_bill_lists_every_package_of_python_and_no_other(files: Files, bill: Mapping[str, Any]) -> None:
    infos = (re.search(r"-packages/([^/]+)-([^/-]+)\.dist-info/METADATA$", path) for path in files)
    installed = {(re.sub(r"[-_.]+", "-", one[1]).lower(), one[2]) for one in infos if one}
    listed = {(one["name"], one["version"]) for one in bill["components"] if "pkg:pypi/" in one.get("purl", "")}
    assert listed == installed
    assert ("ciao-kernel", __version__) in listed


def test_it_lists_every_package_of_debian_and_no_other(image: Path, bill: Mapping[str, Any]) -> None:
    status = image_folder.read(image, "var/lib/dpkg/status").decode()
    entries = [one for one in status.split("\n\n") if "\nStatus: install ok installed\n" in one]
    installed = {one.split("\n", 1)[0].removeprefix("Package: ") for one in entries}
    assert {one["name"] for one in bill["components"] if "pkg:deb/" in one.get("purl", "")} == installed
    assert "python3.11-minimal" in installed


def test_it_knows_a_licence_of_each_and_debians_own_words_are_in_the_image(
    files: Files, bill: Mapping[str, Any]
) -> None:
    packages = [one for one in bill["components"] if one["type"] == "library"]
    unknown = [one["name"] for one in packages if "see its METADATA" in repr(one["licenses"]) or not one["licenses"]]
    assert unknown == []
    debian = [one["name"] for one in packages if "pkg:deb/" in one["purl"]]
    there = [name for name in debian if {f"/usr/share/doc/{name}", f"/usr/share/doc/{name}/copyright"} & files.keys()]
    assert there == debian


def test_python_finds_bytecode_that_is_right_whatever_the_time_of_its_source(image: Path, files: Files) -> None:
    sources = [path for path in files if path.startswith(f"{SITE}ciao/") and path.endswith(".py")]
    compiled = {path: re.sub(r"([^/]+)\.py$", r"__pycache__/\1.cpython-311.pyc", path) for path in sources}
    assert [path for path, other in compiled.items() if other not in files] == []
    code = image_folder.read(image, compiled[f"{SITE}ciao/__main__.py"].lstrip("/"))
    assert int.from_bytes(code[4:8], "little") == 0b01, "known by the hash of its source, which is not asked for"
    assert b"/context" not in code
    assert b"/out/" not in code


def test_files_that_were_added_have_one_time(files: Files) -> None:
    from cluster.gateway import MADE

    assert {one.mtime for path, one in files.items() if path.startswith("/opt/ciao/")} == {MADE}


def test_it_is_small(image: Path) -> None:
    assert image_folder.size(image) < LIMIT
