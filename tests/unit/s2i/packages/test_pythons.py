"""Which Python an image has, by the shapes in which Pythons come into images."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

import pytest

from ciao.s2i.packages.contents import Tree
from ciao.s2i.packages.pythons import Pythons

SITE = "lib/python3.11/site-packages"

DEBIAN = Tree(
    files={
        "usr/bin/python3.11": "",
        "lib/x86_64-linux-gnu/libc.so.6": "2.36",
        "var/lib/dpkg/status": "3.11.2",
        "usr/lib/python3/dist-packages/numpy-1.24.2.egg-info/PKG-INFO": "",
        "usr/lib/python3/dist-packages/six-1.16.0.egg-info": "",
        "usr/lib/python3/dist-packages/Foo_Bar-1.0-py3.11.egg-info": "",
        "usr/lib/python3/dist-packages/wheel-0.38.4.dist-info/METADATA": "",
        "usr/local/lib/python3.11/dist-packages/wheel-0.45.dist-info/METADATA": "",
        "opt/other/lib/python3.11/site-packages/hidden-1.0.dist-info/METADATA": "",
    },
    links={"bin": "usr/bin", "usr/bin/python3": "python3.11", "usr/bin/python": "python3"},
)
OFFICIAL = Tree(
    files={
        "usr/local/bin/python3.12": "",
        "usr/local/include/python3.12/patchlevel.h": "3.12.4",
        "usr/bin/python3.11": "",
        "usr/lib/x86_64-linux-gnu/libc-2.31.so": "",
        "usr/local/lib/python3.12/site-packages/pip-24.0.dist-info/METADATA": "",
        "usr/lib/python3/dist-packages/lsb-1.0.dist-info/METADATA": "",
    },
    links={"usr/local/bin/python3": "python3.12", "usr/bin/python3": "python3.11"},
)
CONDA = Tree(
    files={
        "opt/conda/bin/python3.11": "",
        "opt/conda/conda-meta/python-3.11.9-h955ad1f_0.json": "",
        f"opt/conda/{SITE}/torch-2.4.0+cu121.dist-info/METADATA": "",
        "usr/bin/python3.10": "",
        "lib64/libc.so.6": "2.35",
    },
    links={"opt/conda/bin/python3": "python3.11", "usr/bin/python3": "python3.10"},
)
VENV = Tree(
    files={
        "usr/bin/python3.11": "",
        "opt/venv/pyvenv.cfg": "false",
        f"opt/venv/{SITE}/jax-0.4.30.dist-info/METADATA": "",
        "usr/lib/python3/dist-packages/numpy-1.24.2.dist-info/METADATA": "",
        "usr/lib64/libc.so.6": "2.34",
    },
    links={
        "opt/venv/bin/python3": "python",
        "opt/venv/bin/python": "/usr/bin/python3",
        "usr/bin/python3": "python3.11",
    },
)
ALPINE = Tree(
    files={"usr/local/bin/python3.13": "", "lib/ld-musl-x86_64.so.1": ""}, links={"usr/local/bin/python3": "python3.13"}
)
COPIED = Tree(files={"python/bin/python3": "", "python/bin/python3.11": "", "lib/libc.so.6": "2.36"})
PYPY = Tree(
    files={"opt/pypy/bin/pypy3.10": "", "lib/libc.so.6": "2.36"}, links={"usr/bin/python3": "/opt/pypy/bin/pypy3.10"}
)


@pytest.mark.parametrize(
    ("tree", "path", "version", "libc", "has"),
    [
        (
            DEBIAN,
            "",
            "3.11.2",
            "glibc 2.36",
            {"foo-bar": "1.0", "numpy": "1.24.2", "six": "1.16.0", "wheel": "0.45"},
        ),
        (OFFICIAL, "", "3.12.4", "glibc 2.31", {"pip": "24.0"}),
        (CONDA, "/opt/conda/bin:/usr/bin", "3.11.9", "glibc 2.35", {"torch": "2.4.0+cu121"}),
        (VENV, "/opt/venv/bin:/usr/bin", "3.11", "glibc 2.34", {"jax": "0.4.30"}),
        (ALPINE, "", "3.13", "musl", {}),
        (COPIED, "/python/bin", "3.11", "glibc 2.36", {}),
    ],
    ids=["debian", "official", "conda", "venv", "alpine", "copied"],
)
def test_the_first_python3_on_the_path_is_the_one(
    tree: Tree, path: str, version: str, libc: str, has: Mapping[str, str]
) -> None:
    found = Pythons(tree, {"PATH": path} if path else {})
    python = found.python3()
    assert python is not None
    assert (found.version(python), found.libc(), found.distributions(python)) == (version, libc, has)


def test_a_venv_may_see_what_is_below_it() -> None:
    tree = Tree(files={**VENV.files, "opt/venv/pyvenv.cfg": "true"}, links=VENV.links)
    found = Pythons(tree, {"PATH": "/opt/venv/bin"})
    assert set(found.distributions(str(found.python3()))) == {"jax", "numpy"}


def test_pythonpath_goes_first() -> None:
    more = {"srv/site-packages/numpy-3.0.dist-info/METADATA": ""}
    found = Pythons(Tree(files={**DEBIAN.files, **more}, links=DEBIAN.links), {"PYTHONPATH": "/srv/site-packages:rel"})
    assert found.distributions(str(found.python3()))["numpy"] == "3.0"


def test_a_version_that_the_image_states_counts_only_for_that_python() -> None:
    assert Pythons(VENV, {"PATH": "/usr/bin", "PYTHON_VERSION": "3.11.8"}).version("usr/bin/python3") == "3.11.8"
    assert Pythons(VENV, {"PATH": "/usr/bin", "PYTHON_VERSION": "3.9.1"}).version("usr/bin/python3") == "3.11"


def test_another_implementation_is_seen() -> None:
    found = Pythons(PYPY, {})
    assert (found.implementation(str(found.python3())), found.version(str(found.python3()))) == ("pypy", "3.10")


@pytest.mark.parametrize(
    "links",
    [{}, {"usr/bin/python3": "python3.9"}, {"usr/bin/python3": "python3"}, {"usr/bin": "../bin", "bin": "usr/bin"}],
    ids=["none", "dangling", "itself", "in a circle"],
)
def test_there_may_be_no_python3(links: Mapping[str, str]) -> None:
    tree = Tree(files={posixpath.join("opt", "python3.11"): ""}, links=links)
    assert Pythons(tree, {}).python3() is None
