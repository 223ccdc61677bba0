"""Folders that go, also those of processes that were killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from ciao.s2i.passing import LOCK, Passing

KILLED = """
import sys, time
from pathlib import Path
from ciao.s2i.passing import Passing
folder = Passing.begin("ciao-x-", Path(sys.argv[1]))
(folder.path / "password").write_text("x")
print("begun", flush=True)
time.sleep(600)
"""


def aged(folder: Path) -> None:
    os.utime(folder / LOCK, (1, 1))


def test_it_is_for_this_user_alone_and_goes_whatever_is_in_it(tmp_path: Path) -> None:
    folder = Passing.begin("ciao-x-", tmp_path)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    (folder.path / "deep").mkdir()
    (folder.path / "deep" / "file").touch()
    (folder.path / "deep").chmod(0o500)
    folder.end()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        (left,) = tmp_path.iterdir()
        aged(left)
        living = Passing.begin("ciao-x-", tmp_path)
        assert (left / "password").exists()  # it lives
        process.send_signal(signal.SIGKILL)
    living.end()
    Passing.begin("ciao-x-", tmp_path).end()
    assert list(tmp_path.iterdir()) == []


def test_what_is_young_or_none_of_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "ciao-x-young").mkdir()
    (tmp_path / "ciao-x-young" / LOCK).touch()
    (tmp_path / "ciao-x-bare").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / LOCK).touch()
    aged(tmp_path / "other")
    (tmp_path / "ciao-x-link").symlink_to("other")
    Passing.begin("ciao-x-", tmp_path).end()
    assert {path.name for path in tmp_path.iterdir()} == {"ciao-x-young", "ciao-x-bare", "ciao-x-link", "other"}
