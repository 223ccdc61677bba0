"""A changed cell by each way that runs on this machine, build and push together: append, crane, and the strategies.

They take turns, on the same base and registry, each with what it knows from the turn before. First comes the first
build of each, on a base that it has never seen. There is no limit: what they can do, append cannot.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from benchmarks.on_registries.ground import Ground, built, ms, spec, strategy, timed
from ciao.errors import BundleError
from ciao.s2i.code import code_layer
from ciao.s2i.command.strategy import Command
from ciao.s2i.context import gather
from ciao.s2i.registry.client import Client
from cluster import buildkit, builds, docker
from cluster.errors import ClusterError

ROUNDS, SLOW = 7, {"kaniko": 3}
TOOLS = ("buildah", "podman", "docker", "docker with BuildKit", "buildkit", "kaniko")

Way = Callable[[], Awaitable[object]]


async def crane(here: Ground, base: str, number: int) -> None:
    """Its program, with a layer that is made already."""
    context = await gather(spec(), here.settings(), lambda _: None)
    async with code_layer(context, lambda _: None) as layer:
        assert isinstance(layer.content, bytes)
        file = here.folder / f"crane-{number}.tar"
        file.write_bytes(layer.content)
    call = (builds.program("crane"), "append", "--insecure", "-b", base, "-f", str(file))
    to = f"{here.address}/team/crane:{number}"
    process = await asyncio.create_subprocess_exec(*call, "-t", to, stdout=-3, stderr=-3)
    assert await process.wait() == 0


@asynccontextmanager
async def ways(here: Ground, base: str) -> AsyncGenerator[Mapping[str, Way]]:
    """By name; a tool that cannot be had here is left out, with a word."""
    client, numbers = Client(here.settings()), iter(range(1000))
    with ExitStack() as stack:
        stack.callback(docker.unmount, here.folder)
        append: Any = strategy(here, client)
        found: dict[str, Way] = {
            "append": lambda: built(append, base),
            "crane append": lambda: crane(here, base, next(numbers)),
        }
        for name in TOOLS:
            try:
                environ = _environ(here, name, stack)
                one = Command(name.partition(" ")[0], here.settings(), client, environ=environ)
                await one.plan(spec(), _target(base))
            except (BundleError, ClusterError) as error:
                print(f"{name}: not measured: {error}")
                continue
            found[name] = lambda one=one: built(one, base)  # type: ignore[misc] # a lambda's default
        try:
            yield found
        finally:
            await client.close()


def _target(base: str) -> Any:
    from ciao.model import Role, Target

    return Target(images={Role.WORKER: base})


def _environ(here: Ground, name: str, stack: ExitStack) -> dict[str, str]:
    """Storage, daemon and programs of one tool, in the folder of the registry."""
    folder = here.folder / name.replace(" ", "-")
    folder.mkdir()
    conf = folder / "storage.conf"
    conf.write_text(f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n')
    paths, more = [], {}
    if name.startswith("docker"):
        programs = docker.unpacked(_quietly)
        paths.append(programs)
        more["DOCKER_HOST"] = stack.enter_context(docker.running(programs, folder))
        more["DOCKER_BUILDKIT"] = "1" if "BuildKit" in name else "0"
    if name == "buildkit":
        builds.require(builds.BUILDKIT, _quietly)
        paths.append(builds.BUILDKIT.folder)
        more["BUILDKIT_HOST"] = stack.enter_context(buildkit.running(folder))
    if name == "kaniko":
        builds.require(builds.KANIKO, _quietly)
        paths.append(builds.KANIKO.folder)
    return {
        "PATH": ":".join(map(str, (*paths, os.environ["PATH"]))),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "CONTAINERS_STORAGE_CONF": str(conf),
        "BUILDAH_ISOLATION": "chroot",
        **more,
    }


def _quietly(line: str) -> None:
    print(line, file=sys.stderr)


async def measure(here: Ground) -> bool:
    """Each once, then in turn."""
    if os.geteuid() != 0:
        print("not measured: builders need root")
        return True
    builds.require(builds.CRANE, _quietly)
    base = await here.base("for-builders", 100_000_000)
    async with ways(here, base) as found:
        first = {name: await timed(way) for name, way in found.items()}
        rounds: dict[str, list[float]] = {name: [] for name in found}
        for number in range(ROUNDS):
            for name, way in found.items():
                if number < SLOW.get(name, ROUNDS):
                    rounds[name].append(await timed(way))
    quick = statistics.median(rounds["append"])
    for name, took in rounds.items():
        middle = statistics.median(took)
        print(f"{name:22} {ms(middle):>8}, {middle / quick:5.1f} x append; the first on this base {ms(first[name])}")
    return True
