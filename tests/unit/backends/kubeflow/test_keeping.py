"""What this machine keeps of a job on a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciao.backends.kubeflow.keeping import Keep, Life
from ciao.backends.kubeflow.remembering import kept
from ciao.backends.kubeflow.replay import replay
from ciao.logs.lines import stamp, stamped
from ciao.logs.resume import Reader
from ciao.model import Failure, Job, Outcome, Phase

JOB = Job(name="pytorch-bcdfg", backend="kubeflow", framework="pytorch", replicas=("worker-0",), created=1.0)
FIRST, SECOND = Life(replica="worker-0", uid="b"), Life(replica="worker-0", uid="a", restart=1)


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    keep = Keep(tmp_path, JOB.name)
    assert keep.open(JOB, timeout=5)
    return keep


def test_a_job_is_found_again_with_its_lives_in_order(keep: Keep, tmp_path: Path) -> None:
    keep.append(FIRST, b"one\n")
    keep.append(SECOND, b"two\n")
    keep.append(FIRST, b"three\n")
    keep.close()
    ((again, job),) = kept(tmp_path)
    assert (job, again.known(), again.lives()) == (JOB, {"timeout": 5}, (FIRST, SECOND))
    assert again.path(FIRST).read_bytes() == b"one\nthree\n"


def test_one_writes_at_a_time(keep: Keep, tmp_path: Path) -> None:
    other = Keep(tmp_path, JOB.name)
    assert not other.open(JOB)
    other.append(FIRST, b"lost\n")
    keep.close()
    assert other.open(JOB)
    assert other.lives() == ()


def test_a_line_that_a_crash_cut_off_is_read_again_from_the_cluster(keep: Keep) -> None:
    first = b"2026-11-23T02:30:00.000000001Z one\n"
    keep.append(FIRST, first + b"2026-11-23T02:30:00.00")
    assert keep.tail(FIRST).newest == "2026-11-23T02:30:00.000000001Z"
    assert keep.path(FIRST).read_bytes() == first


def test_how_it_ended_is_read_as_it_was_written(keep: Keep) -> None:
    failure = Failure(replica="worker-0", kind="signal", time=2.0, ename="OOMKilled", evalue="words", secondary=False)
    outcome = Outcome(phase=Phase.FAILED, ended=3.0, failure=failure, others=(failure,), attempts=2, hint="more")
    assert keep.outcome() is None
    keep.end(outcome)
    assert keep.outcome() == outcome


def test_an_end_that_was_damaged_is_not_known(keep: Keep) -> None:
    (keep.folder.path / "outcome.json").write_text('{"phase": "odd"')
    assert keep.outcome() is None


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "kubeflow").write_text("a file")
    keep = Keep(tmp_path, JOB.name)
    assert not keep.open(JOB)
    keep.append(FIRST, b"one\n")
    keep.end(Outcome(phase=Phase.SUCCEEDED, ended=1.0))


def numbered(first: int, count: int) -> bytes:
    return stamped(
        b"".join(b"%09d\n" % n for n in range(first, first + count)), stamp((first + 10**9) * 10**9).encode()
    )


def test_of_a_long_log_the_beginning_and_the_newest_part_are_kept(tmp_path: Path) -> None:
    keep = Keep(tmp_path, JOB.name, keep_log=1 << 20)
    keep.open(JOB)
    for n in range(100):
        keep.append(FIRST, numbered(n * 1_000, 1_000))
    assert sum(path.stat().st_size for path in keep.folder.logs.iterdir()) <= 1 << 20
    texts = [line.text for part in replay(Keep(tmp_path, JOB.name)) for line in part.lines]
    (told,) = (text for text in texts if "not kept here" in text)
    assert (texts[0], texts[-1]) == ("000000000", "000099999")
    assert texts.index(told) > 2_000
    assert Keep(tmp_path, JOB.name).lives() == (FIRST,)


def test_a_long_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    keep = Keep(tmp_path, JOB.name, keep_log=1 << 20)
    keep.open(JOB)
    for n in range(50):
        keep.append(FIRST, numbered(n * 1_000, 1_000))
        if n % 10 == 0:  # another process goes on
            keep.close()
            keep = Keep(tmp_path, JOB.name, keep_log=1 << 20)
            keep.open(JOB)
        reader = Reader(keep.tail(FIRST))
        reader.connect()
        assert reader.feed(numbered(n * 1_000, 1_000)).data == b""
        assert reader.feed(numbered(n * 1_000 + 1_000, 1)).data != b""
