"""The client on real registries: open, by password, by token, behind TLS, and behind an nginx that takes little."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import traceback
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.s2i.registry.base import Descriptor, Reference
from ciao.s2i.registry.client import Client
from ciao.s2i.registry.errors import BlobUnknown, Denied, Refused, Unreachable
from ciao.s2i.registry.names import parse
from cluster.registries import basic
from fakes.pushes import LAYER, MANIFEST, Image, Slept, client, described, push
from registries import BODY_LIMIT, Local, Registries

pytestmark = pytest.mark.registry


def new(size: int = 2000) -> Image:
    """One that no registry has yet."""
    return Image(layer=secrets.token_bytes(size))


def fresh(local: Local, tag: str = "1") -> Reference:
    """A repository of the test's own."""
    return parse(f"{local.address}/tests/{secrets.token_hex(6)}:{tag}")


def to(local: Local) -> Client:
    return client(settings=local.settings())


def since(local: Local, before: int) -> list[str]:
    """Methods and answers of what was asked for after so many requests."""
    return [f"{line.split()[0]} {line.split()[2]}" for line in local.asked[before:]]


@pytest.fixture(params=["open", "htpasswd", "token", "tls", "proxied"])
def local(request: pytest.FixtureRequest, registries: Registries) -> Local:
    start: Callable[[], Local] = getattr(registries, request.param)
    return start()


async def test_what_is_pushed_is_there_byte_for_byte(local: Local) -> None:
    image, name = new(3 * BODY_LIMIT), fresh(local)
    async with to(local) as registry:
        assert await registry.find(name) is None
        pushed = await push(registry, name, image)
        found = await registry.manifest(name)
        async with aclosing(registry.stream(name, described(image.layer).digest)) as pieces:
            layer = b"".join([piece async for piece in pieces])
        config = await registry.blob(name, described(image.config).digest, most=100)
        tags = await registry.tags(name)
        assert await registry.find(name) == pushed
    assert (found.raw, found.media_type, found.digest) == (image.manifest, MANIFEST, pushed.digest)
    assert (layer, config, tags) == (image.layer, image.config, ("1",))


async def test_what_is_deleted_is_gone_and_deleting_it_again_does_no_harm(local: Local) -> None:
    name = fresh(local)
    async with to(local) as registry:
        pushed = await push(registry, name, new())
        by_digest = Reference(host=name.host, repository=name.repository, digest=pushed.digest)
        await registry.delete(by_digest)
        await registry.delete(by_digest)
        assert await registry.find(name) is None


async def test_of_what_is_not_there_the_error_tells_its_name(local: Local) -> None:
    name = fresh(local)
    async with to(local) as registry:
        assert await registry.tags(name) == ()
        with pytest.raises(Refused, match="404") as caught:
            await registry.manifest(name)
    assert str(name) in str(caught.value)


async def test_a_blob_of_another_repository_is_mounted(local: Local) -> None:
    image, name, other = new(), fresh(local), fresh(local)
    layer = described(image.layer)
    async with to(local) as registry:
        await push(registry, name, image)
        assert not await registry.copy_blob(name, other, layer)
        assert len(await registry.blob(other, layer.digest, most=layer.size)) == layer.size


async def test_a_blob_that_cannot_be_mounted_is_copied_through_this_process(registries: Registries) -> None:
    source, target = registries.token(), registries.htpasswd()
    image, sent = new(600_000), list[int]()
    name, other, layer = fresh(source), fresh(target), described(image.layer)
    async with to(source) as registry:
        await push(registry, name, image)
    async with client(settings=target.settings(), environ=_logged_in(source)) as registry:
        assert await registry.copy_blob(name, other, layer, sent=sent.append)
        assert await registry.blob(other, layer.digest, most=layer.size) == image.layer
    assert (sent[0], sent[-1]) == (0, layer.size)


