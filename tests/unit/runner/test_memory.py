from __future__ import annotations

from pathlib import Path

import pytest

from ciao.runner.memory import oom_kills

NEW = "low 0\nhigh 0\nmax 41\noom 3\noom_kill 2\noom_group_kill 0\n"
OLD = "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"


@pytest.mark.parametrize(("name", "text"), [("memory.events", NEW), ("memory/memory.oom_control", OLD)])
def test_the_kernels_count_is_read_in_both_versions_of_control_groups(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    assert oom_kills(str(tmp_path)) == 2


@pytest.mark.parametrize("text", ["", "oom_kill", "oom_kill many\n", "max 41\n", "\x00\xff"])
def test_what_says_nothing_counts_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "memory.events").write_text(text)
    assert oom_kills(str(tmp_path)) == 0


def test_where_there_are_no_control_groups_nothing_is_counted(tmp_path: Path) -> None:
    assert oom_kills(str(tmp_path)) == 0
