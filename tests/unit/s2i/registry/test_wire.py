"""Where requests go, and with what: TLS, proxies, redirects, and a credential that goes to the registry alone."""

from __future__ import annotations

import asyncio
import base64
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BundleError
from ciao.s2i.registry import origins
from ciao.s2i.registry.answers import digest_of
from ciao.s2i.registry.base import Reference
from ciao.s2i.registry.client import Client
from ciao.s2i.registry.errors import Broken, Denied, Unreachable
from ciao.s2i.registry.wire import Limits
from ciao.settings import Settings
from fakes.certificates import Certificates
from fakes.pushes import MANIFEST, Image, Slept, client, described
from fakes.registry_server import Asked, RegistryServer, Reply, challenge

READ = "GET /v2/a/manifests/1"
IMAGE = Image(layer=b"layer")
GIVEN = Reply(body=IMAGE.manifest, headers={"Content-Type": MANIFEST})
BLOB = f"GET /v2/a/blobs/{digest_of(b'layer')}"
PASSWORD = "s3cret-password"
BASIC = "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if 127.0.0.1 were another machine."""
    monkeypatch.setattr(origins, "is_loopback", lambda _name: False)


def name(server: RegistryServer) -> Reference:
    return Reference(host=server.address, repository="a", tag="1")


def known(server: RegistryServer, **more: Any) -> Client:
    return client(s2i_registry=server.address, s2i_username="me", s2i_password=PASSWORD, **more)


def guarded(reply: Reply) -> Any:
    def answer(asked: Asked) -> Reply:
        return reply if asked.authorization == BASIC else challenge('Basic realm="r"')

    return answer


def moved(place: str, *, status: int = 307) -> Reply:
    return Reply(status=status, headers={"Location": place})


async def test_a_blob_may_be_elsewhere_and_the_password_does_not_go_there() -> None:
    async with RegistryServer({"GET /x": Reply(body=b"layer")}) as store, RegistryServer({}) as server:
        server.script[BLOB] = guarded(moved(f"{store.url}/x?sign=a%2Fb"))
        async with known(server) as registry:
            assert await registry.blob(name(server), digest_of(b"layer"), most=10) == b"layer"
    assert [asked.authorization for asked in server.asked] == ["", BASIC]
    assert [(asked.authorization, asked.query) for asked in store.asked] == [("", {"sign": "a/b"})]


async def test_another_place_gets_no_password_even_if_it_asks() -> None:
    async with RegistryServer({"*": challenge('Basic realm="r"')}) as store, RegistryServer({}) as server:
        server.script[BLOB] = guarded(moved(f"{store.url}/x"))
        async with known(server) as registry:
            with pytest.raises(Denied):
                await registry.blob(name(server), digest_of(b"layer"), most=10)
    assert [asked.authorization for asked in store.asked] == [""]


async def test_another_place_cannot_send_us_to_an_issuer_of_its_own() -> None:
    async with RegistryServer({}) as store, RegistryServer({}) as server:
        server.script[BLOB] = moved(f"{store.url}/x")
        store.script["*"] = challenge(f'Bearer realm="{store.url}/token"')
        async with known(server) as registry:
            with pytest.raises(Denied):
                await registry.blob(name(server), digest_of(b"layer"), most=10)
    assert [(asked.line, asked.authorization) for asked in store.asked] == [("GET /x", "")]


async def test_who_is_sent_back_by_another_place_comes_without_a_password() -> None:
    async with RegistryServer({}) as store, RegistryServer({}) as server:
        server.script[BLOB] = guarded(moved(f"{store.url}/x"))
        server.script["GET /y"] = Reply(body=b"layer")
        store.script["GET /x"] = moved(f"{server.url}/y")
        async with known(server) as registry:
            assert await registry.blob(name(server), digest_of(b"layer"), most=10) == b"layer"
    assert server.asked[-1].authorization == ""


async def test_a_redirect_within_the_registry_keeps_the_password() -> None:
    async with RegistryServer({"GET /y": guarded(Reply(body=b"layer"))}) as server, known(server) as registry:
        server.script[BLOB] = guarded(moved("/y", status=302))
        assert await registry.blob(name(server), digest_of(b"layer"), most=10) == b"layer"


