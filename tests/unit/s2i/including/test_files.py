"""Files, folders and patterns: where they land, what is followed, what is refused in words."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BundleError, FileMissing
from ciao.s2i.including import limits, reading, walking

Tree = Callable[..., Path]
Include = Callable[..., Any]


def paths(found: Any) -> list[str]:
    return [entry.path for entry in found.entries]


def texts(found: Any) -> list[str]:
    return [notice.text for notice in found.notices]


def refused(included: Include, *words: str) -> str:
    with pytest.raises(BundleError) as caught:
        included(*words)
    return str(caught.value)


def test_files_and_folders_land_where_the_notebook_sees_them(tree: Tree, included: Include) -> None:
    tree({"data.csv": "a,b", "src/x/y.py": "1", "src/z.bin": b"\0\xff", "other.txt": ""})
    found = included("src/", "./data.csv")
    assert {e.path: e.source for e in found.entries} == {
        "files/data.csv": b"a,b",
        "files/src/x/y.py": b"1",
        "files/src/z.bin": b"\0\xff",
    }
    assert not found.notices


def test_what_is_outside_of_the_notebooks_folder_lands_by_its_last_name(folder: Path, included: Include) -> None:
    (folder.parent / "shared" / "in").mkdir(parents=True)
    (folder.parent / "shared" / "in" / "x.py").write_text("")
    (folder.parent / "one.csv").write_text("")
    assert paths(included("../shared", str(folder.parent / "one.csv"))) == ["files/one.csv", "files/shared/in/x.py"]


def test_a_path_may_begin_with_the_users_home(tree: Tree, included: Include, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tree({"data.csv": "1"})))
    assert paths(included("~/data.csv")) == ["files/data.csv"]


def test_the_notebooks_folder_itself_can_be_sent(tree: Tree, included: Include) -> None:
    tree({"a.py": "", "sub/b.py": ""})
    assert paths(included(".")) == ["files/a.py", "files/sub/b.py"]


def test_the_folder_may_be_named_by_its_real_path_too(tmp_path: Path, tree: Tree) -> None:
    real = tree({"sub/b.py": ""})
    (tmp_path / "link").symlink_to(real)
    assert paths(reading.include([str(real / "sub")], tmp_path / "link", code=0)) == ["files/sub/b.py"]


def test_that_a_file_can_be_run_is_kept(tree: Tree, included: Include) -> None:
    (tree({"run.sh": "", "data.csv": ""}) / "run.sh").chmod(0o744)
    assert [e.executable for e in included("run.sh", "data.csv").entries] == [False, True]


def test_words_may_cover_the_same_file_twice(tree: Tree, included: Include) -> None:
    tree({"src/a.py": "", "src/b.py": ""})
    assert paths(included("src", "src/a.py", "src/*.py")) == ["files/src/a.py", "files/src/b.py"]


def test_two_files_of_one_name_are_an_error(tree: Tree, included: Include, folder: Path) -> None:
    tree({"../a/train.csv": "1", "../b/train.csv": "2"})
    said = refused(included, "../a/train.csv", "../b/train.csv")
    assert f"both be train.csv: {folder.parent}/a/train.csv and {folder.parent}/b/train.csv" in said


def test_a_name_that_would_be_file_and_folder_is_an_error(tree: Tree, included: Include) -> None:
    tree({"../a/x": "1", "../b/x/y": "2"})
    assert "where it has the folder of" in refused(included, "../a/x", "../b/x")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.csv", ["a.csv", "b.csv"]),
        ("data/*", ["data/c.csv", "data/deep/d.csv", "data/e.txt"]),
        ("**/*.csv", ["a.csv", "b.csv", "data/c.csv", "data/deep/d.csv"]),
        ("data/**", ["data/c.csv", "data/deep/d.csv", "data/e.txt"]),
        ("*/deep/?.csv", ["data/deep/d.csv"]),
        ("[ab].csv", ["a.csv", "b.csv"]),
        (".hid*/*", [".hidden/x.csv"]),
    ],
)
def test_a_pattern_means_what_it_means_in_a_shell(
    tree: Tree, included: Include, pattern: str, expected: list[str]
) -> None:
    names = ["a.csv", "b.csv", "data/c.csv", "data/deep/d.csv", "data/e.txt", ".hidden/x.csv", "__pycache__/x.csv"]
    tree(dict.fromkeys(names, ""))
    assert paths(included(pattern)) == [f"files/{name}" for name in expected]


def test_a_name_with_wildcards_in_it_is_itself_first(tree: Tree, included: Include) -> None:
    tree({"data[1].csv": "", "data1.csv": ""})
    assert paths(included("data[1].csv")) == ["files/data[1].csv"]


def test_links_are_followed_within_the_folder(tree: Tree, included: Include) -> None:
    root = tree({"src/real/a.txt": "A"})
    (root / "src" / "link.txt").symlink_to("real/a.txt")
    (root / "src" / "again").symlink_to("real")
    found = included("src")
    assert paths(found) == ["files/src/again/a.txt", "files/src/link.txt", "files/src/real/a.txt"]
    assert {e.source for e in found.entries} == {b"A"}


def test_a_link_that_leads_out_is_an_error_that_says_where(tree: Tree, included: Include, tmp_path: Path) -> None:
    root = tree({"src/a.txt": ""})
    (tmp_path / "secret").write_text("x")
    (root / "src" / "out").symlink_to(tmp_path / "secret")
    said = refused(included, "src")
    assert f"{root}/src/out is a link to {tmp_path}/secret, outside of {root}/src" in said
    (root / "src" / ".ciaoignore").write_text("out\n")
    assert paths(included("src")) == ["files/src/a.txt"]


def test_a_link_that_was_named_itself_is_followed(tree: Tree, included: Include, tmp_path: Path) -> None:
    root = tree({})
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "x").write_text("1")
    (root / "data").symlink_to(tmp_path / "big")
    assert paths(included("data")) == ["files/data/x"]


def test_links_that_go_round_in_a_circle_end(tree: Tree, included: Include) -> None:
    root = tree({"src/a/x.py": "", "src/b/y.py": ""})
    (root / "src" / "a" / "up").symlink_to("..")
    (root / "src" / "a" / "over").symlink_to("../b")
    (root / "src" / "b" / "back").symlink_to("../a")
    (root / "src" / "self").symlink_to("self")
    found = included("src")
    assert "files/src/a/over/y.py" in paths(found)
    assert len(paths(found)) < 10
    assert any("src/self" in text for text in texts(found))


def test_a_link_to_nothing_is_left_out_and_told(tree: Tree, included: Include) -> None:
    root = tree({"src/a.py": ""})
    (root / "src" / "gone").symlink_to("nowhere")
    found = included("src")
    assert paths(found) == ["files/src/a.py"]
    assert "src/gone, as it is a link to " in texts(found)[0]
    assert "it is gone" in refused(included, "src/gone")


def test_pipes_and_sockets_are_left_out_and_told_and_never_read(
    tree: Tree, included: Include, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"src/a.py": ""})
    os.mkfifo(root / "src" / "pipe")
    monkeypatch.chdir(root / "src")  # a socket's path has a limit of a hundred characters
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        found = included("src")
    assert paths(found) == ["files/src/a.py"]
    assert texts(found) == [
        "%include=src leaves out src/pipe, as it is a named pipe",
        "%include=src leaves out src/s, as it is a socket",
    ]
    assert "src/pipe is a named pipe" in refused(included, "src/pipe")


def test_a_file_that_vanishes_meanwhile_is_an_error(
    tree: Tree, included: Include, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"src/a.py": "", "src/b.py": ""})

    def between(*_: object) -> tuple[()]:
        (root / "src/b.py").unlink()
        return ()

    monkeypatch.setattr(reading, "check_sizes", between)
    assert f"{root}/src/b.py cannot be included: it is gone. Run the cell again" in refused(included, "src")


def test_a_file_that_may_not_be_read_is_an_error(
    tree: Tree, included: Include, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"src/a.py": ""})

    def denied(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", denied)  # the tests may run as root, who may read anything
    assert f"{root}/src/a.py cannot be included: permission denied" in refused(included, "src")


def test_a_folder_that_may_not_be_read_is_an_error(
    tree: Tree, included: Include, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"src/sub/a.py": ""})
    scandir = os.scandir

    def denied(path: str) -> Any:
        if path.endswith("/sub"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    assert f"{root}/src/sub cannot be included: permission denied" in refused(included, "src")


def test_a_name_that_is_no_text_is_an_error(tree: Tree, included: Include) -> None:
    root = tree({"src/a.py": ""})
    Path(os.fsdecode(os.fsencode(root) + b"/src/\xff.txt")).write_text("")
    assert "is not UTF-8" in refused(included, "src")


def test_an_empty_folder_is_an_error_that_says_what_to_do(tree: Tree, included: Include) -> None:
    (tree({}) / "out").mkdir()
    assert refused(included, "out") == (
        "%include=out has no files: an empty folder is not sent. Make it in the cell: os.makedirs('out')"
    )


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("dta.csv", "Did you mean data.csv?"),
        ("src/hleper.py", "Did you mean src/helper.py?"),
        ("Data.csv", "Did you mean data.csv?"),
        ("nothing/like/it.txt", "Paths are relative to the notebook's folder"),
        ("*.parquet", "matches nothing in "),
    ],
)
def test_a_word_that_means_nothing_says_where_was_looked_and_the_nearest_name(
    tree: Tree, included: Include, word: str, words: str
) -> None:
    root = tree({"data.csv": "", "src/helper.py": ""})
    with pytest.raises(FileMissing) as caught:
        included(word)
    said = str(caught.value)
    assert f"%include={word}" in said
    assert words in said
    assert str(root) in said or "Paths are relative" in said


def test_a_name_with_spaces_that_is_not_quoted_is_shown_in_quotes(tree: Tree, included: Include) -> None:
    tree({"my data.csv": "", "src/with space.txt": ""})
    assert "Quote a name that has spaces: %include='my data.csv'" in refused(included, "my", "data.csv")
    assert "%include='src/with space.txt'" in refused(included, "src/with", "space.txt")


def test_the_order_in_which_a_disk_lists_files_changes_nothing(
    tree: Tree, included: Include, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree({f"src/{a}/{b}.py": f"{a}{b}" for a in "zyx" for b in "cab"} | {f"src/{n}.key": "" for n in range(9)})
    once = included("src", "**/*.py")
    scandir = os.scandir

    class Shuffled:
        def __init__(self, path: str) -> None:
            with scandir(path) as entries:
                self.entries = list(entries)
            random.shuffle(self.entries)

        def __enter__(self) -> Any:
            return iter(self.entries)

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Shuffled)
    again = included("src", "**/*.py")
    assert (again.entries, again.notices) == (once.entries, once.notices)
    assert paths(once) == sorted(paths(once))


def test_a_deep_tree_is_no_deep_recursion(tree: Tree, included: Include) -> None:
    tree({"d/" * 900 + "x.py": ""})
    assert len(paths(included("d"))) == 1


def test_a_tree_of_nothing_but_folders_ends(tree: Tree, included: Include, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "MOST_FOLDERS", 20)
    root = tree({})
    for number in range(30):
        (root / "src" / str(number)).mkdir(parents=True)
    assert f"{root}/src has more than 20 folders" in refused(included, "src")


def test_an_empty_word_is_not_the_whole_folder(tree: Tree, included: Include) -> None:
    tree({"data.csv": ""})
    assert "%include= has an empty word. Write %include=. for" in refused(included, "")


def test_too_many_files_are_told_before_one_is_read(
    tree: Tree, included: Include, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_FILES", 20)
    monkeypatch.setattr(limits, "MOST_FILES", 20)
    tree({f"src/many/{n}": "" for n in range(30)} | {f"a/{n}": "" for n in range(5)})
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("it was read"))
    assert "covers more than 20 files, 16 of them in src/many" in refused(included, "a", "src")


def test_a_huge_file_is_refused_by_its_size_alone(
    tree: Tree, included: Include, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"small.csv": "x"})
    with (root / "huge.bin").open("wb") as file:
        file.truncate(10 * 1024**4)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("it was read"))
    said = refused(included, "huge.bin", "small.csv")
    assert "have 10,485,760.0 MiB; the most is 50.0 MiB. The largest: huge.bin 10,485,760.0 MiB, small.csv" in said
    assert "%volume=CLAIM:/data" in said


def test_much_is_a_notice_but_not_if_it_stays_here(tree: Tree, included: Include) -> None:
    tree({"a.bin": b"x" * 2 * 1024**2})
    (notice,) = included("a.bin").notices
    assert notice.text == "2.0 MiB go along with the cell, each time it is run. The largest: a.bin 2.0 MiB"
    assert not included("a.bin", here=True).notices


def test_a_file_that_grows_while_it_is_read_ends_at_the_limit(
    tree: Tree, included: Include, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree({"log.txt": "x" * 200})
    monkeypatch.setattr(reading, "MOST_BYTES", 100)
    assert "log.txt grew while it was read" in refused(included, "log.txt")


def test_a_link_to_credentials_sends_none_of_them(tree: Tree, included: Include) -> None:
    root = tree({"src/.env": "A=1", "src/.aws/credentials": "x", "src/.git/config": "x", "src/deep/a.py": ""})
    links = {"notes.txt": ".env", "deep/config": "../.aws", "history": ".git", "one": ".aws/credentials"}
    for link, end in links.items():
        (root / "src" / link).symlink_to(end)
    found = included("src")
    assert paths(found) == ["files/src/deep/a.py"]
    for name in links:
        assert any(name in text for text in texts(found)) or "more" in texts(found)[0]


@pytest.mark.parametrize("becomes", [os.mkfifo, lambda path: path.symlink_to("secret")], ids=["pipe", "link"])
def test_a_file_that_becomes_another_after_the_look_is_neither_read_nor_waited_for(
    becomes: Callable[[Path], None], tree: Tree, included: Include, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"src/a.py": "", "src/secret": ""})

    def between(*_: object) -> tuple[()]:
        (root / "src/a.py").unlink()
        becomes(root / "src/a.py")
        return ()

    monkeypatch.setattr(reading, "check_sizes", between)
    assert "src/a.py was replaced while it was read" in refused(included, "src")
