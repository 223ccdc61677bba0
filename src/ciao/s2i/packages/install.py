"""The packages of a cell into a folder: resolved against what is there, locked with hashes, installed, tidied."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ciao.model import Packing
from ciao.s2i.base import Tell
from ciao.s2i.packages import stubs, tidy
from ciao.s2i.packages.indexes import Sources, configuration, secrets_of
from ciao.s2i.packages.interior import Interior
from ciao.s2i.packages.passed_over import passed_over
from ciao.s2i.packages.refused import IMAGE, Asked, refusal
from ciao.s2i.packages.replacing import refuse_replacing
from ciao.s2i.packages.uv import Ran, Uv, environment
from ciao.s2i.packages.wanted import Wanted, canonical

__all__ = ["Installed", "install"]

CHANGE = re.compile(
    r"^ (?P<sign>[-+~]) (?P<name>[A-Za-z0-9][\w.-]*)(?:==(?P<version>[^\s(]+))?(?: @ | \(from )?(?P<url>\w+://[^\s)]+)?",
    re.MULTILINE,
)
"""How uv tells what it would do. From where, if that was named: in one way before it has the wheel, another after."""
DOWNLOADING = re.compile(r"^Downloading (?P<what>\S+ \([^)]*\))")
NOTHING = "# The base has all of it.\n"
LOCKED = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)(?:==(?P<version>[^\s;]+)| @ (?P<url>\S+))(?P<rest>.*)$")


@dataclass(frozen=True, kw_only=True)
class Installed:
    """``added`` are versions by name, ``replaced`` the versions of the base that they hide. ``lock`` has the hashes."""

    added: Mapping[str, str]
    replaced: Mapping[str, str]
    lock: str


async def install(
    wanted: Wanted, found: Sources, interior: Interior, *, site: Path, scratch: Path, tell: Tell, python: str = ""
) -> Installed:
    """Fill ``site``, an empty folder. ``scratch`` is one that only this user can read, and is removed by the caller.

    ``python`` is an interpreter of this machine to install for; else it is the interior's version and platform. Wheels
    alone: nothing of a package runs here. Raises BundleError in plain words.
    """
    uv = _uv(found, interior, scratch, tell, python)
    for notice in passed_over(found):
        tell(notice)
    stubs.write(site, interior.distributions)
    tell(Packing(step="resolving the packages"))
    asked = _asked(wanted, found, interior, scratch, python)
    planned = await _resolved(uv, wanted, asked, site=site, scratch=scratch)
    if not planned.pins:
        stubs.remove(site)
        tidy.tidy(site)
        (site / tidy.LOCK).write_text(NOTHING)
        return Installed(added={}, replaced={}, lock=NOTHING)
    lock = scratch / "lock.txt"
    lock.write_text(await _locked(uv, planned.pins, wanted, asked, scratch))
    tell(Packing(step=f"installing {_counted(planned.pins)}"))
    await _checked(uv("install", "--target", str(site), "--no-deps", "--requirements", str(lock)), asked)
    stubs.remove(site)
    tidy.tidy(site, portable=not python)
    added = _versions(site)
    text = _recorded(lock.read_text(), added)
    (site / tidy.LOCK).write_text(text)
    return Installed(added=added, replaced=planned.replaced, lock=text)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """``pins`` are requirements that name one file or version each."""

    pins: Sequence[str]
    replaced: Mapping[str, str]


def _uv(found: Sources, interior: Interior, scratch: Path, tell: Tell, python: str) -> Uv:
    config = scratch / "uv.toml"
    with open(os.open(config, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123  # with its mode from the first moment
        file.write(configuration(found))
    target = ("--python", python) if python else ("--python", sys.executable, *_platform(interior))

    def heard(line: str) -> None:
        if match := DOWNLOADING.match(line):
            tell(Packing(step=f"downloading {match['what']}"))

    common = (*target, "--only-binary", ":all:")
    return Uv(
        config=config,
        common=common,
        secrets=secrets_of(found),
        environ=environment(scratch=scratch),
        heard=heard,
    )


def _platform(interior: Interior) -> tuple[str, ...]:
    return ("--python-version", interior.python, "--python-platform", interior.platform)


async def _resolved(uv: Uv, wanted: Wanted, asked: Asked, *, site: Path, scratch: Path) -> _Plan:
    """What would be installed, and what of the base would be replaced by it."""
    wheels = [f"{w.name}{w.extras} @ {w.path.as_uri()}" for w in wanted.wheels]

    async def resolve(lines: Sequence[str], limits: Sequence[str]) -> tuple[Ran, Mapping[str, str]]:
        ran = await _dry_run(uv, [*lines, *wheels], limits, site=site, scratch=scratch)
        return ran, {canonical(c["name"]): c["version"] for c in _new(ran) if c["version"]}

    ran, versions = await resolve([r.line for r in wanted.requirements], wanted.constraints)
    _check(ran, asked)
    names = {canonical(c["name"]) for c in _new(ran)}
    old = {canonical(c["name"]): c["version"] for c in CHANGE.finditer(ran.said) if c["sign"] == "-" and c["version"]}
    replaced = {name: version for name, version in sorted(old.items()) if name in names}
    await refuse_replacing(wanted, versions, replaced, base=asked.who, resolve=resolve)
    return _Plan(
        pins=[f"{c['name']} @ {c['url']}" if c["url"] else f"{c['name']}=={c['version']}" for c in _new(ran)],
        replaced=replaced,
    )


def _new(ran: Ran) -> list[re.Match[str]]:
    return [c for c in CHANGE.finditer(ran.said) if c["sign"] != "-"]


async def _dry_run(uv: Uv, lines: Sequence[str], limits: Sequence[str], *, site: Path, scratch: Path) -> Ran:
    requirements, constraints = scratch / "requirements.in", scratch / "constraints.txt"
    requirements.write_text("".join(f"{line}\n" for line in lines))
    constraints.write_text("".join(f"{line}\n" for line in limits))
    words = ("--dry-run", "--target", str(site), "--requirements", str(requirements), "--constraints", str(constraints))
    return await uv("install", *words)


async def _locked(uv: Uv, pins: Sequence[str], wanted: Wanted, asked: Asked, scratch: Path) -> str:
    """The same with the hashes that the index promises, or with the narrower ones that the user insists on."""
    exact = scratch / "pins.in"
    exact.write_text("".join(f"{pin}\n" for pin in pins))
    words = ("--no-deps", "--generate-hashes", "--no-header", "--no-annotate", "--quiet", str(exact))
    ran = await _checked(uv("compile", *words), asked)
    insisted = {r.name: r.hashes for r in wanted.requirements if r.hashes}
    lines = []
    for line in _joined(ran.output):
        match = LOCKED.match(line)
        hashes = insisted.get(canonical(match["name"])) if match else None
        lines.append(f"{line.partition(' --hash')[0]} {_hashes(hashes)}" if hashes else line)
    return "".join(f"{line}\n" for line in lines)


async def _checked(running: Awaitable[Ran], asked: Asked) -> Ran:
    ran = await running
    _check(ran, asked)
    return ran


def _check(ran: Ran, asked: Asked) -> None:
    if ran.code != 0:
        raise refusal(ran.said, asked)


def _asked(wanted: Wanted, found: Sources, interior: Interior, scratch: Path, python: str) -> Asked:
    return Asked(
        python=interior.minor,
        platform=interior.libc,
        several=len(wanted.requirements) + len(wanted.wheels) + len(wanted.constraints) > 1,
        indexes=() if found.none else tuple(dict.fromkeys(one.url for one in (*found.extra, found.index))),
        scratch=str(scratch),
        who=python or IMAGE,
    )


def _joined(text: str) -> Iterable[str]:
    """Each requirement on one line."""
    return [" ".join(line.split()) for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def _hashes(hashes: Sequence[str]) -> str:
    return " ".join(f"--hash={h}" for h in hashes)


def _versions(site: Path) -> dict[str, str]:
    """By what lies there: a wheel that was named by its place tells its version only then."""
    names = (folder.name.removesuffix(".dist-info").rpartition("-") for folder in site.glob("*.dist-info"))
    return dict(sorted((canonical(n), v) for n, _, v in names))


def _recorded(lock: str, added: Mapping[str, str]) -> str:
    """For others: with versions in place of places, and one hash a line."""
    lines = []
    for line in _joined(lock):
        if (match := LOCKED.match(line)) is None:
            continue
        name = canonical(match["name"])
        hashes = sorted(re.findall(r"--hash=(\S+)", match["rest"]))
        lines.append(
            " \\\n".join([f"{name}=={added.get(name, match['version'])}", *(f"    --hash={h}" for h in hashes)])
        )
    return "".join(f"{line}\n" for line in sorted(lines))


def _counted(pins: Sequence[str]) -> str:
    return f"{len(pins)} package{'s' if len(pins) != 1 else ''}"
