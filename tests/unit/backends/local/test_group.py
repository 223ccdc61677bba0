"""What the loop of all replicas writes down of one that it killed."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ciao.backends.local import child, group
from ciao.backends.local.group import Group
from ciao.backends.local.rules import SETTLE_SECONDARY

KILLED, SEEN = 100.0, 105.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=KILLED)
    for module in (group, child):
        monkeypatch.setattr(module.time, "time", lambda: clock.now)
    return clock


def test_one_that_needed_too_much_memory_failed_when_it_was_killed_and_not_when_its_end_was_seen(
    tmp_path: Path, clock: SimpleNamespace
) -> None:
    notes: list[dict[str, Any]] = []
    launch = {"processes": [{"name": "worker-0"}], "memory": {"worker-0": "1Mi"}, "keep_log": 1 << 20, "least": None}
    ledger = SimpleNamespace(note=lambda event, **fields: notes.append(fields))
    one = Group(cast(Any, SimpleNamespace(folder=str(tmp_path), launch=launch, ledger=ledger)), 1)
    (replica,) = one.children
    one.limits = cast(Any, SimpleNamespace(exceeded=lambda: [(replica, 2 << 20)]))
    one._limits()
    clock.now = SEEN
    replica.pid = 2**22 + 1  # nobody's
    replica.reaped(-signal.SIGKILL)
    one._ended(replica)
    (note,) = notes
    assert (note["state"], note["time"]) == ("failed", KILLED)
    assert note["memory"] == {"limit": "1Mi", "peak": 2 << 20}


@pytest.mark.parametrize("over", [False, True], ids=["the other goes on", "the other ends too"])
def test_a_lost_worker_is_told_once_it_is_known_that_the_job_goes_on(tmp_path: Path, *, over: bool) -> None:
    notes: list[dict[str, Any]] = []
    processes = [{"name": "worker-0"}, {"name": "worker-1"}]
    launch = {"processes": processes, "memory": {}, "keep_log": 1 << 20, "least": 1}
    ledger = SimpleNamespace(note=lambda event, **fields: notes.append(fields))
    one = Group(cast(Any, SimpleNamespace(folder=str(tmp_path), launch=launch, ledger=ledger)), 1)
    first, lost = one.children
    lost.failed, lost.code = True, -signal.SIGKILL
    one._spare(KILLED)
    assert not notes
    first.failed = first.secondary = over
    first.code = 1 if over else None
    one._spare(KILLED + SETTLE_SECONDARY)
    assert notes == ([] if over else [{"replica": "worker-1", "left": 1}])
