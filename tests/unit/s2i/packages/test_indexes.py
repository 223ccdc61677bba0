"""Where packages may come from: what a cell may name, and who sees a password."""

from __future__ import annotations

import asyncio
import base64
import secrets
import threading
import tomllib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from ciao.errors import BundleError
from ciao.s2i.packages.indexes import Sources, configuration, secrets_of, sources
from ciao.s2i.packages.install import install
from ciao.s2i.packages.interior import Interior
from ciao.s2i.packages.words import read
from ciao.settings import Settings
from fakes.shop import Shop
from fakes.wheels import wheel

HERE = Path(__file__).parent
PYPI = "https://pypi.org/simple"


def found(line: str, **settings: object) -> Sources:
    return sources(read([line], HERE), Settings(home=HERE, **settings))  # type: ignore[arg-type]  # as they are there


def test_the_cells_index_goes_before_the_settings_and_those_before_pypi() -> None:
    assert found("x").index.url == PYPI
    assert found("x", packages_index="https://a.example/").index.url == "https://a.example"
    assert found("-i https://b.example x", packages_index="https://a.example").index.url == "https://b.example"


def test_extra_indexes_of_the_cell_and_of_the_settings_are_all_asked_each_once() -> None:
    both = found("--extra-index-url https://a.example x", packages_extra=("https://b.example", "https://a.example/"))
    assert [e.url for e in both.extra] == ["https://a.example", "https://b.example"]


@pytest.mark.parametrize(
    "line",
    [
        "-i https://evil.example/simple x",
        "--extra-index-url https://pkgs.example/simple-evil x",
        "--extra-index-url https://pkgs.example/simple/../other x",
        "--extra-index-url https://pkgs.example/simple/%2e%2e/other x",
        "--extra-index-url http://pkgs.example/simple x",
        "--extra-index-url https://pkgs.example:8443/simple x",
        "--find-links https://evil.example/ x",
        "https://evil.example/x-1.0-py3-none-any.whl",
        "'x @ https://evil.example/x-1.0-py3-none-any.whl'",
        "--trusted-host pkgs.example x",
    ],
)
def test_where_settings_allow_some_no_other_may_be_named(line: str) -> None:
    with pytest.raises(BundleError, match=r"packages\.allowed"):
        found(line, packages_allowed=("https://pkgs.example/simple",))


@pytest.mark.parametrize(
    "line",
    [
        "x",
        "-i https://pypi.org/simple/ x",
        "-i https://me:secret@pkgs.example/simple/team x",
        "--extra-index-url https://PKGS.example/simple x",
        "https://pkgs.example/simple/x-1.0-py3-none-any.whl",
    ],
)
def test_what_settings_allow_may_be_named(line: str) -> None:
    assert found(line, packages_allowed=("https://pkgs.example/simple",))


def test_the_configuration_has_every_index_and_option() -> None:
    line = "-i https://a.example/ --extra-index-url https://b.example --trusted-host c.example --pre --find-links . x"
    made = tomllib.loads(configuration(found(line)))
    assert made == {
        "find-links": [HERE.as_uri()],
        "prerelease": "allow",
        "allow-insecure-host": ["c.example"],
        "index": [{"url": "https://b.example"}, {"url": "https://a.example/", "default": True}],
    }


def test_a_password_is_a_secret_as_it_is_written_and_as_it_is_meant() -> None:
    known = secrets_of(found("-i https://me:p%40ss@a.example/ --extra-index-url https://token@b.example x"))
    assert {"p%40ss", "p@ss", "token"} <= set(known)
    assert "p%40ss" not in repr(found("-i https://me:p%40ss@a.example/ x").index)


class _Guarded(SimpleHTTPRequestHandler):
    """A folder, for those who know the password."""

    def __init__(self, wanted: str, *words: object, **more: object) -> None:
        self.wanted = wanted
        super().__init__(*words, **more)  # type: ignore[arg-type]  # as they come

    def send_head(self) -> object:  # type: ignore[override]  # nothing is sent here
        if self.headers.get("Authorization") == self.wanted:
            return super().send_head()
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="packages"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None

    def log_message(self, *_: object) -> None:
        """To nobody."""


@pytest.fixture
def password() -> str:
    return f"{secrets.token_urlsafe()}/@ #"


@pytest.fixture
def index(tmp_path: Path, password: str) -> Iterator[str]:
    """An index that wants user and password; its address has a place for them."""
    folder = tmp_path / "index" / "tiny"
    made = wheel(folder, "tiny")
    (folder / "index.html").write_text(f'<a href="{made.name}">{made.name}</a>')
    login = base64.b64encode(f"me:{password}".encode()).decode()
    handler = partial(_Guarded, f"Basic {login}", directory=str(tmp_path / "index"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://{{}}127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def _installed(shop: Shop, url: str, told: list[object]) -> Path:
    wanted = read([f"--index-url {url} tiny"], shop.root)
    site = shop.root / "try" / "site"
    site.mkdir(parents=True)
    interior = Interior(python="3.11", libc="glibc 2.36", machine="amd64")
    from_there = sources(wanted, shop.settings())
    await install(wanted, from_there, interior, site=site, scratch=site.parent, tell=told.append)
    return site


async def test_an_index_lets_in_who_knows_the_password_and_nothing_shows_it(
    shop: Shop, index: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    start = asyncio.create_subprocess_exec

    async def seen(*argv: object, **more: object) -> object:
        started.append((argv, more))
        return await start(*argv, **more)  # type: ignore[arg-type]  # as they come

    monkeypatch.setattr(asyncio, "create_subprocess_exec", seen)
    told: list[object] = []
    site = await _installed(shop, index.format(f"me:{quote(password, safe='')}@"), told)
    shown = f"{started}{told}{''.join(p.read_text() for p in site.rglob('*') if p.is_file())}"
    assert (site / "tiny" / "__init__.py").exists()
    assert started
    assert not any(secret in shown for secret in (password, quote(password, safe="")))
    assert (site.parent / "uv.toml").stat().st_mode & 0o777 == 0o600


async def test_a_wrong_password_is_told_and_not_shown(shop: Shop, index: str, password: str) -> None:
    wrong = secrets.token_urlsafe()
    with pytest.raises(BundleError, match=r"127\.0\.0\.1:\d+/? does not let us in \(401\)") as refused:
        await _installed(shop, index.format(f"me:{wrong}@"), [])
    assert wrong not in f"{refused.value}{refused.value!r}{refused.value.__cause__!r}"
