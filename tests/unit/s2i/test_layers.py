"""Layers: the same bytes on every machine, and nothing in them that could surprise a base image."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import itertools
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest

import ciao
from ciao.errors import BundleError
from ciao.s2i import layers
from ciao.s2i.layer import Entry, Layer
from ciao.s2i.layers import pack

FILES = [
    Entry(path="ciao/code/cell_3.py", source="print('é')\r\n\n".encode()),
    Entry(path="ciao/code/site/bin/tool", source=b"#!/usr/bin/env python3\n", executable=True),
    Entry(path="ciao/code/files/" + "long/" * 40 + "name.txt", source=b""),
    Entry(path="ciao/code/files/grüße 漢字.txt", source=b"1" * 512),
]
KNOWN = "sha256:c07be6c5bb5ac9ecb7d69fee15d5a0926c2dc0f414be65940c466d7656b96940"
"""Of the layer of FILES. If it changes, every image that was ever pushed is pushed anew: that needs a reason."""

PROGRAM = """
import os, sys, time
os.umask(int(sys.argv[1], 8))
from pathlib import Path
from ciao.s2i.layer import Entry
from ciao.s2i.layers import pack
root = Path(sys.argv[2])
found = [path for path in root.rglob("*") if path.is_file()]
entries = [Entry(path=path.relative_to(root).as_posix(), source=path, executable=path.name == "tool") for path in found]
entries += [Entry(path=name, source=name.encode()) for name in {"set/a", "set/b", "set/c", "set/d"}]
if sys.argv[3] == "reversed":
    entries.reverse()
