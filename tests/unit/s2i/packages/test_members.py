"""Layers that were made to break whoever reads them."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc

import pytest
import zstandard

from ciao.s2i.packages import contents, unpacking
from ciao.s2i.packages.contents import Tree, Unreadable, merge, read_layer
from ciao.s2i.packages.unpacking import unpacked

MEGABYTE = 1024**2


def header(name: str = "x", *, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info.tobuf(tarfile.GNU_FORMAT)


def read(*parts: bytes) -> Tree:
    return read_layer(io.BytesIO(b"".join(parts)))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_header_that_is_large_is_not_read(kind: bytes) -> None:
    with pytest.raises(Unreadable, match=r"header of 1,073,741,824 bytes"):
        read(header(kind=kind, size=1024**3), bytes(MEGABYTE))


def test_headers_before_headers_before_headers_come_to_an_end() -> None:
    line = b"10 path=a\n"
    one = header(kind=tarfile.XHDTYPE, size=len(line)) + line + bytes(512 - len(line))
    with pytest.raises(Unreadable):
        read(one * 2000)


def test_files_with_holes_are_none_of_an_image() -> None:
    with pytest.raises(Unreadable, match="holes"):
        read(header(kind=tarfile.GNUTYPE_SPARSE))


def test_a_table_of_holes_without_an_end_is_not_read() -> None:
    words = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
    before = header(kind=tarfile.XHDTYPE, size=len(words)) + words.ljust(512, b"\0")
    with pytest.raises(Unreadable, match="holes"):
        read(before, header(size=MEGABYTE), b"1" * MEGABYTE)


def test_a_name_longer_than_a_path_is_none() -> None:
    with pytest.raises(Unreadable, match="no file can have"):
        read(header("a/" * 2100 + "b"))


def test_what_is_removed_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MOST_PATHS", 10)
    with pytest.raises(Unreadable, match="too many"):
        read(*(header(f".wh.{number}") for number in range(11)))


def test_the_text_of_links_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MOST_CHARACTERS", 1000)
    with pytest.raises(Unreadable, match="too many"):
        read(*(header(f"l{number}", kind=tarfile.SYMTYPE, link="a" * 90) for number in range(12)))


def test_the_files_of_all_layers_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MOST_PATHS", 3)
    one, other = Tree(files={"a": "", "b": ""}), Tree(files={"c": "", "d": ""})
    with pytest.raises(Unreadable, match="too many"):
        merge(one, other)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_little_that_stands_for_much_is_unpacked_a_little_at_a_time(pack: object) -> None:
    packed = pack(bytes(256 * MEGABYTE))  # type: ignore[operator]
    assert len(packed) < MEGABYTE
    tracemalloc.start()
    plain = unpacked(io.BytesIO(packed))
    assert sum(len(plain.read(MEGABYTE)) for _ in range(64)) > 0
    assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
    tracemalloc.stop()


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_more_than_any_layer_has_is_not_unpacked(pack: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MOST", 1000)
    with pytest.raises(Unreadable, match="unpacked"):
        read(pack(header() * 3))  # type: ignore[operator]


@pytest.mark.parametrize(
    "raw", [gzip.compress(header())[:20], b"\x28\xb5\x2f\xfd" + b"\xff" * 99], ids=["cut gzip", "no zstd"]
)
def test_damage_is_told_whatever_packed_it(raw: bytes) -> None:
    with pytest.raises(Unreadable, match="damaged"):
        read(raw)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("var/lib/dpkg/status", b"Package: python3.1\n" * 20_000),
        ("lib/libc.so.6", b"GNU C Library " * 20_000),
        ("usr/include/python3.1/patchlevel.h", b"#define " + b" " * 300_000),
    ],
    ids=["dpkg", "libc", "patchlevel"],
)
def test_a_file_made_to_be_slow_is_not(name: str, text: bytes) -> None:
    """Quadratic time would be minutes, and the limit of a test is below that."""
    tree = read(header(name, size=len(text)), text, bytes(-len(text) % 512), bytes(1024))
    assert dict(tree.files) == {name: ""}
