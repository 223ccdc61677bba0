"""Tools that build images on the user's machine: what each is asked for, and how it is called."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Order", "Step", "Tool", "nothing"]


@dataclass(frozen=True, kw_only=True)
class Order:
    """One image that is to be built from a Dockerfile.

    ``name`` has a tag; it goes to a registry if ``pushed``, else it stays on this machine. ``scratch`` is a folder of
    this build alone, which is removed behind it. ``programs`` are paths by name. ``sources`` are the hosts that images
    are pulled from, and ``plain`` those of all hosts that are spoken to without TLS. ``certificates`` is a folder with
    ``ca.crt`` in it, whose authority is trusted besides. ``platform`` is empty for this machine's own. ``cached``:
    steps are kept for the next time, which one that only copies the code is not worth. ``base`` is the image below, for
    what takes no Dockerfile.
    """

    name: str
    context: Path
    dockerfile: Path
    scratch: Path
    programs: Mapping[str, str]
    base: str = ""
    platform: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    sources: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()
    certificates: Path | None = None
    login: Path | None = None
    cached: bool = True
    pushed: bool = True

    @property
    def host(self) -> str:
        """Where the image is pushed."""
        return self.name.partition("/")[0]

    @property
    def digest_file(self) -> Path:
        """Where tools that can tell the digest of what they pushed write it."""
        return self.scratch / "digest"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One call. ``what`` is words for people."""

    what: str
    argv: tuple[str, ...]


Steps = Callable[[Order], tuple[Step, ...]]


def nothing(_: Order) -> tuple[Step, ...]:
    """No step."""
    return ()


def _from_file(order: Order, _: Sequence[str]) -> str:
    return order.digest_file.read_text().strip()


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One row.

    ``programs``: each entry is one that is needed, by the names it may have. ``advice`` says how to get them.
    ``steps`` build and push; ``digest`` is what was pushed, from their result and the lines that the last of them said.
    ``prepare`` is called before. ``clean`` are steps behind a build, however it ended: they take its name away.
    ``listing`` are words of a call that lists the containers in which builds work, and ``removing`` of one that removes
    one of them, for tools that leave them behind when they are ended.
    ``check`` is the reason, from the environment, why it cannot work here, or nothing. ``driver`` are words of a call
    that tells how it stores layers, ``user`` of one that tells whose an image of this machine is, by its name.
    ``stores``: it keeps images on this machine, by name. ``daemon``: whose settings decide about certificates and plain
    HTTP, empty for a tool that is told by flags.
    """

    name: str
    programs: tuple[tuple[str, ...], ...]
    advice: str
    steps: Steps
    digest: Callable[[Order, Sequence[str]], str] = _from_file
    prepare: Callable[[Order], None] = lambda _: None
    clean: Steps = nothing
    check: Callable[[Mapping[str, str]], str] = lambda _: ""
    driver: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    listing: tuple[str, ...] = ()
    removing: tuple[str, ...] = ()
    stores: bool = False
    daemon: str = ""


def flags(option: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """``--option name=value`` for each."""
    return tuple(word for name, value in values.items() for word in (option, f"{name}={value}"))


def containers(program: str) -> Steps:
    """Buildah's, and Podman's, which is made of the same parts.

    Their flag is for all hosts of a call, so it is given only where each of them is known to have no TLS.
    """

    def steps(order: Order) -> tuple[Step, ...]:
        tool = order.programs[program]
        trusting = ("--cert-dir", str(order.certificates)) if order.certificates else ()
        pulling = ("--tls-verify=false",) if order.sources and order.sources <= order.plain else trusting
        pushing = ("--tls-verify=false",) if order.host in order.plain else trusting
        build = (
            tool, "build", "--force-rm", f"--layers={'true' if order.cached else 'false'}", *pulling,
            *(("--platform", order.platform) if order.platform else ()),
            *flags("--build-arg", order.arguments),
            "--file", str(order.dockerfile), "--tag", order.name, str(order.context),
        )  # fmt: skip
        push = (tool, "push", *pushing, "--digestfile", str(order.digest_file), order.name)
        return _both(program, order, build, push)

    return steps


def docker(order: Order) -> tuple[Step, ...]:
    """The daemon decides about TLS; it takes no flags."""
    tool = order.programs["docker"]
    build = (
        tool, "build", "--force-rm",
        *(("--platform", order.platform) if order.platform else ()),
        *flags("--build-arg", order.arguments),
        "--file", str(order.dockerfile), "--tag", order.name, str(order.context),
    )  # fmt: skip
    return _both("docker", order, build, (tool, "push", order.name))


def buildkit(order: Order) -> tuple[Step, ...]:
    """The daemon builds and pushes in one go; credentials come from this side."""
    plain = ",registry.insecure=true" if order.host in order.plain else ""
    options = {
        "filename": order.dockerfile.name,
        **({"platform": order.platform} if order.platform else {}),
        **{f"build-arg:{name}": value for name, value in order.arguments.items()},
    }
    argv = (
        order.programs["buildctl"], "build", "--frontend", "dockerfile.v0", "--progress", "plain",
        "--local", f"context={order.context}", "--local", f"dockerfile={order.dockerfile.parent}",
        *flags("--opt", options),
        "--output", f"type=image,name={order.name},push=true{plain}",
        "--metadata-file", str(order.digest_file),
    )  # fmt: skip
    return (Step(what="buildkit: building and pushing", argv=argv),)


def told_by_buildkit(order: Order, _: Sequence[str]) -> str:
    """Of its metadata."""
    return str(json.loads(order.digest_file.read_text()).get("containerimage.digest", ""))


def told_by_docker(_: Order, lines: Sequence[str]) -> str:
    """``docker push`` says it in its last line."""
    found = [m[1] for line in lines if (m := re.search(r"digest: (sha256:[0-9a-f]{64})\b", line))]
    return found[-1] if found else ""


def removed(program: str, *words: str) -> Steps:
    """The image is in the registry; on this machine its name would stay for ever."""

    def steps(order: Order) -> tuple[Step, ...]:
        return (Step(what=f"{program}: removing {order.name}", argv=(order.programs[program], *words, order.name)),)

    return steps


def buildkit_is_there(environ: Mapping[str, str]) -> str:
    """Why not, or nothing. An address may be that of another machine, and is not tried here."""
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    sockets = [Path("/run/buildkit/buildkitd.sock"), *([Path(runtime) / "buildkit/buildkitd.sock"] if runtime else [])]
    if environ.get("BUILDKIT_HOST") or any(socket.exists() for socket in sockets):
        return ""
    return "no buildkitd runs here: BUILDKIT_HOST is not set, and there is no " + " nor ".join(map(str, sockets))


def _both(program: str, order: Order, build: tuple[str, ...], push: tuple[str, ...]) -> tuple[Step, ...]:
    building = Step(what=f"{program}: building", argv=build)
    return (building, Step(what=f"{program}: pushing", argv=push)) if order.pushed else (building,)