def _logged_in(local: Local) -> dict[str, str]:
    """An environment in which somebody has run docker login."""
    folder = local.storage.parent / "docker"
    folder.mkdir(exist_ok=True)
    auths = {local.address: {"username": local.user, "password": local.password}}
    (folder / "config.json").write_text(json.dumps({"auths": auths}))
    return {"DOCKER_CONFIG": str(folder)}


@pytest.mark.parametrize("kind", ["open", "htpasswd", "token"])
async def test_a_warm_push_is_five_requests(registries: Registries, kind: str) -> None:
    local: Local = getattr(registries, kind)()
    name = fresh(local)
    async with to(local) as registry:
        await push(registry, name, new())
        before = len(local.asked)
        another = Image(layer=secrets.token_bytes(2000), config=secrets.token_bytes(100))
        await push(registry, name, another)
    assert sorted(since(local, before)) == ["POST 202", "POST 202", "PUT 201", "PUT 201", "PUT 201"]


async def test_what_is_known_to_be_there_is_not_sent(registries: Registries) -> None:
    local = registries.open()
    image, name = new(), fresh(local)
    async with to(local) as registry:
        await push(registry, name, image)
        before = len(local.asked)
        await push(registry, name, image)
    assert since(local, before) == ["PUT 201"]


async def test_a_large_blob_that_somebody_else_has_pushed_is_not_sent(registries: Registries) -> None:
    local = registries.open()
    image, name, sent = new(5_000_000), fresh(local), list[int]()
    for _ in range(2):
        async with to(local) as registry:
            await registry.push_blob(name, described(image.layer), image.layer, sent=sent.append)
    assert sent.count(0) == 1


@pytest.mark.parametrize("whole", [True, False])
async def test_a_blob_that_was_collected_under_us_is_told_and_then_pushed_again(
    registries: Registries, *, whole: bool
) -> None:
    local = registries.open()
    image, name = new(), fresh(local)
    digest = described(image.layer).digest
    async with to(local) as registry:
        await push(registry, name, image)
        local.link(name.repository, digest).unlink()
        if whole:
            local.blob(digest).unlink()
        with pytest.raises(BlobUnknown, match="lost a part"):
            await registry.push_manifest(name, MANIFEST, image.manifest)
        await push(registry, name, image)
        assert (await registry.manifest(name)).raw == image.manifest
        assert await registry.blob(name, digest, most=10_000) == image.layer


async def test_a_proxy_that_takes_little_gets_little_at_once(registries: Registries) -> None:
    local = registries.proxied()
    image, name, sent = new(5 * BODY_LIMIT + 7), fresh(local), list[int]()
    before = len(local.asked)
    async with to(local) as registry:
        await registry.push_blob(name, described(image.layer), image.layer, sent=sent.append)
        assert await registry.blob(name, described(image.layer).digest, most=10**6) == image.layer
    assert since(local, before).count("PATCH 202") == 6
    assert sent[-1] == len(image.layer)


async def test_a_manifest_that_is_too_large_for_a_proxy_is_an_error_that_says_what_to_change(
    registries: Registries,
) -> None:
    local = registries.proxied()
    async with to(local) as registry:
        with pytest.raises(Refused, match="413") as caught:
            await registry.push_manifest(fresh(local), MANIFEST, b" " * (BODY_LIMIT + 1))
    assert "client_max_body_size" in caught.value.hint


async def test_who_may_only_pull_is_told_so(registries: Registries) -> None:
    local = registries.token()
    assert local.reader
    image, name = new(), fresh(local)
    async with to(local) as registry:
        await push(registry, name, image)
    async with to(local.reader) as registry:
        assert (await registry.manifest(name)).raw == image.manifest
        with pytest.raises(Denied, match="pushing to"):
            await push(registry, name, new())


async def test_an_identity_token_is_enough(registries: Registries, tmp_path: Path) -> None:
    local = registries.token()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {local.address: {"identitytoken": local.identity}}}))
    name, image = fresh(local), new()
    async with client(environ={"DOCKER_CONFIG": str(tmp_path)}) as registry:
        await push(registry, name, image)
        assert (await registry.manifest(name)).raw == image.manifest


