"""When this machine last used each image: a time for each, that many may write and that nothing depends on."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ciao.model import Files, Mounted, Pinned
from ciao.s2i.uses import Uses

DIGEST = "sha256:" + "ab" * 32


def test_what_was_never_used_here_has_no_time(tmp_path: Path) -> None:
    assert Uses(tmp_path).last(DIGEST, "packages-0123") is None


def test_the_last_use_counts_by_whichever_name(tmp_path: Path) -> None:
    uses = Uses(tmp_path)
    uses.note(DIGEST, "packages-0123")
    os.utime(tmp_path / "images" / ("ab" * 32), (1000, 1000))
    os.utime(tmp_path / "images" / "packages-0123", (2000, 2000))
    assert (uses.last(DIGEST), uses.last(DIGEST, "packages-0123")) == (1000, 2000)
    uses.note(DIGEST)
    assert (uses.last(DIGEST) or 0) > 2000


def test_a_bundle_of_images_is_noted_with_its_packages(tmp_path: Path) -> None:
    uses = Uses(tmp_path)
    uses.note_bundle(Pinned(entry="cell.py", images={"base": f"a/ciao@{DIGEST}"}, packages="0123"))
    assert uses.last(DIGEST) == pytest.approx(uses.last("packages-0123"), abs=60)
    other = DIGEST.replace("ab", "cd")
    uses.note_bundle(Mounted(entry="cell.py", image=f"a/ciao@{other}"))
    assert uses.last(other)
    uses.note_bundle(Files(entry="cell.py", files={}))


def test_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    uses = Uses(tmp_path)
    uses.note(DIGEST)
    uses.forget(DIGEST, "cell-never")
    assert uses.last(DIGEST) is None


def test_a_home_that_cannot_be_written_to_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("in the way")
    uses = Uses(tmp_path)
    uses.note(DIGEST)
    assert uses.last(DIGEST) is None


def test_others_cannot_read_it(tmp_path: Path) -> None:
    Uses(tmp_path / "home").note(DIGEST)
    assert stat.S_IMODE((tmp_path / "home" / "images").stat().st_mode) == 0o700


@pytest.mark.parametrize("word", ["../x", "/etc/passwd", "", "a/b", "."])
def test_a_word_never_leads_elsewhere(word: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither a digest nor a tag"):
        Uses(tmp_path).note(word)
