"""A cluster seen from the host: a process with the arguments of its first one stands in for it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import layout, outside
from cluster.errors import ClusterError
from cluster.layout import Layout

HERE = Layout(name="here", number=63)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the cache."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    HERE.state.mkdir(parents=True)
    program = layout.cache() / "binaries/dns-1/coredns"
    program.parent.mkdir(parents=True)
    program.touch()
    return program


@contextlib.contextmanager
def first_process() -> Iterator[subprocess.Popen[bytes]]:
    command = ["sh", "-c", "echo started; read line", "cluster.inside", HERE.name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"started\n"
        saved = {"number": HERE.number, "init": process.pid}
        (HERE.state / "cluster.json").write_text(json.dumps(saved))
        yield process
        process.kill()


def test_clean_removes_what_is_kept(kept: Path) -> None:
    outside.clean()
    assert not kept.exists()


def test_clean_is_refused_while_a_cluster_runs(kept: Path) -> None:
    with first_process(), pytest.raises(ClusterError, match=r"running: here\. First `make cluster-down NAME=here`"):
        outside.clean()
    assert kept.exists()


def test_a_cluster_whose_first_process_is_gone_is_not_found(kept: Path) -> None:
    with first_process():
        found = outside.find(HERE.name)
        assert found
        assert not found.gone()
    assert outside.find(HERE.name) is None
    assert found.gone()


def test_a_cluster_is_gone_although_nobody_asks_how_its_first_process_has_ended(kept: Path) -> None:
    with first_process() as process:
        found = outside.find(HERE.name)
        assert found
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert found.gone()
