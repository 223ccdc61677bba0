"""Credentials are renewed when they are over or refused, once for all who were refused."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BackendUnavailable
from ciao.k8s import oidc, plugin
from ciao.k8s.access import Access, Oidc, Plugin, Token, TokenFile
from ciao.k8s.api import Connection
from ciao.k8s.auth import Credentials
from ciao.k8s.errors import ApiError
from ciao.k8s.sources import Source
from fakes.apiserver import Answer, ApiServer, Asked, Fixed, answer, connected, status
from fakes.certificates import Certificates

VERSION = "client.authentication.k8s.io/v1"
UNKNOWN = status(401, "Unauthorized", "Unauthorized")


class Clock:
    time = 1000.0

    def __call__(self) -> float:
        return self.time


def only_for(token: str) -> Any:
    """Answers who has this token, and nobody else."""

    def reply(asked: Asked) -> Answer:
        return answer({"ok": True}) if asked.headers.get("Authorization") == f"Bearer {token}" else UNKNOWN

    return reply


def program(folder: Path, code: str, **options: Any) -> Plugin:
    """An exec plugin in Python, which knows the number ``n`` of its run."""
    file = folder / "login.py"
    counting = f"with open({str(folder / 'count')!r}, 'a+') as f: f.write('x'); f.seek(0); n = len(f.read())"
    file.write_text(f"import os, json, sys, time\n{counting}\n{code}")
    return Plugin(command=sys.executable, version=VERSION, arguments=(str(file),), **options)


def printing(status: str) -> str:
    """Code that prints an ExecCredential."""
    return f"print(json.dumps(dict(kind='ExecCredential', apiVersion={VERSION!r}, status={status})))"


async def test_a_tokens_file_is_read_again_each_minute(tmp_path: Path) -> None:
    file, clock = tmp_path / "token", Clock()
    file.write_text("first\n")
    access = Access(context="c", server="http://h", login=TokenFile(path=file))
    credentials = Credentials(Fixed(access=access), access, now=clock)
    assert (await credentials.current()).headers == (("Authorization", "Bearer first"),)
    file.write_text("second\n")
    assert (await credentials.current()).headers == (("Authorization", "Bearer first"),)
    clock.time += 61
    assert (await credentials.current()).headers == (("Authorization", "Bearer second"),)


@pytest.mark.parametrize("content", [None, "", "\n"])
async def test_a_token_that_is_not_there_is_told(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    async with connected("http://h", login=TokenFile(path=file)) as api:
        with pytest.raises(BackendUnavailable, match=r"the token in .*token (cannot be read: No such|is empty)"):
            await api.request("GET", "/version")


@dataclass
class Changing:
    """A kubeconfig that somebody rewrites."""

    access: Access
    loads: int = 0

    def load(self) -> Access:
        self.loads += 1
        return replace(self.access, login=Token(text="new"))


def over(source: Source, access: Access) -> Connection:
    return Connection(access, Credentials(source, access, environ={}), environ={})


async def test_refused_credentials_are_loaded_again_once_for_all() -> None:
    async with ApiServer({"GET /version": only_for("new")}) as server:
        access = Access(context="c", server=server.url, login=Token(text="old"))
        source = Changing(access)
        async with over(source, access) as api:
            answers = await asyncio.gather(*(api.request("GET", "/version") for _ in range(5)))
    assert answers == [{"ok": True}] * 5
    assert source.loads == 1
    assert server.count("GET /version") <= 10


async def test_credentials_that_stay_refused_are_an_error() -> None:
    async with ApiServer({"GET /version": UNKNOWN}) as server, connected(server, login=Token(text="t")) as api:
        with pytest.raises(ApiError, match="does not know who you are") as caught:
            await api.request("GET", "/version")
    assert caught.value.code == 401
    assert server.count("GET /version") == 2


async def test_a_stream_is_let_in_by_renewed_credentials_too() -> None:
    async with ApiServer({"GET /log": only_for("new")}) as server:
        access = Access(context="c", server=server.url, login=Token(text="old"))
        async with over(Changing(access), access) as api:
            assert b"".join([piece async for piece in api.stream("/log", idle=10)]) == b'{"ok": true}'


async def test_a_plugins_token_is_taken_until_it_is_over(tmp_path: Path) -> None:
    clock = Clock()
    code = printing("dict(token=f'token-{n}', expirationTimestamp='1970-01-01T00:20:00.123456789Z')")
    access = Access(context="c", server="http://h", login=program(tmp_path, code))
    credentials = Credentials(Fixed(access=access), access, environ={}, now=clock)
    assert (await credentials.current()).headers == (("Authorization", "Bearer token-1"),)
    clock.time = 1199
    assert (await credentials.current()).headers == (("Authorization", "Bearer token-1"),)
    clock.time = 1201
    assert (await credentials.current()).headers == (("Authorization", "Bearer token-2"),)


async def test_a_refused_plugin_runs_again(tmp_path: Path) -> None:
    login = program(tmp_path, printing("dict(token=f'token-{n}')"))
    async with ApiServer({"GET /version": only_for("token-2")}) as server, connected(server, login=login) as api:
        assert await api.request("GET", "/version") == {"ok": True}


async def test_a_plugin_may_give_a_certificate(signed: Certificates, tmp_path: Path) -> None:
    pair = [signed.client.certificate.decode(), signed.client.key.decode()]
    code = printing(f"dict(zip(['clientCertificateData', 'clientKeyData'], {pair!r}))")
    script = {"GET /version": answer({"ok": True})}
    us: dict[str, Any] = {"authority": signed.authority, "login": program(tmp_path, code)}
    async with ApiServer(script, tls=signed.server(asks=True)) as server, connected(server, **us) as api:
        assert await api.request("GET", "/version") == {"ok": True}


async def test_a_plugin_has_its_variables_and_is_told_of_the_cluster(tmp_path: Path) -> None:
    code = printing("dict(token=os.environ['A'] + os.environ['KUBERNETES_EXEC_INFO'])")
    login = program(tmp_path, code, variables={"A": "b"}, info={"server": "s"})
    given = await plugin.run(login, environ={"A": "a"})
    assert given.token.startswith("b")
    assert json.loads(given.token[1:]) == {
        "kind": "ExecCredential",
        "apiVersion": VERSION,
        "spec": {"interactive": False, "cluster": {"server": "s"}},
    }


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "sys.stderr.write('x' * 1_000_000 + 'log in first'); sys.exit(3)",
            "failed with exit code 3: xx.*log in first",
        ),
        ("sys.exit(1)", "failed with exit code 1: it said nothing"),
        ("print('s3cret')", "printed no ExecCredential of client.authentication.k8s.io/v1"),
        ("print('[]')", "printed no ExecCredential"),
        (printing("dict(tocken='s3cret')"), "printed no ExecCredential"),
        (printing("None"), "printed no ExecCredential"),
        ("time.sleep(60)", "gave no answer within 1 s"),
    ],
)
async def test_a_plugin_that_fails_is_told_by_what_it_said_but_never_by_what_it_gave(
    code: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(BackendUnavailable, match=words) as caught:
        await plugin.run(program(tmp_path, code), environ={}, patience=1 if "sleep" in code else 30)
    assert "s3cret" not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("login", "words"),
    [
        (Plugin(command="no-such-login", version=VERSION, install="See x."), "is not installed. See x."),
        (Plugin(command="/etc/passwd", version=VERSION), "cannot be started: Permission denied"),
        (Plugin(command="x", version="client.authentication.k8s.io/v1alpha1"), "speaks .*v1alpha1"),
        (Plugin(command="x", version=VERSION, interactive="Always"), "asks at a terminal"),
    ],
)
async def test_a_plugin_that_cannot_run_is_told(login: Plugin, words: str) -> None:
    with pytest.raises(BackendUnavailable, match=words):
        await plugin.run(login, environ={"PATH": "/bin"})


def jwt(expires: float) -> str:
    body = base64.urlsafe_b64encode(json.dumps({"exp": expires}).encode()).decode().rstrip("=")
    return f"head.{body}.signature"


def provider(server: ApiServer, **more: Any) -> None:
    """What an identity provider says: new tokens."""
    server.on("GET /.well-known/openid-configuration", answer({"token_endpoint": f"{server.url}/token", **more}))
    server.on("POST /token", answer({"id_token": jwt(9000), "refresh_token": "refresh-2"}))


def kept(folder: Path, id_token: str) -> Path:
    """A kubeconfig with tokens, that somebody has commented."""
    file = folder / "config"
    file.write_text(f"# mine\nid-token: {id_token}\nrefresh-token: refresh-1\n")
    return file


async def test_an_identity_tokens_is_taken_until_it_is_over(tmp_path: Path) -> None:
    login = Oidc(issuer="http://nobody.invalid", client="c", file=tmp_path / "none", id_token=jwt(2000))
    assert (await oidc.tokens(login, now=1000, environ={})).id_token == jwt(2000)
    with pytest.raises(BackendUnavailable, match="the login is over, and there is no refresh-token"):
        await oidc.tokens(login, now=2000, environ={})


async def test_a_new_identity_is_asked_for_and_kept_for_kubectl(tmp_path: Path, signed: Certificates) -> None:
    file = kept(tmp_path, jwt(500))
    async with ApiServer(tls=signed.server()) as server:
        provider(server)
        login = Oidc(
            issuer=server.url,
            client="c",
            secret="s3cret",
            file=file,
            id_token=jwt(500),
            refresh_token="refresh-1",
            authority=signed.authority,
        )
        new = await oidc.tokens(login, now=1000, environ={})
    assert (new.id_token, new.expires) == (jwt(9000), 9000 - oidc.MARGIN)
    assert server.asked[1].form == {"grant_type": "refresh_token", "refresh_token": "refresh-1"}
    assert server.asked[1].headers["Authorization"] == "Basic " + base64.b64encode(b"c:s3cret").decode()
    assert file.read_text() == f"# mine\nid-token: {jwt(9000)}\nrefresh-token: refresh-2\n"


async def test_no_refresh_token_is_sent_to_a_provider_that_is_not_trusted(tmp_path: Path, signed: Certificates) -> None:
    async with ApiServer(tls=signed.server()) as server:
        provider(server)
        login = Oidc(issuer=server.url, client="c", file=tmp_path / "none", refresh_token="refresh-1")
        with pytest.raises(BackendUnavailable, match="the identity provider cannot be reached"):
            await oidc.tokens(login, now=1000, environ={})
    assert not server.asked


async def test_a_secret_goes_where_the_provider_wants_it(tmp_path: Path) -> None:
    async with ApiServer() as server:
        provider(server, token_endpoint_auth_methods_supported=["client_secret_post"])
        login = Oidc(issuer=server.url, client="c", secret="s", file=tmp_path / "none", refresh_token="r")
        await oidc.tokens(login, now=1000, environ={})
    assert server.asked[1].form == {
        "grant_type": "refresh_token",
        "refresh_token": "r",
        "client_id": "c",
        "client_secret": "s",
    }


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (status(400, "x", "invalid_grant"), "the identity provider answered 400"),
        (answer({"access_token": "s3cret"}), "the identity provider gave no id_token"),
        (Answer(body=b"s3cret"), "the identity provider gave no id_token"),
    ],
)
async def test_a_provider_that_gives_nothing_is_told(reply: Answer, words: str, tmp_path: Path) -> None:
    async with ApiServer() as server:
        provider(server)
        server.on("POST /token", reply)
        login = Oidc(issuer=server.url, client="c", file=tmp_path / "none", refresh_token="r3fresh")
        with pytest.raises(BackendUnavailable, match=words) as caught:
            await oidc.tokens(login, now=1000, environ={})
    assert "3cret" not in str(caught.value)
