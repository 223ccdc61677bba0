"""The key: the same for what is the same, another for everything else, and no credential in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciao.s2i.packages.indexes import sources
from ciao.s2i.packages.key import _facts, key
from ciao.s2i.packages.words import read
from ciao.settings import Settings
from fakes.wheels import wheel

BASE = {"digest": "sha256:aa"}


def named(line: str, folder: Path, *, base: dict[str, str] = BASE, **settings: object) -> str:
    wanted = read([line], folder)
    found = sources(wanted, Settings(home=folder, **settings))  # type: ignore[arg-type]  # as they are there
    return key(wanted, found, base)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a b", "b a"),
        ("Foo_bar", "foo-bar"),
        ("'a>=1,<2'", "'a<2, >=1'"),
        ("'a[x,y]'", "'a[y,x]'"),
        ("-i https://me:one@x.example/simple a", "-i https://you:two@X.example/simple/ a"),
        ("--extra-index-url https://x.example/?token=1 a", "--extra-index-url https://x.example a"),
    ],
)
def test_what_means_the_same_has_one_key(one: str, other: str, tmp_path: Path) -> None:
    assert named(one, tmp_path) == named(other, tmp_path)


@pytest.mark.parametrize(
    "other",
    [
        "a==2",
        "a b",
        "a[x]",
        "-i https://x.example a",
        "--extra-index-url https://x.example a",
        "--pre a",
        "-c limits.txt a",
        "--no-index a",
        f"a --hash=sha256:{'0' * 64}",
    ],
)
def test_what_decides_makes_another_key(other: str, tmp_path: Path) -> None:
    (tmp_path / "limits.txt").write_text("b<2")
    assert named(other, tmp_path) != named("a", tmp_path)


def test_another_base_is_another_key(tmp_path: Path) -> None:
    assert named("a", tmp_path) != named("a", tmp_path, base={"digest": "sha256:bb"})


def test_the_settings_indexes_count_as_the_cells_own(tmp_path: Path) -> None:
    assert named("a", tmp_path, packages_index="https://x.example") == named("-i https://x.example a", tmp_path)


def test_a_wheel_counts_by_its_content_wherever_it_lies(tmp_path: Path) -> None:
    one = wheel(tmp_path / "one", "tiny")
    two = wheel(tmp_path / "two", "tiny")
    assert named(f"one/{one.name}", tmp_path) == named(f"two/{two.name}", tmp_path)
    assert named("tiny --no-index -f one", tmp_path) == named("tiny --no-index -f two", tmp_path)
    wheel(tmp_path / "two", "tiny", files={"tiny/more.py": ""})
    assert named(f"one/{one.name}", tmp_path) != named(f"two/{two.name}", tmp_path)
    assert named("tiny --no-index -f one", tmp_path) != named("tiny --no-index -f two", tmp_path)


def test_no_credential_goes_into_it(tmp_path: Path) -> None:
    line = (
        "-i https://me:hunter2@x.example --extra-index-url https://hunter2@y.example -f https://a:hunter2@z.example a"
    )
    url = "https://x.example/a-1.0-py3-none-any.whl?sig=hunter2#sha256=00"
    wanted = read([line, url, f"'b @ {url}'"], tmp_path)
    facts = str(_facts(wanted, sources(wanted, Settings(home=tmp_path)), BASE))
    assert "hunter2" not in facts
    assert "#sha256=00" in facts


def test_the_key_is_the_same_on_every_machine(tmp_path: Path) -> None:
    assert named("torchmetrics==1.4.0 einops", tmp_path) == "b127911e6a1fdf0b"
