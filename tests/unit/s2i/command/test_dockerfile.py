"""The Dockerfile that is written, and what is read of a user's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.s2i.command.dockerfile import check_base, sources, wants_base, written

COMMAND = ("python3", "/ciao/code/ciao_runner/__main__.py", "init", "/ciao/code/cell_3.py")


def test_the_code_is_the_last_layer_of_the_base_and_nothing_else_changes() -> None:
    assert written("base@sha256:1", COMMAND, about={"title": "cell_3.py", "v": "1"}) == (
        "FROM base@sha256:1\n"
        "COPY ciao/code /ciao/code/\n"
        'LABEL "title"="cell_3.py" "v"="1"\n'
        'ENTRYPOINT ["python3", "/ciao/code/ciao_runner/__main__.py", "init", "/ciao/code/cell_3.py"]\n'
    )


def test_packages_are_installed_in_a_stage_of_their_own() -> None:
    lines = written("base", COMMAND, about={"a": "b"}, packages=True).splitlines()
    assert lines[0] == "FROM base AS packages"
    assert lines[1] == "USER 0"
    assert lines[-5:-2] == [
        "FROM base",
        "COPY --from=packages /ciao/site /ciao/code/site/",
        "COPY ciao/code /ciao/code/",
    ]


@pytest.mark.parametrize(("user", "line"), [("1000:100", "USER 1000:100"), ("", "USER 0")])
def test_where_the_code_is_there_already_the_user_comes_back(user: str, line: str) -> None:
    assert written("assembled", COMMAND, about={"a": "b"}, user=user).splitlines()[:2] == ["FROM assembled", line]


@pytest.mark.parametrize("user", ["0\nRUN evil", "0 \\", "$USER", "--x", "a b", ":", "1:2:3", "0\rRUN evil"])
def test_a_user_that_would_be_another_line_is_none(user: str) -> None:
    with pytest.raises(BundleError, match="names its user"):
        written("assembled", COMMAND, about={"a": "b"}, user=user)


def test_what_a_label_says_replaces_nothing_and_ends_nothing() -> None:
    text = written("base", COMMAND, about={"title": 'a"b$HOME\\\nRUN evil'})
    assert 'LABEL "title"="a\\"b\\$HOME\\\\ RUN evil"\n' in text


@pytest.mark.parametrize(
    ("text", "wants"),
    [
        ("ARG BASE\nFROM $BASE", True),
        ("ARG BASE=python:3\nFROM ${BASE}", True),
        ("  arg VERSION=1 BASE\n", True),
        ("ARG BASEMENT\nFROM x", False),
        ("# ARG BASE\nFROM x", False),
        ("FROM x\nRUN echo ARG BASE", False),
    ],
)
def test_a_dockerfile_that_declares_it_is_given_the_base(text: str, wants: bool) -> None:  # noqa: FBT001 # a table's
    assert wants_base(text) is wants


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("FROM python:3", {"docker.io"}),
        ("FROM team/python", {"docker.io"}),
        (
            "from --platform=linux/amd64 a.example:5000/x AS one\nFROM one\nFROM b.example/y\n",
            {"a.example:5000", "b.example"},
        ),
        ("ARG BASE\nFROM $BASE\n", set()),
        ("FROM scratch", set()),
        ("FROM localhost/ciao/s2i:1", set()),
    ],
)
def test_the_hosts_of_its_images_are_known(text: str, hosts: set[str]) -> None:
    assert sources(text) == hosts


@pytest.mark.parametrize(
    "text",
    ["FROM ${BASE}", "FROM python:3 AS a\nARG BASE\nfrom --platform=linux/amd64 $BASE", "# ARG BASE\nFROM \\\n $BASE"],
)
def test_a_base_that_is_not_declared_above_the_first_from_is_told_with_the_line_that_does(text: str) -> None:
    with pytest.raises(BundleError, match=r"here/Dockerfile has .*\bno ARG BASE above") as caught:
        check_base(text, Path("/here/Dockerfile"))
    assert caught.value.hint.startswith("Write ARG BASE as its first line")


@pytest.mark.parametrize(
    "text",
    ["ARG BASE\nFROM ${BASE}", "ARG A \\\n BASE\nFROM $BASE", "FROM ${BASE:-python:3}", "FROM $BASEMENT", "RUN x"],
)
def test_a_base_that_is_declared_or_not_asked_for_is_none_of_our_business(text: str) -> None:
    check_base(text, Path("Dockerfile"))