@pytest.mark.parametrize("kind", ["htpasswd", "token"])
async def test_a_password_is_nowhere_but_on_its_way_to_the_registry(
    registries: Registries, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    local: Local = getattr(registries, kind)()
    caplog.set_level(logging.DEBUG)
    name = fresh(local)
    async with to(local) as registry:
        await push(registry, name, new())
        await registry.delete(Reference(host=name.host, repository=name.repository, digest=described(b"").digest))
        shown = repr(registry) + repr(vars(registry)) + repr(local.settings()) + caplog.text
    kept = b"".join(path.read_bytes() for path in local.storage.rglob("*") if path.is_file())
    for secret in (local.password, basic(local.user, local.password)):
        assert secret not in shown
        assert secret.encode() not in kept


@pytest.mark.parametrize("kind", ["htpasswd", "token"])
async def test_a_wrong_password_is_told_and_never_shown(
    registries: Registries, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    local: Local = getattr(registries, kind)()
    wrong = secrets.token_urlsafe(20)
    async with client(settings=local.settings(s2i_password=wrong)) as registry:
        with pytest.raises(Denied, match="does not accept the login") as caught:
            await push(registry, fresh(local), new())
        shown = repr(registry) + "".join(traceback.format_exception(caught.value)) + caplog.text
    assert wrong not in shown
    assert local.password not in shown


async def test_whether_one_may_push_is_found_out_without_pushing(local: Local) -> None:
    async with to(local) as registry:
        await registry.try_push(fresh(local))


async def test_a_certificate_of_an_unknown_authority_names_the_setting(registries: Registries) -> None:
    local = registries.tls()
    async with client(settings=local.settings(s2i_ca=None)) as registry:
        with pytest.raises(Unreachable, match="certificate that is not trusted") as caught:
            await registry.find(fresh(local))
    assert "s2i.ca" in caught.value.hint


async def test_a_registry_that_is_not_there_is_told_in_plain_words() -> None:
    slept = Slept()
    async with client(slept=slept) as registry:
        with pytest.raises(Unreachable, match="nothing listens there"):
            await registry.find(parse("127.0.0.1:1/a:1"))
    assert len(slept.seconds) == 3


async def test_a_full_disk_is_told_at_once(registries: Registries) -> None:
    local, slept = registries.small(), Slept()
    async with client(settings=local.settings(), slept=slept) as registry:
        with pytest.raises(BundleError, match=r"disk of the registry .* is full"):
            await push(registry, fresh(local), new(3_000_000))
        await registry.find(fresh(local))
    assert slept.seconds == []


async def test_a_push_that_is_cancelled_in_its_middle_leaves_nothing_that_is_named(local: Local) -> None:
    image, name, begun = new(20_000_000), fresh(local), asyncio.Event()
    layer = described(image.layer)

    def sent(done: int) -> None:
        if done > 0:
            begun.set()

    async with to(local) as registry:
        work = asyncio.ensure_future(registry.push_blob(name, layer, image.layer, sent=sent))
        await begun.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    async with to(local) as registry:
        assert await registry.tags(name) == ()
        with pytest.raises(Refused):
            await registry.blob(name, layer.digest, most=layer.size)


async def test_a_file_is_streamed(local: Local, tmp_path: Path) -> None:
    content, name, sent = secrets.token_bytes(1_500_000), fresh(local), list[int]()
    (tmp_path / "layer").write_bytes(content)
    blob = Descriptor(media_type=LAYER, digest=described(content).digest, size=len(content))
    async with to(local) as registry:
        await registry.push_blob(name, blob, tmp_path / "layer", sent=sent.append)
        assert await registry.blob(name, blob.digest, most=blob.size) == content
    assert sent[-1] == len(content)
