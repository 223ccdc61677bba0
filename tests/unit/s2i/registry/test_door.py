"""Challenges and their answers, and what is tried again."""

from __future__ import annotations

import asyncio
import base64
import json
import traceback
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BundleError
from ciao.k8s.api import Patience
from ciao.s2i.registry import origins
from ciao.s2i.registry.base import Reference
from ciao.s2i.registry.client import Client
from ciao.s2i.registry.errors import Broken, Denied, Unreachable
from ciao.s2i.registry.wire import Limits
from fakes.pushes import MANIFEST, Image, Slept, client, described, push
from fakes.registry_server import CUT, Asked, RegistryServer, Reply, challenge, error

READ = "GET /v2/a/manifests/1"
RAW = Image(layer=b"x").manifest
GIVEN = Reply(body=RAW, headers={"Content-Type": MANIFEST})
BIG = b"layer" * 100_000
PASSWORD = "s3cret-pässword"
BASIC = "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()


def name(server: RegistryServer, repository: str = "a", tag: str = "1") -> Reference:
    return Reference(host=server.address, repository=repository, tag=tag)


def known(server: RegistryServer, **more: Any) -> Client:
    """A client whose user has a login."""
    return client(s2i_registry=server.address, s2i_username="me", s2i_password=PASSWORD, **more)


def guarded(asked: Asked) -> Reply:
    """Wants Basic."""
    return GIVEN if asked.authorization == BASIC else challenge('Basic realm="r"')


def issuing(*, seconds: int = 300) -> tuple[Callable[[Asked], Reply], list[str]]:
    """An issuer of numbered tokens, and those that it has issued."""
    issued: list[str] = []

    def issue(_asked: Asked) -> Reply:
        issued.append(f"token-{len(issued) + 1}")
        return Reply(body=json.dumps({"token": issued[-1], "expires_in": seconds}).encode())

    return issue, issued


def bearer(server: RegistryServer, reply: Reply = GIVEN, *, good: tuple[str, ...] = ()) -> Callable[[Asked], Reply]:
    """Wants a token: one of the good ones, or any."""

    def answer(asked: Asked) -> Reply:
        kind, _, token = asked.authorization.partition(" ")
        scope = f"repository:{asked.path.split('/')[2]}:{'pull' if asked.method in ('GET', 'HEAD') else 'pull,push'}"
        words = f'Bearer realm="{server.url}/token",service="s",scope="{scope}"'
        return reply if kind == "Bearer" and (not good or token in good) else challenge(words)

    return answer


async def test_nothing_is_said_of_the_user_before_it_is_asked_for() -> None:
    async with RegistryServer({READ: GIVEN}) as server, known(server) as registry:
        await registry.manifest(name(server))
    assert [asked.authorization for asked in server.asked] == [""]


async def test_a_password_is_asked_for_once() -> None:
    async with RegistryServer({"*": guarded}) as server, known(server) as registry:
        await registry.manifest(name(server))
        await registry.manifest(name(server, "b"))
    assert [asked.authorization for asked in server.asked] == ["", BASIC, BASIC]


async def test_a_token_is_asked_for_with_the_challenges_scope_and_used_until_it_ends() -> None:
    issue, _ = issuing()
    async with RegistryServer({"GET /token": issue}) as server, known(server) as registry:
        server.script[READ] = bearer(server)
        await registry.manifest(name(server))
        await registry.manifest(name(server))
    assert server.lines == [READ, "GET /token", READ, READ]
    asked = server.asked[1]
    assert (asked.query, asked.authorization) == ({"service": "s", "scope": "repository:a:pull"}, BASIC)
    assert server.asked[3].authorization == "Bearer token-1"


async def test_who_has_no_login_asks_for_a_token_as_nobody() -> None:
    issue, _ = issuing()
    async with RegistryServer({"GET /token": issue}) as server, client() as registry:
        server.script[READ] = bearer(server)
        assert (await registry.manifest(name(server))).raw == RAW
    assert server.asked[1].authorization == ""


async def test_parallel_requests_ask_for_one_token() -> None:
    issue, issued = issuing()
    async with RegistryServer({"GET /token": issue}) as server, known(server) as registry:
        server.script[READ] = bearer(server)
        await asyncio.gather(*(registry.manifest(name(server)) for _ in range(8)))
    assert issued == ["token-1"]


async def test_each_repository_has_a_token_of_its_own() -> None:
    issue, issued = issuing()
    async with RegistryServer({"GET /token": issue}) as server, known(server) as registry:
        server.script["*"] = bearer(server)
        await registry.manifest(name(server))
        await registry.manifest(name(server, "b"))
    assert issued == ["token-1", "token-2"]


