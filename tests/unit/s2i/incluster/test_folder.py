"""The folder of a user's Dockerfile: what is sent, what is not, and how much fits."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.s2i.incluster.folder import packed, read_dockerfile


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def sent(folder: Path) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(packed(folder)), mode="r:gz") as tar:
        return tar.getnames()


def test_all_files_are_sent_but_those_of_git(tmp_path: Path) -> None:
    fill(tmp_path, "Dockerfile", "src/a.py", ".git/config", ".hidden")
    assert sent(tmp_path) == [".hidden", "Dockerfile", "src/a.py"]


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ("data", ["a.py", "src/data.csv"]),
        ("**/*.csv", ["a.py"]),
        ("*.csv", ["a.py", "data/x.csv", "src/data.csv"]),
        ("*\n!a.py", ["a.py"]),
        ("# data\n/src/\n./data/", ["a.py"]),
        ("?.py", ["data/x.csv", "src/data.csv"]),
    ],
)
def test_what_dockerignore_names_is_not_sent(tmp_path: Path, lines: str, left: list[str]) -> None:
    fill(tmp_path, "a.py", "data/x.csv", "src/data.csv")
    (tmp_path / ".dockerignore").write_text(lines)
    assert [name for name in sent(tmp_path) if name != ".dockerignore"] == left


def test_the_same_files_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        fill(tmp_path / name, "b", "a")
        os.utime(tmp_path / name / "a", (1, len(name)))
    (tmp_path / "two" / "a").chmod(0o600)
    assert packed(tmp_path / "one") == packed(tmp_path / "two")


def test_a_link_is_sent_as_it_is(tmp_path: Path) -> None:
    fill(tmp_path, "a")
    (tmp_path / "b").symlink_to("a")
    with tarfile.open(fileobj=io.BytesIO(packed(tmp_path)), mode="r:gz") as tar:
        assert tar.getmember("b").linkname == "a"


def test_more_than_a_config_map_holds_is_told_with_the_ways_out(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(os.urandom(1024**2))
    with pytest.raises(BundleError, match=r"has more than 900 KiB, compressed.*\.dockerignore.*%s2i=buildah"):
        packed(tmp_path)


def test_a_dockerfile_that_is_not_there_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"cannot be read: No such file.*relative to the notebook's folder"):
        read_dockerfile(tmp_path / "Dockerfile")


def test_credentials_are_sent_only_if_dockerignore_takes_them_back(tmp_path: Path) -> None:
    fill(tmp_path, ".env", "deep/id_rsa", ".aws/credentials", "kubeconfig", "a.py")
    assert sent(tmp_path) == ["a.py"]
    (tmp_path / ".dockerignore").write_text("!.env\n!.aws\n")
    assert sent(tmp_path) == [".dockerignore", ".env", "a.py", ".aws/credentials"]


def test_a_dockerfile_that_asks_for_a_base_without_declaring_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM ${BASE}\n")
    with pytest.raises(BundleError, match=r"no ARG BASE above"):
        read_dockerfile(tmp_path / "Dockerfile")
