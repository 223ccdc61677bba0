"""What is read from registries, and that nothing but what was asked for is taken."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest

from ciao.errors import BundleError
from ciao.s2i.registry import manifests
from ciao.s2i.registry.base import Descriptor, Reference
from ciao.s2i.registry.client import Client
from ciao.s2i.registry.errors import Broken, Denied, Refused, Unreachable
from fakes.pushes import MANIFEST, Image, Slept, client, described
from fakes.registry_server import CUT, Asked, RegistryServer, Reply, error

RAW = Image(layer=b"x").manifest
DIGEST = described(RAW).digest
OTHER = described(b"other").digest
READ, FIND = "GET /v2/a/manifests/1", "HEAD /v2/a/manifests/1"
BIG = bytes(range(256)) * 8_000
PIECES = f"GET /v2/a/blobs/{described(BIG).digest}"


def name(server: RegistryServer, **more: str) -> Reference:
    return Reference(host=server.address, repository="a", **more)


def manifest(raw: bytes = RAW, *, kind: str = MANIFEST, digest: str = "") -> Reply:
    headers = {"Content-Type": kind, **({"Docker-Content-Digest": digest} if digest else {})}
    return Reply(body=raw, headers=headers)


async def read(registry: Client, there: Reference) -> bytes:
    async with aclosing(registry.stream(there, described(BIG).digest)) as pieces:
        return b"".join([piece async for piece in pieces])


async def test_all_formats_that_ciao_reads_are_asked_for() -> None:
    async with RegistryServer({READ: manifest()}) as server, client() as registry:
        found = await registry.manifest(name(server, tag="1"))
    assert (found.raw, found.media_type, found.digest) == (RAW, MANIFEST, DIGEST)
    assert server.asked[0].headers["Accept"].count("application/vnd.") == 4


async def test_a_digest_counts_more_than_a_tag_and_no_tag_is_latest() -> None:
    async with RegistryServer({"*": manifest()}) as server, client() as registry:
        await registry.manifest(name(server, tag="1", digest=DIGEST))
        await registry.manifest(name(server))
    assert server.lines == [f"GET /v2/a/manifests/{DIGEST}", "GET /v2/a/manifests/latest"]


async def test_a_manifest_that_is_not_the_one_asked_for_is_refused() -> None:
    async with RegistryServer({"*": manifest()}) as server, client() as registry:
        with pytest.raises(Broken, match=f"{DIGEST} in place of {OTHER}"):
            await registry.manifest(name(server, digest=OTHER))


async def test_a_registry_whose_digest_is_not_its_contents_is_told_of() -> None:
    async with RegistryServer({READ: manifest(digest=OTHER)}) as server, client() as registry:
        with pytest.raises(Broken, match="other content"):
            await registry.manifest(name(server, tag="1"))


async def test_a_manifest_is_one_thing_only() -> None:
    kind = "application/vnd.oci.image.index.v1+json"
    async with RegistryServer({READ: manifest(kind=kind)}) as server, client() as registry:
        with pytest.raises(Broken, match="says that it is"):
            await registry.manifest(name(server, tag="1"))


@pytest.mark.parametrize("kind", ["application/json", "text/plain; charset=utf-8", f"{MANIFEST}; charset=utf-8"])
async def test_a_header_that_says_nothing_leaves_it_to_the_manifest(kind: str) -> None:
    async with RegistryServer({READ: manifest(kind=kind)}) as server, client() as registry:
        assert (await registry.manifest(name(server, tag="1"))).media_type == MANIFEST


async def test_dockers_first_format_is_refused_in_words() -> None:
    kind = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    async with RegistryServer({READ: manifest(b"{}", kind=kind)}) as server, client() as registry:
        with pytest.raises(Broken, match="Docker's first format"):
            await registry.manifest(name(server, tag="1"))


async def test_a_manifest_has_a_limit() -> None:
    async with RegistryServer({READ: manifest(b" " * (4 * 1024 * 1024 + 1))}) as server, client() as registry:
        with pytest.raises(Broken, match="larger than 4,194,304 bytes"):
            await registry.manifest(name(server, tag="1"))


async def test_what_a_tag_is_is_found_without_reading_it() -> None:
    async with RegistryServer({FIND: manifest(digest=DIGEST)}) as server, client() as registry:
        assert await registry.find(name(server, tag="1")) == described(RAW, MANIFEST)
    assert server.lines == [FIND]


@pytest.mark.parametrize("head", [error(405, "UNSUPPORTED"), manifest(), manifest(digest="sha512:12")])
async def test_a_registry_that_tells_no_digest_is_read(head: Reply) -> None:
    async with RegistryServer({FIND: head, READ: manifest()}) as server, client() as registry:
        assert await registry.find(name(server, tag="1")) == described(RAW, MANIFEST)


async def test_what_is_not_there_is_none() -> None:
    async with RegistryServer({}) as server, client() as registry:
        assert await registry.find(name(server, tag="1")) is None
        assert await registry.tags(name(server)) == ()


async def test_what_may_not_be_seen_is_not_there_where_ciao_pushes_and_an_error_elsewhere() -> None:
    async with RegistryServer({"*": error(403, "DENIED")}) as server, client(s2i_registry=server.address) as registry:
        assert await registry.find(Reference(host=server.address, repository="ciao", tag="1")) is None
        with pytest.raises(Denied):
            await registry.find(name(server, tag="1"))


async def test_a_registry_that_finds_another_digest_than_was_asked_for_is_told_of() -> None:
    async with RegistryServer({"*": manifest(digest=OTHER)}) as server, client() as registry:
        with pytest.raises(Broken, match="other content"):
            await registry.find(name(server, digest=DIGEST))


async def test_a_small_blob_is_checked_and_has_a_limit() -> None:
    async with RegistryServer({"*": Reply(body=b"12345")}) as server, client() as registry:
        with pytest.raises(Broken, match="other content"):
            await registry.blob(name(server), OTHER, most=10)
        with pytest.raises(Broken, match="larger than 4 bytes"):
            await registry.blob(name(server), described(b"12345").digest, most=4)


@pytest.mark.parametrize("digest", ["", "sha512:12", "sha256:../../manifests/1", f"sha256:{'A' * 64}"])
async def test_a_digest_that_is_none_is_asked_of_nobody(digest: str) -> None:
    async with RegistryServer({}) as server, client() as registry:
        there, blob = name(server), Descriptor(media_type="x", digest=digest, size=1)
        with pytest.raises(Broken, match="digests of sha256 only"):
            await registry.blob(there, digest, most=1)
        with pytest.raises(Broken, match="digests of sha256 only"):
            await anext(registry.stream(there, digest))
        with pytest.raises(Broken, match="digests of sha256 only"):
            await registry.copy_blob(Reference(host=server.address, repository="b"), there, blob)
    assert server.asked == []


async def test_a_large_blob_is_checked_at_its_end() -> None:
    async with RegistryServer({PIECES: Reply(body=BIG[:-1] + b"x")}) as server, client() as registry:
        with pytest.raises(Broken, match="other content"):
            await read(registry, name(server))


async def test_a_download_that_breaks_goes_on_where_it_was() -> None:
    def rest(asked: Asked) -> Reply:
        start = int(asked.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        return Reply(status=206, body=BIG[start:])

    async with RegistryServer({PIECES: [Reply(body=BIG, cut=700_000), CUT, rest]}) as server, client() as registry:
        assert await read(registry, name(server)) == BIG
    assert server.asked[-1].headers["Range"] != "bytes=0-"


async def test_a_registry_that_knows_no_ranges_sends_all_of_it_again() -> None:
    async with (
        RegistryServer({PIECES: [Reply(body=BIG, cut=700_000), Reply(body=BIG)]}) as server,
        client() as registry,
    ):
        assert await read(registry, name(server)) == BIG


async def test_a_download_that_never_gets_on_ends() -> None:
    slept = Slept()
    async with RegistryServer({PIECES: CUT}) as server, client(slept=slept) as registry:
        with pytest.raises(Unreachable, match="broke the connection"):
            await read(registry, name(server))
    assert len(slept.seconds) == 3


async def test_a_download_can_be_left_in_its_middle() -> None:
    async with (
        RegistryServer({PIECES: Reply(body=BIG)}) as server,
        client() as registry,
        aclosing(registry.stream(name(server), described(BIG).digest)) as pieces,
    ):
        first = await anext(pieces)
    assert BIG.startswith(first)


def page(tags: str, following: str = "") -> Reply:
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    return Reply(body=f'{{"name": "a", "tags": {tags}}}'.encode(), headers=headers)


async def test_tags_come_page_by_page_and_from_this_registry_alone() -> None:
    pages = [page('["1", "2"]', "/v2/a/tags/list?last=2&n=2"), page('["3"]', "https://evil.example/v2/a/tags/list?n=9")]
    async with RegistryServer({"GET /v2/a/tags/list": [*pages, page("null")]}) as server, client() as registry:
        assert await registry.tags(name(server)) == ("1", "2", "3")
    assert [dict(asked.query) for asked in server.asked] == [{}, {"last": "2", "n": "2"}, {"n": "9"}]


async def test_a_page_that_looks_like_another_host_is_asked_of_this_registry() -> None:
    pages = [page('["1"]', "https://evil.example//evil.example/v2/a/tags/list?n=9")]
    following = {"GET /evil.example/v2/a/tags/list": page('["2"]')}
    async with RegistryServer({"GET /v2/a/tags/list": pages, **following}) as server, client() as registry:
        assert await registry.tags(name(server)) == ("1", "2")


async def test_tags_without_an_end_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "MOST", 3)
    again = page('["1", "2", "3", "4"]', "/v2/a/tags/list?last=2")
    async with RegistryServer({"GET /v2/a/tags/list": again}) as server, client() as registry:
        with pytest.raises(Broken, match="no end"):
            await registry.tags(name(server))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"tags": 5}', b"{", b"[" * 200_000])
async def test_tags_that_are_none_are_told(body: bytes) -> None:
    async with RegistryServer({"*": Reply(body=body)}) as server, client() as registry:
        with pytest.raises(Broken, match="lists tags"):
            await registry.tags(name(server))


async def test_deleting_needs_a_digest_and_a_registry_that_allows_it() -> None:
    line = f"DELETE /v2/a/manifests/{DIGEST}"
    async with RegistryServer({line: error(405, "UNSUPPORTED")}) as server, client() as registry:
        with pytest.raises(BundleError, match="has no digest"):
            await registry.delete(name(server, tag="1"))
        with pytest.raises(BundleError, match="does not allow that images are deleted"):
            await registry.delete(name(server, digest=DIGEST))


@pytest.mark.parametrize("reply", [Reply(status=202), Reply(status=200), error(404, "MANIFEST_UNKNOWN")])
async def test_what_is_deleted_is_gone(reply: Any) -> None:
    async with RegistryServer({"*": reply}) as server, client() as registry:
        await registry.delete(name(server, digest=DIGEST))


async def test_a_web_page_is_no_registrys_answer() -> None:
    html = Reply(status=404, body=b"<html>Welcome</html>", headers={"Content-Type": "text/html"})
    async with RegistryServer({"*": html}) as server, client() as registry:
        with pytest.raises(Refused, match="a web page"):
            await registry.manifest(name(server, tag="1"))