async def test_a_token_is_renewed_before_it_ends() -> None:
    now = [0.0]
    issue, issued = issuing(seconds=60)
    async with RegistryServer({"GET /token": issue}) as server, known(server, clock=lambda: now[0]) as registry:
        server.script[READ] = bearer(server)
        for now[0], so_far in ((0, 1), (49, 1), (51, 2), (300, 3)):
            await registry.manifest(name(server))
            assert len(issued) == so_far
    assert server.lines.count(READ) == 5  # only the first had to be told to get one


async def test_a_token_that_ends_in_mid_push_is_renewed_and_its_request_sent_again() -> None:
    issue, issued = issuing()
    place = {"Location": "/v2/a/blobs/uploads/1?_state=x"}
    async with RegistryServer({"GET /token": issue}) as server, known(server) as registry:
        server.script["POST /v2/a/blobs/uploads/"] = bearer(server, Reply(status=202, headers=place))
        server.script["PUT /v2/a/blobs/uploads/1"] = bearer(server, Reply(status=201), good=("token-2",))
        server.script["PUT /v2/a/manifests/1"] = bearer(server, Reply(status=201), good=("token-2",))
        await registry.push_blob(name(server), described(BIG), BIG)
    assert issued == ["token-1", "token-2"]
    last = server.asked[-1]
    assert (last.line, last.body, last.query["_state"]) == ("PUT /v2/a/blobs/uploads/1", BIG, "x")


async def test_a_registry_that_takes_no_token_is_asked_only_twice_for_one() -> None:
    issue, issued = issuing()
    async with RegistryServer({"GET /token": issue}) as server, known(server) as registry:
        server.script[READ] = bearer(server, good=("never",))
        with pytest.raises(Denied, match=r"does not accept the login from s2i\.username and s2i\.password"):
            await registry.manifest(name(server))
    assert len(issued) == 1


async def test_a_wrong_password_is_sent_once() -> None:
    script = {READ: challenge('Basic realm="r"')}
    async with RegistryServer(script) as server, known(server) as registry:
        with pytest.raises(Denied, match="docker login"):
            await registry.manifest(name(server))
    assert [asked.authorization for asked in server.asked] == ["", BASIC]


async def test_without_a_login_the_error_says_how_to_get_one() -> None:
    async with RegistryServer({READ: challenge('Basic realm="r"')}) as server, client() as registry:
        with pytest.raises(Denied, match=r"wants a login .* there is none") as caught:
            await registry.manifest(name(server))
    assert "s2i.username" in caught.value.hint


async def test_who_logs_in_meanwhile_needs_no_new_client(tmp_path: Path) -> None:
    async with RegistryServer({READ: guarded}) as server, client(environ={"DOCKER_CONFIG": str(tmp_path)}) as registry:
        with pytest.raises(Denied):
            await registry.manifest(name(server))
        login = {"auths": {server.address: {"username": "me", "password": PASSWORD}}}
        (tmp_path / "config.json").write_text(json.dumps(login))
        assert (await registry.manifest(name(server))).raw == RAW


async def test_an_identity_token_is_exchanged_and_may_be_replaced(tmp_path: Path) -> None:
    def exchange(asked: Asked) -> Reply:
        number = next(numbers)
        return Reply(body=json.dumps({"access_token": f"t{number}", "refresh_token": f"identity-{number}"}).encode())

    numbers = count(1)
    async with (
        RegistryServer({"POST /token": exchange}) as server,
        client(environ={"DOCKER_CONFIG": str(tmp_path)}) as registry,
    ):
        login = {"auths": {server.address: {"auth": base64.b64encode(b"u:").decode(), "identitytoken": "identity-0"}}}
        (tmp_path / "config.json").write_text(json.dumps(login))
        server.script["*"] = bearer(server)
        await registry.manifest(name(server))
        await registry.manifest(name(server, "b"))
    first, second = (asked for asked in server.asked if asked.path == "/token")
    assert first.form == {
        "grant_type": "refresh_token",
        "service": "s",
        "client_id": "ciao",
        "refresh_token": "identity-0",
        "scope": "repository:a:pull",
    }
    assert second.form["refresh_token"] == "identity-1"
    assert first.authorization == ""


