"""Every builder for real: what it makes, what it says when it fails, and what it leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ciao.errors import BundleError
from ciao.model import Packing
from ciao.s2i.bases import resolve
from ciao.s2i.context import gather
from registries import Registries

if TYPE_CHECKING:
    from conftest import Bench  # type: ignore[attr-defined] # the one beside this

Benches = Callable[..., "Bench"]
pytestmark = [pytest.mark.builders, pytest.mark.timeout(900)]  # the first one waits until they are built

ALL = ("buildah", "podman", "docker", "buildkit", "kaniko", "s2i")
ALONE = ALL[:-1]
PIP = """#!/bin/sh
if [ "$1" = -c ]; then mkdir -p /ciao/site && cp -R /ciao/prefix/lib/python3.11/site-packages/. /ciao/site/; exit; fi
[ "$*" != "${*#-m pip install}" ] || exit 1
mkdir -p /ciao/prefix/lib/python3.11/site-packages
cp /ciao/packages/requirements.txt /ciao/prefix/lib/python3.11/site-packages/thing.py
"""
"""A Python for an image without one: it does what pip does to a prefix."""
every = pytest.mark.parametrize("tool", ALL)
builder = pytest.mark.parametrize("tool", ALONE)


@every
async def test_the_image_has_the_code_byte_for_byte_on_an_unchanged_base(tool: str, benches: Benches) -> None:
    bench = benches(tool)
    bench.write(**{"run.sh": "#!/bin/sh\n", "table.csv": "a,ü\r\n"})
    (bench.notebook / "run.sh").chmod(0o700)
    spec = bench.spec("print('Grüße')\n\n", include=("run.sh", "table.csv"))
    bundle = await bench.build(spec)
    base, (image,) = (await resolve(bench.client, bench.base))[0], bundle.images.values()
    files = {path: file for path, file in (await bench.files(image)).items() if path.startswith("ciao/code/")}
    context = await gather(spec, bench.settings, lambda _: None)
    assert {path: file.content for path, file in files.items()} == {
        f"ciao/code/{entry.path}": entry.source if isinstance(entry.source, bytes) else entry.source.read_bytes()
        for entry in context.entries
    }
    assert {path for path, file in files.items() if file.mode == 0o755} == {"ciao/code/files/run.sh"}
    assert {(file.owner, file.mode) for file in files.values()} == {(0, 0o644), (0, 0o755)}
    made = (await resolve(bench.client, image))[0]
    assert [blob.digest for blob in made.blobs][: len(base.blobs)] == [blob.digest for blob in base.blobs]
    assert made.config["config"]["Entrypoint"] == [
        "python3",
        "/ciao/code/ciao_runner/__main__.py",
        "init",
        "/ciao/code/cell_3.py",
    ]
    assert made.config["config"]["Env"] == base.config["config"]["Env"]
    assert not made.config["config"].get("Cmd") or tool == "s2i"
    assert made.labels["dev.ciao.code.sha256"] == spec.code_hash
    assert bench.left() == []
    assert bench.scratch == []


@every
async def test_a_dockerfile_of_the_users_is_built_first_and_keeps_its_user(tool: str, benches: Benches) -> None:
    bench = benches(tool)
    bench.write(
        **{"data.txt": "42", "hidden.txt": "no", ".dockerignore": "hidden.txt\n"},
        Dockerfile="ARG BASE\nFROM $BASE AS first\nCOPY . /given/\n"
        "RUN echo $(cat /given/data.txt) and more > /made.txt\nFROM first\nENV SEEN=yes\nUSER 1234\n",
    )
    bundle = await bench.build(bench.spec(dockerfile="Dockerfile"))
    (image,) = bundle.images.values()
    files = await bench.files(image)
    assert files["made.txt"].content == b"42 and more\n"
    assert not {"given/hidden.txt", "kaniko/digest"} & set(files)
    assert not any(files[path].content for path in {"etc/hosts", "etc/resolv.conf"} & set(files)), "this machine's own"
    assert files["ciao/code/cell_3.py"].content == b"print('built')\n"
    made = (await resolve(bench.client, image))[0]
    assert (bundle.users, made.config["config"]["User"]) == ({bench.base: 1234}, "1234")
    assert "SEEN=yes" in made.config["config"]["Env"]
    assert any("made.txt" in news.step for news in bench.told if isinstance(news, Packing))


@builder
async def test_a_line_that_fails_is_shown_with_its_output(tool: str, benches: Benches) -> None:
    bench = benches(tool)
    bench.write(Dockerfile=f"FROM {bench.base}\nRUN echo the frobnicator is missing >&2; exit 7\n")
    with pytest.raises(BundleError) as caught:
        await bench.build(bench.spec(dockerfile="Dockerfile"))
    assert f"failed with exit code {1 if tool == 'buildkit' else 7}" in caught.value.message
    assert "the frobnicator is missing\n" in caught.value.hint
    assert caught.value.hint.endswith("\nCorrect what it complains about.")
    assert (bench.left(), bench.scratch) == ([], [])


@builder
async def test_an_interrupt_in_the_middle_of_a_build_leaves_nothing(tool: str, benches: Benches) -> None:
    bench = benches(tool)
    bench.write(Dockerfile=f"FROM {bench.base}\nRUN echo begun; exec sleep 271828\n")
    build = asyncio.create_task(bench.build(bench.spec(dockerfile="Dockerfile")))
    await _until(lambda: _runs("271828") or build.done())
    assert not build.done(), build.exception()
    build.cancel()
    with pytest.raises(asyncio.CancelledError):
        await build
    await _until(lambda: not _runs("271828"))
    await _until(lambda: bench.left() == [])
    assert bench.scratch == []
    assert bench.mounts() == []


async def test_an_interrupt_leaves_the_users_own_containers(benches: Benches) -> None:
    bench = benches("podman")
    bench.write(Dockerfile=f"FROM {bench.base}\nRUN echo begun; exec sleep 314159\n")
    build = asyncio.create_task(bench.build(bench.spec(dockerfile="Dockerfile")))
    await _until(lambda: _runs("314159") or build.done())
    bench.calls("podman", "create", "--name", "precious", bench.base, "true")
    build.cancel()
    with pytest.raises(asyncio.CancelledError):
        await build
    try:
        assert bench.calls("podman", "ps", "--all", "--external", "--format", "{{.Names}}") == "precious\n"
    finally:
        bench.calls("podman", "rm", "precious")


@builder
async def test_an_interrupt_in_the_copying_of_the_code_leaves_nothing(tool: str, benches: Benches) -> None:
    bench = benches(tool)
    build = asyncio.create_task(bench.build(bench.spec()))
    bench.hears = lambda news: build.cancel() if isinstance(news, Packing) and "COPY" in news.step else None
    with contextlib.suppress(asyncio.CancelledError):  # one that was quicker is done
        await build
    await _until(lambda: bench.left() == [])
    assert bench.scratch == []


@builder
async def test_the_settings_user_may_push(tool: str, benches: Benches, registries: Registries) -> None:
    bench = benches(tool, registries.htpasswd())
    (image,) = (await bench.build(bench.spec())).images.values()
    assert image.startswith(registries.htpasswd().address)
    assert bench.scratch == []


@builder
async def test_a_wrong_password_is_told_without_being_shown(
    tool: str, benches: Benches, registries: Registries, capfd: pytest.CaptureFixture[str]
) -> None:
    wrong = "no-such-Passw0rd-8a7f"
    bench = benches(tool, registries.htpasswd(), s2i_password=wrong)
    with pytest.raises(BundleError) as caught:
        await bench.build(bench.spec())
    assert "s2i.password" in str(caught.value)
    shown = repr(bench.told) + str(caught.value) + repr(caught.value) + json.dumps(capfd.readouterr())
    assert wrong not in shown
    assert bench.scratch == []


@every
async def test_packages_are_installed_by_the_python_of_the_base(tool: str, benches: Benches) -> None:
    bench = benches(tool)
    base = await bench.with_python(PIP)
    bench.write(**{"thing-1.0-py3-none-any.whl": ""})
    (image,) = (await bench.build(bench.spec(packages=("./thing-1.0-py3-none-any.whl",)), base=base)).images.values()
    files = await bench.files(image)
    assert files["ciao/code/site/thing.py"].content == b"/ciao/packages/thing-1.0-py3-none-any.whl\n"
    assert "ciao/packages/requirements.txt" not in files
    assert (await resolve(bench.client, image))[0].config["config"]["User"] == "1234"


@pytest.mark.parametrize("tool", ["buildah", "podman", "kaniko"])
async def test_a_registry_behind_an_authority_of_its_own_is_trusted_by_the_setting(
    tool: str, benches: Benches, registries: Registries
) -> None:
    (image,) = (await (bench := benches(tool, registries.tls())).build(bench.spec())).images.values()
    assert image.startswith(registries.tls().address)


@pytest.mark.parametrize("tool", ["buildah", "podman", "kaniko"])
async def test_without_that_setting_it_is_not(tool: str, benches: Benches, registries: Registries) -> None:
    bench = benches(tool, registries.tls())
    bench.settings = registries.tls().settings(s2i_ca=None)
    with pytest.raises(BundleError, match=r"s2i\.ca"):
        await bench.build(bench.spec())


async def test_where_no_docker_is_buildah_builds_what_source_to_image_writes(benches: Benches) -> None:
    bench = benches("s2i")
    without = [one for one in bench.environ["PATH"].split(":") if not (Path(one) / "docker").exists()]
    bench.environ = {**bench.environ, "PATH": ":".join(without)}
    (image,) = (await bench.build(bench.spec())).images.values()
    assert (await bench.files(image))["ciao/code/cell_3.py"].content == b"print('built')\n"
    assert any(news.step == "s2i: writing a Dockerfile" for news in bench.told if isinstance(news, Packing))


def _runs(word: str) -> bool:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if word.encode() in file.read_bytes().split(b"\0"):
                return True
    return False


async def _until(true: Callable[[], bool], seconds: float = 300) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  # other processes
            await asyncio.sleep(0.02)
