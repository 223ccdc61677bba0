"""Blobs on their way into a repository, where registries and what stands before them make it hard."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BundleError
from ciao.s2i.registry.base import Descriptor, Reference
from ciao.s2i.registry.errors import BlobUnknown, Broken, Denied, Refused, Unreachable
from ciao.s2i.registry.wire import Limits
from fakes.pushes import CONFIG, LAYER, MANIFEST, Image, client, described, push
from fakes.registry_server import CUT, Asked, RegistryServer, Reply, error

BEGIN, PLACE = "POST /v2/a/blobs/uploads/", "/v2/a/blobs/uploads/1"
TAKEN = Reply(status=202, headers={"Location": f"{PLACE}?state=1"})
MADE = Reply(status=201)
BIG = bytes(range(256)) * 8_000  # two megabytes
LARGE = error(413, "SIZE_INVALID")


def name(server: RegistryServer, repository: str = "a") -> Reference:
    return Reference(host=server.address, repository=repository, tag="1")


async def test_an_upload_that_breaks_begins_anew_and_says_so() -> None:
    sent: list[int] = []
    async with RegistryServer({BEGIN: TAKEN, f"PUT {PLACE}": [CUT, MADE]}) as server, client() as registry:
        await registry.push_blob(name(server), described(BIG), BIG, sent=sent.append)
    assert server.lines == [BEGIN, f"PUT {PLACE}", BEGIN, f"PUT {PLACE}"]
    assert server.asked[-1].body == BIG
    assert (sent.count(0), sent[-1]) == (2, len(BIG))


async def test_a_file_is_sent_again_from_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(BIG)
    async with (
        RegistryServer({BEGIN: TAKEN, f"PUT {PLACE}": [CUT, error(503, "X"), MADE]}) as server,
        client() as registry,
    ):
        await registry.push_blob(name(server), described(BIG), tmp_path / "layer")
    assert server.asked[-1].body == BIG


async def test_a_file_that_changes_meanwhile_is_not_pushed(tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(BIG[:-1])
    async with RegistryServer({BEGIN: TAKEN, f"PUT {PLACE}": MADE}) as server, client() as registry:
        with pytest.raises(BundleError, match="has changed meanwhile"):
            await registry.push_blob(name(server), described(BIG), tmp_path / "layer")


async def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with RegistryServer({BEGIN: TAKEN, f"PUT {PLACE}": MADE}) as server, client() as registry:
        with pytest.raises(BundleError, match=r"layer, cannot be read: No such file"):
            await registry.push_blob(name(server), described(BIG), tmp_path / "layer")


async def test_what_is_too_large_for_one_request_is_sent_in_pieces_that_get_smaller() -> None:
    def patch(asked: Asked) -> Reply:
        return TAKEN if len(asked.body) <= 100_000 else LARGE

    script: dict[str, Any] = {BEGIN: TAKEN, f"PUT {PLACE}": [LARGE, MADE], f"PATCH {PLACE}": patch}
    async with RegistryServer(script) as server, client() as registry:
        await registry.push_blob(name(server), described(BIG), BIG)
    patches = [asked for asked in server.asked if asked.method == "PATCH" and len(asked.body) <= 100_000]
    assert b"".join(asked.body for asked in patches) == BIG
    assert patches[1].headers["Content-Range"] == "65536-131071"
    assert server.asked[-1].query == {"state": "1", "digest": described(BIG).digest}
    assert server.asked[-1].body == b""


async def test_what_is_too_large_in_any_piece_is_told() -> None:
    script = {BEGIN: TAKEN, f"PUT {PLACE}": LARGE, f"PATCH {PLACE}": LARGE}
    async with RegistryServer(script) as server, client() as registry:
        with pytest.raises(Refused, match="takes no request this large"):
            await registry.push_blob(name(server), described(BIG), BIG)


async def test_a_mount_that_is_refused_has_begun_an_upload_already() -> None:
    script: dict[str, Any] = {
        BEGIN: TAKEN,
        f"HEAD /v2/a/blobs/{described(BIG).digest}": error(404, "BLOB_UNKNOWN"),
        f"GET /v2/base/blobs/{described(BIG).digest}": Reply(body=BIG),
        f"PUT {PLACE}": MADE,
    }
    async with RegistryServer(script) as server, client() as registry:
        assert await registry.copy_blob(name(server, "base"), name(server), described(BIG))
        assert not await registry.copy_blob(name(server, "base"), name(server), described(BIG))
    assert server.lines.count(BEGIN) == 1
    assert server.asked[0].query == {"mount": described(BIG).digest, "from": "base"}
    assert server.asked[-1].body == BIG


async def test_a_mount_that_is_refused_copies_nothing_that_is_there() -> None:
    script = {BEGIN: TAKEN, f"HEAD /v2/a/blobs/{described(BIG).digest}": Reply()}
    async with RegistryServer(script) as server, client() as registry:
        assert not await registry.copy_blob(name(server, "base"), name(server), described(BIG))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
async def test_a_registry_that_knows_no_mounts_gets_a_copy(status: int) -> None:
    script: dict[str, Any] = {
        BEGIN: [error(status, "UNSUPPORTED"), TAKEN],
        f"HEAD /v2/a/blobs/{described(b'x').digest}": error(404, "BLOB_UNKNOWN"),
        f"GET /v2/base/blobs/{described(b'x').digest}": Reply(body=b"x"),
        f"PUT {PLACE}": MADE,
    }
    async with RegistryServer(script) as server, client() as registry:
        assert await registry.copy_blob(name(server, "base"), name(server), described(b"x"))
    assert server.asked[-1].body == b"x"


async def test_a_copy_begins_anew_where_either_side_breaks() -> None:
    read = f"GET /v2/base/blobs/{described(BIG).digest}"
    script: dict[str, Any] = {
        BEGIN: TAKEN,
        f"HEAD /v2/a/blobs/{described(BIG).digest}": error(404, "BLOB_UNKNOWN"),
        read: [Reply(body=BIG, cut=600_000), Reply(body=BIG)],
        f"PUT {PLACE}": [CUT, MADE],
    }
    async with RegistryServer(script) as server, client() as registry:
        assert await registry.copy_blob(name(server, "base"), name(server), described(BIG))
    assert server.asked[-1].body == BIG


async def test_what_cannot_be_read_is_what_a_copy_tells() -> None:
    script: dict[str, Any] = {
        BEGIN: TAKEN,
        f"HEAD /v2/a/blobs/{described(BIG).digest}": error(404, "BLOB_UNKNOWN"),
        f"GET /v2/base/blobs/{described(BIG).digest}": error(403, "DENIED"),
    }
    async with RegistryServer(script) as server, client() as registry:
        with pytest.raises(Denied, match=r"reading a blob of .*/base"):
            await registry.copy_blob(name(server, "base"), name(server), described(BIG))


async def test_within_one_repository_nothing_is_copied() -> None:
    async with RegistryServer({}) as server, client() as registry:
        assert not await registry.copy_blob(name(server), name(server), described(BIG))
    assert server.asked == []


async def test_a_blob_that_is_missing_after_all_is_forgotten_and_sent_again() -> None:
    image = Image(layer=b"x")
    put = "PUT /v2/a/manifests/1"
    script: dict[str, Any] = {BEGIN: TAKEN, f"PUT {PLACE}": MADE, put: [error(400, "MANIFEST_BLOB_UNKNOWN"), MADE]}
    async with RegistryServer(script) as server, client() as registry:
        with pytest.raises(BlobUnknown):
            await push(registry, name(server), image)
        await push(registry, name(server), image)
    assert server.lines.count(BEGIN) == 4


@pytest.mark.parametrize("location", [{}, {"Location": "ftp://x/y"}])
async def test_a_registry_that_does_not_say_where_to_send_is_told_of(location: dict[str, str]) -> None:
    async with RegistryServer({BEGIN: Reply(status=202, headers=location)}) as server, client() as registry:
        with pytest.raises(Broken, match=r"does not say where|an address that is none"):
            await registry.push_blob(name(server), described(b"x"), b"x")


async def test_a_digest_that_does_not_fit_is_the_registrys_refusal() -> None:
    async with (
        RegistryServer({BEGIN: TAKEN, f"PUT {PLACE}": error(400, "DIGEST_INVALID")}) as server,
        client() as registry,
    ):
        with pytest.raises(Refused, match="DIGEST_INVALID"):
            await registry.push_blob(name(server), described(b"x"), b"x")


async def test_an_upload_that_stands_still_ends(tmp_path: Path) -> None:
    """The registry takes the request, and neither reads on nor answers."""

    async def take_and_wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in ("404 Not Found", f"202 Accepted\r\nLocation: {PLACE}"):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())
        await over.wait()
        writer.close()

    over, big = asyncio.Event(), bytes(30_000_000)
    blob = Descriptor(media_type=LAYER, digest=f"sha256:{'0' * 64}", size=len(big))
    (tmp_path / "layer").write_bytes(big)
    async with await asyncio.start_server(take_and_wait, "127.0.0.1", 0) as server:
        there = Reference(host=f"127.0.0.1:{server.sockets[0].getsockname()[1]}", repository="a")
        async with client(limits=Limits(silence=0.2, answer=0.2)) as registry:
            registry._wire.origins._found[there.host] = f"http://{there.host}"  # this server takes no TLS for a request
            with pytest.raises(Unreachable, match="gave no answer in time"):
                await registry.push_blob(there, blob, tmp_path / "layer")
        over.set()


@pytest.mark.parametrize("content", ["bytes", "file", "copy"])
async def test_an_upload_can_be_cancelled_and_leaves_no_task_and_no_file(tmp_path: Path, content: str) -> None:
    reached = asyncio.Event()

    def sent(done: int) -> None:
        if done:
            reached.set()

    big = bytes(20_000_000)
    (tmp_path / "layer").write_bytes(big)
    script: dict[str, Any] = {
        BEGIN: TAKEN,
        f"HEAD /v2/a/blobs/{described(big).digest}": error(404, "BLOB_UNKNOWN"),
        f"GET /v2/base/blobs/{described(big).digest}": Reply(body=big),
        f"PUT {PLACE}": MADE,
    }
    async with RegistryServer(script) as server:
        before = asyncio.all_tasks()
        async with client() as registry:
            source: Any = tmp_path / "layer" if content == "file" else big
            work = asyncio.ensure_future(
                registry.copy_blob(name(server, "base"), name(server), described(big), sent=sent)
                if content == "copy"
                else registry.push_blob(name(server), described(big), source, sent=sent)
            )
            await reached.wait()
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
        ours = {t for t in asyncio.all_tasks() - before if "RequestHandler" not in repr(t)}
    assert ours == set()
    assert f"PUT {PLACE}" not in server.lines


async def test_who_pushes_the_same_twice_at_once_pushes_it_once() -> None:
    async with RegistryServer({BEGIN: TAKEN, f"PUT {PLACE}": MADE}) as server, client() as registry:
        await asyncio.gather(*(registry.push_blob(name(server), described(b"x"), b"x") for _ in range(5)))
    assert server.lines == [BEGIN, f"PUT {PLACE}"]


@pytest.mark.parametrize("turns", range(0, 80, 3))
async def test_a_push_can_be_cancelled_at_any_moment_and_done_again(turns: int) -> None:
    image, script = Image(layer=BIG), {"*": MADE, BEGIN: TAKEN}
    async with RegistryServer(script) as server, client() as registry:
        before = asyncio.all_tasks()
        work = asyncio.ensure_future(push(registry, name(server), image))
        for _ in range(turns):
            await asyncio.sleep(0)
        work.cancel()
        await asyncio.wait([work])
        assert {task for task in asyncio.all_tasks() - before if "RequestHandler" not in repr(task)} == set()
        await push(registry, name(server), image)
    assert server.asked[-1].line == "PUT /v2/a/manifests/1"


def test_nothing_heavy_is_imported_before_the_first_request() -> None:
    code = "import sys, ciao.s2i.registry.client; print([m for m in ('aiohttp', 'yaml') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "[]\n"


async def test_two_uploads_go_at_once() -> None:
    both = asyncio.Barrier(2)

    class Meeting(RegistryServer):
        async def _handle(self, request: Any) -> Any:
            if request.method == "POST":
                async with asyncio.timeout(30):
                    await both.wait()
            return await super()._handle(request)

    script = {BEGIN: TAKEN, f"PUT {PLACE}": MADE, "PUT /v2/a/manifests/1": MADE}
    async with Meeting(script) as server, client() as registry:
        await push(registry, name(server), Image(layer=b"x"))
    assert re.fullmatch("(POST|PUT)(POST|PUT)(POST|PUT)(POST|PUT)PUT", "".join(a.method for a in server.asked))


async def test_a_manifest_goes_under_its_tag_or_its_digest() -> None:
    image = Image(layer=b"x")
    digest = described(image.manifest).digest
    async with RegistryServer({"*": MADE}) as server, client() as registry:
        there = Reference(host=server.address, repository="a")
        await registry.push_manifest(name(server), MANIFEST, image.manifest)
        assert (await registry.push_manifest(there, MANIFEST, image.manifest)).digest == digest
    assert server.lines == ["PUT /v2/a/manifests/1", f"PUT /v2/a/manifests/{digest}"]
    assert (server.asked[0].body, server.asked[0].headers["Content-Type"]) == (image.manifest, MANIFEST)


async def test_a_registry_that_keeps_another_manifest_than_it_got_is_told_of() -> None:
    lying = Reply(status=201, headers={"Docker-Content-Digest": described(b"other").digest})
    async with RegistryServer({"*": lying}) as server, client() as registry:
        with pytest.raises(Broken, match="kept another manifest"):
            await registry.push_manifest(name(server), MANIFEST, b"{}")


async def test_a_blob_that_is_described_wrongly_is_not_sent() -> None:
    async with RegistryServer({BEGIN: TAKEN}) as server, client() as registry:
        wrong = Descriptor(media_type=CONFIG, digest=described(b"x").digest, size=2)
        with pytest.raises(BundleError, match="described as one of 2"):
            await registry.push_blob(name(server), wrong, b"x")
    assert server.asked == []
