"""Logs of jobs on a cluster are kept by the rule of settings."""

from __future__ import annotations

from pathlib import Path

from ciao.backends.kubeflow.keeping import Keep, Life
from ciao.backends.kubeflow.pruning import prune_kept
from ciao.model import Job, Outcome, Phase


def keep(home: Path, name: str, *, ended: float | None, close: bool = True) -> Keep:
    made = Keep(home, name)
    made.open(Job(name=name, backend="kubeflow", framework="pytorch", replicas=("worker-0",), created=0.0))
    made.append(Life(replica="worker-0", uid="a"), b"x" * 1000)
    if ended is not None:
        made.end(Outcome(phase=Phase.SUCCEEDED, ended=ended))
    if close:
        made.close()
    return made


def names(home: Path) -> list[str]:
    return [one.folder.path.name for one in Keep.all(home)]


def test_what_ended_long_ago_goes_and_what_may_run_stays(tmp_path: Path) -> None:
    keep(tmp_path, "old", ended=0.0)
    keep(tmp_path, "new", ended=90.0)
    keep(tmp_path, "runs", ended=None)
    prune_kept(tmp_path, keep_for=50.0, keep_bytes=10**9, now=100.0)
    assert names(tmp_path) == ["new", "runs"]


def test_what_is_too_much_goes_oldest_first(tmp_path: Path) -> None:
    keep(tmp_path, "old", ended=80.0)
    keep(tmp_path, "new", ended=90.0)
    prune_kept(tmp_path, keep_for=1000.0, keep_bytes=2000, now=100.0)
    assert names(tmp_path) == ["new"]


def test_a_job_that_somebody_follows_stays(tmp_path: Path) -> None:
    followed = keep(tmp_path, "old", ended=0.0, close=False)
    prune_kept(tmp_path, keep_for=0.0, keep_bytes=0, now=100.0)
    assert names(tmp_path) == ["old"]
    followed.close()
