"""How the cluster's programs get into the cache, with a compiler of ours on the PATH."""

from __future__ import annotations

import concurrent.futures
import os
import re
import threading
from pathlib import Path
from typing import NoReturn

import pytest

from cluster import builds, commands, locks, readiness
from cluster.builds import Build
from cluster.errors import ClusterError

THING = Build(module="thing", programs=("thing",), minutes=1)
COMPILER = """#!/bin/sh
echo "go: downloading example.org/one v1.0.0"
echo example.org/one
echo called >>"$HERE/calls"
while [ "$1" != -o ]; do shift; done
mkdir -p "$2" && echo half >"$2thing"
{then}
echo whole >"$2thing"
"""


class Go:
    """Stands in for the compiler."""

    def __init__(self, here: Path) -> None:
        self.here, self.program, self.source = here, here / "bin/go", here / "go/thing/go.mod"
        for path in (self.program, self.source):
            path.parent.mkdir(parents=True)
        self.source.write_text("module thing")
        self.does("true")

    def does(self, script: str) -> None:
        """When half of its work is done."""
        self.program.write_text(COMPILER.replace("{then}", script))
        self.program.chmod(0o755)

    def calls(self) -> int:
        return len((self.here / "calls").read_text().splitlines())

    def kept(self) -> list[str]:
        return sorted(path.name for path in THING.folder.parent.iterdir() if path.is_dir())


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Go:
    go = Go(tmp_path)
    monkeypatch.setenv("PATH", f"{go.program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HERE", str(tmp_path))
    monkeypatch.setattr(builds, "SOURCES", tmp_path / "go")
    return go


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (commands, locks):
        monkeypatch.setattr(module, "TELL_EVERY", 0.01)


def interrupt(line: str) -> NoReturn:
    raise KeyboardInterrupt


def test_a_build_tells_what_it_does_and_is_made_once(go: Go) -> None:
    told: list[str] = []
    builds.require(THING, told.append)
    builds.require(THING, told.append)
    assert (THING.folder / "thing").read_text() == "whole\n"
    assert go.calls() == 1
    assert told[0] == "building thing: about 1 min on two cores"
    assert told[-1].endswith("1 modules fetched, 1 packages compiled")


def test_a_long_build_tells_how_far_it_is(go: Go, often: None) -> None:
    go.does('until [ -e "$HERE/go on" ]; do sleep 0.01; done')

    def progress(line: str) -> None:
        if "1 modules fetched, 1 packages compiled after" in line:
            (go.here / "go on").touch()

    builds.require(THING, progress)
    assert THING.folder.exists()


def test_a_build_that_fails_shows_what_the_compiler_said_and_leaves_nothing(go: Go) -> None:
    go.does("echo no such package; exit 3")
    with pytest.raises(ClusterError, match=r"(?s)go build .* in .*thing failed with 3:.*no such package"):
        builds.require(THING, print)
    assert go.kept() == []


def test_a_build_that_is_interrupted_ends_all_its_processes_and_leaves_nothing(go: Go, often: None) -> None:
    go.does('sleep 600 & echo $! >"$HERE/pid.new"; mv "$HERE/pid.new" "$HERE/pid"; wait')
    with pytest.raises(KeyboardInterrupt):
        builds.require(THING, lambda line: interrupt(line) if (go.here / "pid").exists() else None)
    process = Path("/proc", (go.here / "pid").read_text().strip(), "stat")
    readiness.until(
        lambda: not process.exists() or ") Z " in process.read_text(), what="The compiler's child ends", seconds=60
    )
    assert go.kept() == []


def test_what_a_crash_left_is_removed_by_the_next_build(go: Go) -> None:
    wreck = THING.folder.with_name("thing-older.unfinished")
    wreck.mkdir(parents=True)
    builds.require(THING, print)
    assert go.kept() == [THING.folder.name]


def test_of_two_that_build_the_same_one_waits_and_says_so(go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "TELL_EVERY", 600)  # it says so once
    go.does('until [ -e "$HERE/go on" ]; do sleep 0.01; done')
    began = threading.Event()

    def second(line: str) -> None:
        assert line == "waiting for another process: building thing"
        (go.here / "go on").touch()

    with concurrent.futures.ThreadPoolExecutor() as pool:
        first = pool.submit(builds.require, THING, lambda line: began.set())
        assert began.wait(30)
        builds.require(THING, second)
        first.result(30)
    assert go.calls() == 1


def test_who_waits_long_is_told_again(often: None, tmp_path: Path) -> None:
    def progress(line: str) -> None:
        if re.fullmatch(r"still waiting for another process after \d+ s: two", line):
            raise KeyboardInterrupt

    first = locks.held(tmp_path / "lock", what="one", progress=print)
    second = locks.held(tmp_path / "lock", what="two", progress=progress)
    with first, pytest.raises(KeyboardInterrupt), second:
        pass


def test_the_two_builds_that_were_used_last_are_kept(go: Go) -> None:
    folders = {}
    for version in ("one", "two", "one", "three"):
        go.source.write_text(f"module {version}")
        builds.require(THING, print)
        folders[version] = THING.folder.name
    assert go.calls() == 3
    assert go.kept() == sorted((folders["one"], folders["three"]))