async def test_a_password_does_not_go_to_an_issuer_without_tls(
    monkeypatch: pytest.MonkeyPatch, certificates: Any
) -> None:
    monkeypatch.setattr(origins, "is_loopback", lambda _name: False)
    words = 'Bearer realm="http://auth.example/token",service="s"'
    async with (
        RegistryServer({READ: challenge(words)}, tls=certificates.server()) as server,
        known(server, s2i_ca=certificates.folder / "ca.crt") as registry,
    ):
        with pytest.raises(Broken, match=r"auth\.example, without TLS") as caught:
            await registry.manifest(name(server))
    assert "s2i.insecure" in caught.value.hint


async def test_that_a_registry_needs_no_tls_says_nothing_of_its_issuer() -> None:
    words = 'Bearer realm="http://auth.example/token",service="s"'
    async with RegistryServer({READ: challenge(words)}) as server, known(server) as registry:
        with pytest.raises(Broken, match=r"auth\.example, without TLS") as caught:
            await registry.manifest(name(server))
    assert "add auth.example to s2i.insecure" in caught.value.hint


@pytest.mark.parametrize(
    "realm",
    ["", "auth", "file:///x", "https://", "https://u:p@auth.example/", "https://[x", "https://a:b/", "https://ü/"],
)
async def test_an_issuer_that_is_none_is_refused(realm: str) -> None:
    async with RegistryServer({READ: challenge(f'Bearer realm="{realm}"')}) as server, known(server) as registry:
        with pytest.raises(Broken, match="an address that is none"):
            await registry.manifest(name(server))


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"[" * 200_000, b"{}", b'{"token": 1}', b'{"token": "a\\nb"}', b"x" * 2_000_000]
)
async def test_an_issuer_that_gives_no_token_is_an_error(answer: bytes) -> None:
    async with RegistryServer({"GET /token": Reply(body=answer)}) as server, known(server) as registry:
        server.script[READ] = bearer(server)
        with pytest.raises(Broken, match="token"):
            await registry.manifest(name(server))


@pytest.mark.parametrize(
    "first", [error(429, "TOOMANYREQUESTS"), error(500, "UNKNOWN"), error(502, "X"), error(503, "UNAVAILABLE"), CUT]
)
async def test_what_may_heal_is_tried_again(first: Reply) -> None:
    async with RegistryServer({READ: [first, first, GIVEN]}) as server, client() as registry:
        assert (await registry.manifest(name(server))).raw == RAW


@pytest.mark.parametrize("status", [400, 403, 404, 405, 416, 501, 507])
async def test_what_does_not_heal_is_not_tried_again(status: int) -> None:
    async with RegistryServer({READ: error(status, "X")}) as server, client() as registry:
        with pytest.raises(BundleError):
            await registry.manifest(name(server))
    assert len(server.asked) == 1


async def test_the_registry_says_how_long_to_wait_and_each_wait_is_longer_than_the_last() -> None:
    slept = Slept()
    busy = [error(429, "TOOMANYREQUESTS", Retry_After="7"), error(503, "X"), error(503, "X"), GIVEN]
    async with RegistryServer({READ: busy}) as server, client(slept=slept) as registry:
        await registry.manifest(name(server))
    assert slept.seconds == [7, 1, 2]


async def test_patience_ends() -> None:
    async with RegistryServer({READ: error(503, "UNAVAILABLE")}) as server, client() as registry:
        with pytest.raises(Unreachable, match=r"a fault of its own.*503: UNAVAILABLE"):
            await registry.manifest(name(server))
    assert len(server.asked) == 4


async def test_all_tries_together_have_a_deadline() -> None:
    limits = Limits(small=0.05)
    async with (
        RegistryServer({READ: error(429, "X", Retry_After="3000")}) as server,
        client(patience=Patience(longest=3000), limits=limits) as registry,
    ):
        with pytest.raises(Unreachable, match=r"did not end within 0\.05 s"):
            await registry.manifest(name(server))


async def test_no_credential_is_in_any_error_even_if_the_registry_repeats_it(caplog: pytest.LogCaptureFixture) -> None:
    def telling(asked: Asked) -> Reply:
        return error(403, "DENIED", f"you are {asked.authorization} {PASSWORD}") if asked.authorization else wants

    wants = challenge('Basic realm="r"')
    async with RegistryServer({"*": telling}) as server, known(server) as registry:
        with pytest.raises(Denied) as caught:
            await push(registry, name(server), Image(layer=b"x"))
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(registry) + caplog.text
    assert "you are Basic ... ..." in shown
    assert PASSWORD not in shown
    assert BASIC.partition(" ")[2] not in shown