async def test_redirects_without_an_end_are_an_error() -> None:
    async with RegistryServer({READ: moved("/v2/a/manifests/1")}) as server, client() as registry:
        with pytest.raises(Broken, match="without an end"):
            await registry.manifest(name(server))
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    "place",
    [
        "ftp://x/y",
        "https:///x",
        "http://u:p@127.0.0.1/x",
        "file:///etc/passwd",
        "http://a:b/",
        "http://[x/",
        "http://xn--/",
    ],
)
async def test_a_redirect_to_what_is_no_address_is_an_error(place: str) -> None:
    async with RegistryServer({READ: moved(place)}) as server, client() as registry:
        with pytest.raises(Broken, match="an address that is none"):
            await registry.manifest(name(server))


async def test_a_layer_goes_where_the_registry_says_without_its_password() -> None:
    async with RegistryServer({"PUT /x": Reply(status=201)}) as store, RegistryServer({}) as server:
        place = {"Location": f"{store.url}/x?sign=a%2Fb"}
        server.script["POST /v2/a/blobs/uploads/"] = guarded(Reply(status=202, headers=place))
        async with known(server) as registry:
            await registry.push_blob(name(server), described(b"layer"), b"layer")
    [asked] = store.asked
    assert (asked.authorization, asked.body) == ("", b"layer")
    assert asked.query == {"sign": "a/b", "digest": digest_of(b"layer")}


async def test_tls_is_never_given_up_by_a_redirect(certificates: Certificates) -> None:
    async with RegistryServer({}) as store, RegistryServer({}, tls=certificates.server()) as server:
        server.script[BLOB] = moved(f"{store.url}/x")
        async with client(s2i_ca=certificates.folder / "ca.crt") as registry:
            with pytest.raises(Broken, match="an address without TLS"):
                await registry.blob(name(server), digest_of(b"layer"), most=10)
    assert store.asked == []


async def test_a_registry_that_does_not_know_of_the_tls_before_it_is_understood(certificates: Certificates) -> None:
    async with RegistryServer({}, tls=certificates.server()) as server:
        place = {"Location": f"http://{server.address}/x"}
        server.script["POST /v2/a/blobs/uploads/"] = Reply(status=202, headers=place)
        server.script["PUT /x"] = Reply(status=201)
        async with client(s2i_ca=certificates.folder / "ca.crt") as registry:
            await registry.push_blob(name(server), described(b"layer"), b"layer")
    assert server.lines == ["POST /v2/a/blobs/uploads/", "PUT /x"]


@pytest.mark.usefixtures("elsewhere")
async def test_a_registry_without_tls_names_the_setting_that_allows_it() -> None:
    async with RegistryServer({READ: GIVEN}) as server, client() as registry:
        with pytest.raises(Unreachable, match="speaks plain HTTP") as caught:
            await registry.manifest(name(server))
        assert f"add {server.address} to s2i.insecure" in caught.value.hint
    assert server.asked == []


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("entry", ["127.0.0.1", "{}", "http://{}/"])
async def test_a_registry_that_the_user_names_may_do_without_tls(entry: str) -> None:
    async with (
        RegistryServer({READ: GIVEN}) as server,
        client(s2i_insecure=(entry.format(server.address),)) as registry,
    ):
        assert (await registry.manifest(name(server))).raw == IMAGE.manifest


async def test_even_an_insecure_registry_with_tls_must_show_a_certificate_to_trust(certificates: Certificates) -> None:
    async with (
        RegistryServer({READ: GIVEN}, tls=certificates.server()) as server,
        client(s2i_insecure=(server.address,)) as registry,
    ):
        with pytest.raises(Unreachable, match="not trusted") as caught:
            await registry.manifest(name(server))
    assert "s2i.ca" in caught.value.hint
    assert server.asked == []


