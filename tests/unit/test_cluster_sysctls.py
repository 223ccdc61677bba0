"""A limit of the machine that is lent to a cluster is given back as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster import sysctls


@pytest.fixture
def limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "max_user_instances"
    found.write_text("128\n")
    monkeypatch.setattr(sysctls, "FOLLOWS", found)
    monkeypatch.setattr(sysctls, "BEFORE", tmp_path / "before")
    return found


def test_a_limit_is_raised_and_set_back_to_what_it_was_before_the_first(limit: Path) -> None:
    sysctls.allow_follows(4096)
    sysctls.allow_follows(4096)
    assert limit.read_text() == "4096"
    sysctls.restore_follows()
    assert limit.read_text() == "128\n"


def test_a_limit_that_is_high_enough_is_left_alone(limit: Path) -> None:
    limit.write_text("8192")
    sysctls.allow_follows(4096)
    sysctls.restore_follows()
    assert limit.read_text() == "8192"
