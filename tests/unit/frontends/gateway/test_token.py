"""Where the token comes from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ciao.errors import CiaoError
from ciao.frontends.gateway.options import Options
from ciao.frontends.gateway.token import Token, find

EVERYWHERE = Options(ip="0.0.0.0", insecure_http=True)


def test_without_one_it_is_made_once_and_this_user_alone_reads_it(tmp_path: Path) -> None:
    os.umask(umask := os.umask(0o022))
    first = find(Options(), {}, tmp_path)
    again = find(Options(), {}, tmp_path)
    file = tmp_path / "gateway" / "token"
    assert first
    assert again
    assert (first.text, first.source) == (again.text, f"{file}, made now")
    assert (len(first.text), file.read_text().strip()) == (48, first.text)
    assert [path.stat().st_mode & 0o777 for path in (file, file.parent)] == [0o600, 0o700]
    assert [path.name for path in file.parent.iterdir()] == ["token"]
    os.umask(umask)


def test_one_that_others_could_read_is_not_used(tmp_path: Path) -> None:
    find(Options(), {}, tmp_path)
    (tmp_path / "gateway" / "token").chmod(0o644)
    with pytest.raises(CiaoError, match="others may read the token in"):
        find(Options(), {}, tmp_path)


def test_a_file_comes_before_the_environment_and_its_newline_is_no_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("token-of-the-file\n")
    file.chmod(0o440)  # as a volume of a Secret has it
    found = find(Options(token_file=file), {"JUPYTER_TOKEN": "token-of-the-environment"}, tmp_path)
    assert found == Token(text="token-of-the-file", source=str(file), file=file)
    assert find(Options(), {"JUPYTER_TOKEN": "token-of-the-environment"}, tmp_path) == Token(
        text="token-of-the-environment", source="JUPYTER_TOKEN"
    )
    assert not (tmp_path / "gateway").exists()


def test_none_is_there_only_if_the_user_said_so(tmp_path: Path) -> None:
    assert find(Options(insecure_no_token=True), {}, tmp_path) is None


@pytest.mark.parametrize("text", ["two words", "n\u00fc", "a\x7f"])
def test_what_no_header_can_carry_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(text)
    with pytest.raises(CiaoError, match="cannot be sent in a header") as told:
        find(Options(token_file=tmp_path / "token"), {}, tmp_path)
    assert text not in str(told.value)


@pytest.mark.parametrize("text", ["", "short"])
def test_one_of_the_last_time_is_looked_at_like_any_other(text: str, tmp_path: Path) -> None:
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "token").touch(mode=0o600)
    (tmp_path / "gateway" / "token").write_text(text)
    with pytest.raises(CiaoError, match=r"there is no token in|so short that it can be guessed"):
        find(EVERYWHERE, {}, tmp_path)


def test_a_short_one_is_for_this_machine_alone(tmp_path: Path) -> None:
    given = {"JUPYTER_TOKEN": "short"}
    assert find(Options(), given, tmp_path)
    with pytest.raises(CiaoError, match="so short that it can be guessed"):
        find(EVERYWHERE, given, tmp_path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CiaoError, match="cannot be read: No such file"):
        find(Options(token_file=tmp_path / "nowhere"), {}, tmp_path)


def test_a_home_that_cannot_be_written_is_told_with_the_ways_out(tmp_path: Path) -> None:
    (tmp_path / "gateway").write_text("a file where a folder should be")
    with pytest.raises(CiaoError, match=r"a token cannot be kept in .*Set CIAO_HOME.*--token-file or JUPYTER_TOKEN"):
        find(Options(), {}, tmp_path)


def test_no_picture_of_it_shows_it() -> None:
    assert "secret" not in repr(Token(text="secret", source="somewhere"))
