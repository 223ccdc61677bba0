"""What the programs of a cluster cost."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cluster import processes
from cluster.layout import Layout
from cluster.outside import Cluster


@pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="needs Linux's /proc")
def test_memory_is_told_by_component_and_for_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    ours = Cluster(layout=Layout(name="here", number=0), init=os.getpid())  # as if this were its first process
    pids = ours.layout.state / "pids"
    pids.mkdir(parents=True)
    (pids / "gone").write_text("none")
    with subprocess.Popen(["sleep", "60"]) as running:
        (pids / "sleep").write_text(f"{running.pid}\n")
        found = processes.memory(ours)
        running.kill()
    assert list(found) == ["gone", "sleep", processes.REST, "together"]
    assert found["gone"] == 0
    assert 0 < found["sleep"] < found["together"]
    assert found["together"] == found["sleep"] + found[processes.REST]
