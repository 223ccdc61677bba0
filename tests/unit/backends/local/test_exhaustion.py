"""Whether the system killed somebody lately for want of memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciao.backends.local import exhaustion
from ciao.backends.local.exhaustion import Exhaustion


@pytest.fixture
def vmstat(tmp_path: Path) -> Path:
    path = tmp_path / "proc/vmstat"
    path.parent.mkdir()
    path.write_text("nr_free_pages 9\noom_kill 94\npgfault 95\n")
    return path


def test_nobody_was_killed_as_long_as_the_count_stays(tmp_path: Path, vmstat: Path) -> None:
    assert Exhaustion(str(tmp_path)).happened() is False


def test_a_count_that_rose_tells_that_somebody_was(tmp_path: Path, vmstat: Path) -> None:
    seen = Exhaustion(str(tmp_path))
    vmstat.write_text("oom_kill 95\n")
    assert seen.happened() is True


def test_a_kill_of_long_ago_is_forgotten_and_one_between_two_looks_is_not(
    tmp_path: Path, vmstat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exhaustion, "LAG", -1.0)
    seen = Exhaustion(str(tmp_path))
    vmstat.write_text("oom_kill 95\n")
    seen.look()
    assert seen.happened() is True
    seen.look()
    assert seen.happened() is False


def test_a_look_right_after_another_forgets_nothing(tmp_path: Path, vmstat: Path) -> None:
    seen = Exhaustion(str(tmp_path))
    vmstat.write_text("oom_kill 95\n")
    seen.look()
    seen.look()
    assert seen.happened() is True


@pytest.mark.parametrize("text", [None, "", "oom_kill", "oom_kill many"])
def test_a_system_that_does_not_count_is_not_asked(tmp_path: Path, text: str | None) -> None:
    (tmp_path / "proc").mkdir()
    if text is not None:
        (tmp_path / "proc/vmstat").write_text(text)
    assert Exhaustion(str(tmp_path)).happened() is None


@pytest.mark.parametrize(
    ("cgroup", "counter", "text"),
    [
        ("0::/user.slice\n", "user.slice/memory.events", "oom 1\noom_kill 1\n"),
        ("4:cpu,memory:/jobs\n0::/\n", "memory/jobs/memory.oom_control", "under_oom 0\noom_kill 1\n"),
    ],
    ids=["version 2", "version 1"],
)
def test_only_our_own_control_group_counts_where_it_counts(
    tmp_path: Path, vmstat: Path, cgroup: str, counter: str, text: str
) -> None:
    (tmp_path / "proc/self").mkdir()
    (tmp_path / "proc/self/cgroup").write_text(cgroup)
    file = tmp_path / "sys/fs/cgroup" / counter
    file.parent.mkdir(parents=True)
    file.write_text("oom_kill 0\n")
    seen = Exhaustion(str(tmp_path))
    vmstat.write_text("oom_kill 95\n")  # somebody else's
    assert seen.happened() is False
    file.write_text(text)
    assert seen.happened() is True