print(pack(entries).digest, pack(entries, compress=True).diff_id)
"""


def members(layer: Layer) -> dict[str, tarfile.TarInfo]:
    assert isinstance(layer.content, bytes)
    with tarfile.open(fileobj=io.BytesIO(layer.content)) as tar:
        return {member.name: member for member in tar}


def test_the_digest_is_a_function_of_the_files_and_nothing_else() -> None:
    assert {pack(order).digest for order in itertools.permutations(FILES)} == {KNOWN}


def test_the_compressed_layer_has_the_diff_id_of_the_plain_one() -> None:
    plain, small = pack(FILES), pack(FILES, compress=True)
    assert isinstance(small.content, bytes)
    assert plain.digest == plain.diff_id == small.diff_id != small.digest
    assert gzip.decompress(small.content) == plain.content
    assert small.digest == f"sha256:{hashlib.sha256(small.content).hexdigest()}"
    assert small.content[4:8] == bytes(4)  # no time in its header
    assert (plain.media_type, small.media_type) == (layers.TAR, layers.GZIP)


def interpreters() -> list[str]:
    found = [sys.executable]
    for version in ("3.12", "3.13", "3.14"):
        found += map(str, sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))[:1])
    return found


@pytest.mark.parametrize("python", interpreters())
def test_two_machines_with_other_habits_make_the_same_layer(python: str, tmp_path: Path) -> None:
    """Other umask, modes, times, order of files, locale, time zone, hash seed and Python."""
    found = set()
    habits = (
        (sys.executable, "022", 1_000_000_000, "as found", "C", "UTC", "0"),
        (python, "077", 1_700_000_000, "reversed", "C.UTF-8", "Asia/Tokyo", "4711"),
    )
    for number, (program, umask, when, order, locale, zone, seed) in enumerate(habits):
        root = tmp_path / str(number)
        for name in ("src/a.py", "src/B.py", "src/bin/tool", "é.txt")[:: 1 - 2 * number]:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name, "utf-8")
            path.chmod(0o600 + 0o66 * number)
            os.utime(path, (when, when))
        environ = {"LC_ALL": locale, "TZ": zone, "PYTHONHASHSEED": seed, "PYTHONUTF8": "1"}
        environ |= {"PYTHONPATH": str(Path(ciao.__file__).parent.parent), "PYTHONDONTWRITEBYTECODE": "1"}
        argv = [program, "-c", PROGRAM, umask, str(root), order]
        found.add(subprocess.run(argv, env=environ, check=True, capture_output=True, text=True).stdout)
    assert len(found) == 1


def test_files_belong_to_root_and_can_be_read_by_every_user() -> None:
    found = members(pack(FILES))
    assert {member.uid for member in found.values()} == {member.gid for member in found.values()} == {0}
    assert {member.uname for member in found.values()} == {member.gname for member in found.values()} == {""}
    assert {(member.isdir(), member.mode) for member in found.values()} == {
        (True, 0o755),
        (False, 0o644),
        (False, 0o755),
    }
    assert found["ciao/code/site/bin/tool"].mode == 0o755
    assert {member.mtime for member in found.values()} == {315532800}


def test_every_folder_is_there_before_what_is_in_it() -> None:
    names = list(members(pack(FILES)))
    assert names == sorted(names, key=lambda name: name.split("/"))
    assert all(name.rpartition("/")[0] in {"", *names[:at]} for at, name in enumerate(names))


def test_long_and_foreign_names_come_out_as_they_went_in() -> None:
    assert {entry.path for entry in FILES} <= set(members(pack(FILES)))


def test_a_plain_name_needs_no_extended_header() -> None:
    layer = pack([Entry(path="ciao/a", source=b"1")])
    assert layer.size == 512 + 512 + 512 + 1024  # folder, header, content, end


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../x", "a/../b", "a//b", "a/", "", ".", "a/./b", "a\0b", "a/.wh.b", ".wh..wh..opq", "\udcff"],
)
def test_a_path_that_means_something_else_in_a_layer_is_refused(path: str) -> None:
    with pytest.raises(BundleError, match="cannot be a path in an image"):
        pack([Entry(path=path, source=b"")])


def test_what_would_be_there_twice_is_refused() -> None:
    with pytest.raises(BundleError, match="'a/b' would be in the image twice"):
        pack([Entry(path="a/b", source=b"1"), Entry(path="a/b", source=b"2")])
    for order in itertools.permutations(["a", "a/b/c"]):
        with pytest.raises(BundleError, match="'a' would be a file and a folder"):
            pack([Entry(path=path, source=b"") for path in order])


def test_links_and_other_things_that_are_no_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("secret")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    for name, said in (("link", "is a symbolic link"), ("pipe", "is no plain file"), ("gone", "cannot be read")):
        with pytest.raises(BundleError, match=f"{name} {said}"):
            pack([Entry(path="a", source=tmp_path / name)])
    with pytest.raises(BundleError, match=r"is no plain file|cannot be read"):
        pack([Entry(path="a", source=tmp_path)])


@pytest.mark.parametrize("change", ["grows", "shrinks", "is rewritten"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "growing.log"
    path.write_bytes(b"1" * 1000)
    header = layers._header

    def meanwhile(path_in_it: str, kind: bytes, mode: int, size: int) -> bytes:
        path.write_bytes({"grows": b"1" * 1001, "shrinks": b"1" * 999, "is rewritten": b"2" * 1000}[change])
        os.utime(path, (1, 1))
        return header(path_in_it, kind, mode, size)

    monkeypatch.setattr(layers, "_header", meanwhile)
    with pytest.raises(BundleError, match=r"growing\.log changed while it was read"):
        pack([Entry(path="a", source=path)])


def large(tmp_path: Path) -> list[Entry]:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(layers.IN_MEMORY + 1)
    return [Entry(path="a", source=path)]


def test_a_large_layer_is_a_file_and_has_the_same_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = pack([Entry(path="a", source=b"1" * 4096)])
    monkeypatch.setattr(layers, "IN_MEMORY", 1024)
    large = pack([Entry(path="a", source=b"1" * 4096)], folder=tmp_path)
    assert isinstance(large.content, Path)
    assert large.content.parent == tmp_path
    assert large.content.read_bytes() == small.content
    assert (large.digest, large.size) == (small.digest, small.size)


def test_nothing_is_left_of_a_large_layer_that_could_not_be_made(tmp_path: Path) -> None:
    entries = [*large(tmp_path), Entry(path="b", source=tmp_path / "gone")]
    (tmp_path / "spool").mkdir()
    with pytest.raises(BundleError, match="gone cannot be read"):
        pack(entries, folder=tmp_path / "spool")
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_full_disk_is_told_with_the_folder_and_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.FileIO):
        def write(self, piece: object, /) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", lambda **_: Full(tmp_path / "spool", "wb"))
    with pytest.raises(BundleError) as caught:
        pack(large(tmp_path), folder=tmp_path)
    assert "the disk is full" in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "TMPDIR" in caught.value.hint
    assert not (tmp_path / "spool").exists()


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"a layer cannot be written to .*nowhere: No such file or directory"):
        pack(large(tmp_path), folder=tmp_path / "nowhere")
