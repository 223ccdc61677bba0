"""Indexes of pip's that are not asked: whoever relies on one is told, and no password is."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.model import Notice
from ciao.s2i.packages.indexes import sources
from ciao.s2i.packages.install import install
from ciao.s2i.packages.interior import Interior
from ciao.s2i.packages.passed_over import passed_over
from ciao.s2i.packages.words import read
from ciao.settings import Settings
from fakes.shop import Shop


def told(root: Path, environ: dict[str, str], line: str = "einops", **settings: object) -> str:
    found = sources(read([line], root), Settings(home=root, **settings))  # type: ignore[arg-type]  # as they are there
    return "\n".join(n.text for n in passed_over(found, {"HOME": str(root), **environ}, folders=(root,)))


@pytest.mark.parametrize(
    "name", ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX"]
)
def test_an_index_in_a_variable_is_named_and_not_shown(name: str, tmp_path: Path) -> None:
    secret = secrets.token_hex(8)
    said = told(tmp_path, {name: f"https://me:{secret}@mirror.example/simple"})
    assert said == (
        f"{name} is for pip or uv alone: these packages come from https://pypi.org/simple. "
        "Set packages.index to use another index."
    )


@pytest.mark.parametrize("place", [".pip/pip.conf", ".config/pip/pip.conf", "pip.conf", "named.conf"])
def test_an_index_in_a_file_of_pips_is_named_and_not_shown(place: str, tmp_path: Path) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text("[global]\nindex-url = https://me:se%cret@mirror.example/simple\n")
    said = told(tmp_path, {"PIP_CONFIG_FILE": str(tmp_path / "named.conf")})
    assert said.startswith(f"index-url in {tmp_path / place} is for pip or uv alone")
    assert "mirror" not in said


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("-i https://a.example/simple einops", {}),
        ("--extra-index-url https://a.example/simple einops", {}),
        ("--no-index einops", {}),
        ("einops", {"packages_index": "https://a.example/simple"}),
        ("einops", {"packages_extra": ("https://a.example/simple",)}),
    ],
)
def test_nothing_is_told_to_whoever_has_chosen(line: str, settings: dict[str, object], tmp_path: Path) -> None:
    assert told(tmp_path, {"PIP_INDEX_URL": "https://mirror.example/simple"}, line, **settings) == ""


@pytest.mark.parametrize("said", ["https://pypi.org/simple/", "https://me:x@PyPI.org/simple", "", "nonsense"])
def test_nothing_is_told_of_the_index_that_is_asked_anyway(said: str, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global\nno configuration")
    assert told(tmp_path, {"PIP_INDEX_URL": said}) == ""


async def test_it_is_told_before_packages_are_looked_for(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.has("tiny")
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.setenv("UV_OFFLINE", "1")  # no test leaves this machine
    wanted = read([f"--find-links {shop.links} tiny"], shop.root)
    interior = Interior(python="3.11.2", libc="glibc 2.36", machine="amd64", distributions={})
    site = shop.root / "site"
    site.mkdir()
    found = sources(wanted, shop.settings())
    with contextlib.suppress(BundleError):
        await install(wanted, found, interior, site=site, scratch=shop.root, tell=shop.told.append)
    assert isinstance(shop.told[0], Notice)
    assert "PIP_INDEX_URL" in shop.told[0].text
