"""Layers as they come from registries: what matters in them, and how one lies over the other."""

from __future__ import annotations

import gzip
import io
import sys

import pytest
import zstandard

from ciao.s2i.packages.contents import Tree, Unreadable, merge, read_layer
from fakes.tars import tar

PYTHON = "usr/bin/python3.11"
NUMPY = "usr/lib/python3/dist-packages/numpy-1.24.2.dist-info/METADATA"


def seen(*layers: bytes) -> Tree:
    tree = Tree()
    for layer in layers:
        tree = merge(tree, read_layer(io.BytesIO(layer)))
    return tree


@pytest.mark.parametrize(
    "packed",
    [
        lambda raw: raw,
        gzip.compress,
        lambda raw: gzip.compress(raw[:700]) + gzip.compress(raw[700:]),
        lambda raw: gzip.compress(raw) + bytes(100),
    ],
    ids=["plain", "gzip", "two members", "padded"],
)
def test_a_layer_is_read_whatever_packs_it(packed: object) -> None:
    raw = packed(tar({PYTHON: "", "etc/passwd": "root", f"./{NUMPY}": "Name: numpy"}))  # type: ignore[operator]
    assert dict(seen(raw).files) == {PYTHON: "", NUMPY: ""}


def test_zstd_is_read_where_something_here_can() -> None:
    raw = zstandard.compress(tar({PYTHON: ""}))
    assert set(read_layer(io.BytesIO(raw), zstd=True).files) == {PYTHON}


def test_zstd_is_told_where_nothing_here_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setitem(sys.modules, "compression", None)
    with pytest.raises(Unreadable, match="zstd") as refused:
        read_layer(io.BytesIO(b"\x28\xb5\x2f\xfd" + bytes(20)))
    assert "pip install zstandard" in refused.value.hint


@pytest.mark.parametrize(
    "raw", [b"no tar at all" * 100, gzip.compress(tar({PYTHON: "x" * 9999}))[:60], b""], ids=["text", "cut", "empty"]
)
def test_what_is_no_layer_is_told(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        read_layer(io.BytesIO(raw))


def test_a_whiteout_removes_what_lies_below() -> None:
    tree = seen(tar({PYTHON: "", NUMPY: ""}), tar({"usr/lib/python3/dist-packages/.wh.numpy-1.24.2.dist-info": ""}))
    assert set(tree.files) == {PYTHON}


def test_an_opaque_folder_hides_all_that_is_below_and_keeps_its_own() -> None:
    above = "usr/lib/python3/dist-packages/six-1.16.0.egg-info"
    tree = seen(tar({PYTHON: "", NUMPY: ""}), tar({above: "", "usr/lib/python3/.wh..wh..opq": ""}))
    assert set(tree.files) == {PYTHON, above}


def test_a_link_in_the_place_of_a_folder_hides_what_was_in_it() -> None:
    tree = seen(tar({"opt/py/bin/python3": ""}), tar({}, links={"opt/py": "/usr"}))
    assert (dict(tree.files), dict(tree.links)) == ({}, {"opt/py": "/usr"})


def test_a_file_in_the_place_of_a_link_hides_it() -> None:
    tree = seen(tar({}, links={"usr/bin/python3": "python3.9"}), tar({"usr/bin/python3": ""}))
    assert (set(tree.files), dict(tree.links)) == ({"usr/bin/python3"}, {})


def test_what_was_removed_may_come_again() -> None:
    tree = seen(tar({NUMPY: ""}), tar({"usr/.wh.lib": ""}), tar({NUMPY: ""}))
    assert set(tree.files) == {NUMPY}


def test_words_in_files_are_found() -> None:
    status = (
        "Package: dash\nVersion: 0.5\n\nPackage: python3.11-minimal\nStatus: ok\nVersion: 3.11.2-6+deb12u3\n\n"
        "Package: python3.13\nVersion: 3.13.0-1\n"
    )
    tree = seen(
        tar(
            {
                "usr/lib/libc.so.6": b"\0\1GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\0",
                "usr/include/python3.11/patchlevel.h": '#define PY_VERSION      "3.11.7+"\n',
                "var/lib/dpkg/status": status,
                "venv/pyvenv.cfg": "home = /usr/bin\ninclude-system-site-packages = true\n",
            }
        )
    )
    assert list(tree.files.values()) == ["2.36", "3.11.7", "3.11.2", "true"]


def test_a_hard_link_is_what_it_is_linked_to() -> None:
    libc = "lib64/libc.so.6"
    raw = tar({libc: "GNU C Library version 2.28."}, links={"usr/lib64/libc.so.6": libc}, hard=True)
    assert dict(seen(raw).files) == {libc: "2.28", "usr/lib64/libc.so.6": "2.28"}
