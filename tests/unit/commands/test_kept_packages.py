"""Packages that are kept for replicas on this machine: doctor tells how much they are."""

from __future__ import annotations

from pathlib import Path

from ciao.commands.kept_packages import kept_packages
from ciao.settings import Settings


def test_where_there_are_none_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / ".0123.lock").touch()
    assert kept_packages(Settings(home=tmp_path)) == []
    assert kept_packages(Settings(home=tmp_path / "nowhere")) == []


def test_their_number_and_size_are_told_and_how_they_go(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / "packages" / name / "torch").mkdir(parents=True)
        with (tmp_path / "packages" / name / "torch" / "large.so").open("wb") as file:
            file.truncate(1024**3)  # a hole, and no bytes on the disk
    (few,) = kept_packages(Settings(home=tmp_path, keep_bytes=3 * 1024**3))
    words = f"2 sets of %package= in {tmp_path / 'packages'}: 2.0 GiB"
    assert (few.verdict, few.words, few.fix) == ("ok", words, "")
    (many,) = kept_packages(Settings(home=tmp_path, keep_bytes=1024**3))
    assert (many.verdict, many.words) == ("warn", words)
    assert f"rm -r {tmp_path / 'packages'}" in many.fix