async def test_a_certificate_for_another_name_is_not_trusted(certificates: Certificates) -> None:
    async with (
        RegistryServer({READ: GIVEN}, tls=certificates.server("example")) as server,
        client(s2i_ca=certificates.folder / "ca.crt") as registry,
    ):
        with pytest.raises(Unreachable, match=r"not trusted: ip address mismatch|not trusted: .*127\.0\.0\.1"):
            await registry.manifest(name(server))


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_an_authority_that_cannot_be_read_is_told(
    tmp_path: Path, content: str | None, certificates: Certificates
) -> None:
    path = tmp_path / "ca.crt"
    if content is not None:
        path.write_text(content)
    async with RegistryServer({READ: GIVEN}, tls=certificates.server()) as server, client(s2i_ca=path) as registry:
        with pytest.raises(BundleError, match=r"s2i\.ca, .*ca\.crt,"):
            await registry.manifest(name(server))


async def test_our_authority_is_trusted_besides_those_of_the_system(certificates: Certificates) -> None:
    registry = client(s2i_ca=certificates.folder / "ca.crt")
    subjects = [dict(pair[0] for pair in one["subject"]) for one in registry._wire._trusted().get_ca_certs()]  # type: ignore[misc] # the shapes of the stubs
    assert {"commonName": "ca"} in subjects


async def test_a_proxy_of_the_environment_is_used_and_its_password_is_not_shown() -> None:
    async with RegistryServer({READ: [GIVEN, Reply(status=407)]}) as proxy:
        environ = {"HTTP_PROXY": f"http://u:{PASSWORD}@{proxy.address}"}
        there = Reference(host="registry.example", repository="a", tag="1")
        async with client(environ=environ, s2i_insecure=("registry.example",)) as registry:
            assert (await registry.manifest(there)).raw == IMAGE.manifest
            with pytest.raises(BundleError) as caught:
                await registry.manifest(there)
    assert proxy.asked[0].headers["Host"] == "registry.example"
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


async def test_a_proxy_that_refuses_a_tunnel_is_named_as_what_fails() -> None:
    async with RegistryServer({}) as proxy:
        environ = {"HTTPS_PROXY": f"http://u:{PASSWORD}@{proxy.address}"}
        async with client(environ=environ) as registry:
            with pytest.raises(Unreachable, match="the proxy answered 404") as caught:
                await registry.manifest(Reference(host="registry.example", repository="a"))
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


async def test_docker_hub_is_asked_at_its_own_address() -> None:
    async with (
        RegistryServer({"*": Reply(status=403)}) as proxy,
        client(environ={"HTTPS_PROXY": proxy.url}) as registry,
    ):
        with pytest.raises(Unreachable, match=r"docker\.io \(registry-1\.docker\.io\)"):
            await registry.manifest(Reference(host="docker.io", repository="library/python"))


async def test_a_registry_that_says_nothing_is_not_waited_for_for_ever() -> None:
    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    over = asyncio.Event()
    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        there = Reference(host=f"127.0.0.1:{port}", repository="a", tag="1")
        registry = client(limits=Limits(silence=0.05, connect=0.05))
        with pytest.raises(Unreachable, match="gave no answer in time"):
            await registry.manifest(there)
        await registry.close()
        over.set()


async def test_a_closed_client_sends_nothing_more() -> None:
    async with RegistryServer({READ: GIVEN}) as server:
        registry = client()
        await registry.manifest(name(server))
        await registry.close()
        await registry.close()
        with pytest.raises(BundleError, match="was closed"):
            await registry.manifest(name(server))


async def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with RegistryServer({"*": guarded(GIVEN)}) as server, known(server, slept=Slept()) as registry:
        await registry.manifest(name(server))
    assert PASSWORD not in caplog.text
    assert BASIC.partition(" ")[2] not in caplog.text


async def test_a_registry_that_was_not_there_yet_is_asked_for_tls_again(certificates: Certificates) -> None:
    found = origins.Origins(Settings(home=Path("/nowhere")), {})
    async with RegistryServer({}) as server:
        address = server.address
    assert await found.of(address) == f"http://{address}"
    port = int(address.rpartition(":")[2])
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", port, ssl=certificates.server()):
        assert await found.of(address) == f"https://{address}"
