"""What replicas tell of where they stand is read, and whatever else comes does no harm."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciao.backends.dumps import check_runs, complete, lines_of, standings
from ciao.errors import BackendError
from ciao.model import Phase, Standing
from fakes.jobs import summary

DUMP = """\
Thread 0x00007f0000000001 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 327 in wait
  File "/home/j\\xfcrgen/code/cell_7.py", line 3 in wait_here
  File "/usr/lib/python3.11/threading.py", line 1002 in _bootstrap

Current thread 0x00007f0000000003 [python3] (most recent call first):
  File "/home/j\\xfcrgen/code/ciao_runner/cell.py", line 230 in _take_signals

Thread 0x00007f0000000002 (most recent call first):
  File "/usr/lib/python3/dist-packages/torch/distributed/distributed_c10d.py", line 1322 in all_reduce
  File "/home/j\\xfcrgen/code/cell_7.py", line 9 in step
  File "/home/j\\xfcrgen/code/cell_7.py", line 12 in <module>
  File "/home/j\\xfcrgen/code/ciao_runner/cell.py", line 139 in _run
  File "/home/j\\xfcrgen/code/ciao_runner/__main__.py", line 37 in <module>
"""
TOLD = {
    "v": 1,
    "replica": "worker-0",
    "process": "",
    "state": "S",
    "code": "/home/jürgen/code",
    "dump": DUMP,
    "texts": {"9": "dist.all_reduce(x)", "12": "step()"},
}


def one(**changed: object) -> Standing:
    (found,) = standings([{**TOLD, **changed}])
    return found


def test_the_main_thread_is_first_from_the_cells_first_frame_on_and_the_cells_lines_have_their_text() -> None:
    main, other = one().threads
    assert [(f.function, f.line, f.in_cell, f.source) for f in main.frames] == [
        ("<module>", 12, True, ("step()",)),
        ("step", 9, True, ("dist.all_reduce(x)",)),
        ("all_reduce", 1322, False, ()),
    ]
    assert [f.function for f in other.frames] == ["_bootstrap", "wait_here", "wait"]


def test_a_main_thread_that_is_not_in_the_cell_is_shown_without_the_runner() -> None:
    assert [f.function for f in one(code="/elsewhere").threads[0].frames] == ["<module>", "step", "all_reduce"]


def test_the_beginning_of_an_answer_may_be_cut_off() -> None:
    assert len(one(dump=DUMP[200:]).threads) == 1


@pytest.mark.parametrize(
    ("state", "words"),
    [("T", "it is stopped (SIGSTOP)"), ("S", "it gave no answer"), ("Z", "it has ended"), ("", "it has ended")],
)
def test_who_told_nothing_has_a_reason(state: str, words: str) -> None:
    assert (one(dump="", state=state).silent, one(dump="", state=state).threads) == (words, ())


def test_the_main_thread_is_not_guessed_where_it_was_left_out() -> None:
    assert one(dump=DUMP + "...\n").silent.startswith("it has more than 100 threads")


def test_the_replica_whose_pod_was_asked_is_not_for_its_processes_to_say() -> None:
    assert [s.replica for s in standings([{**TOLD, "replica": "master-0"}], replica="worker-3")] == ["worker-3"]


def test_processes_are_numbered_where_a_replica_has_several() -> None:
    single = standings([{**TOLD, "process": "0"}])
    double = standings([{**TOLD, "process": "3"}, {**TOLD, "process": "2"}])
    assert [s.name for s in (*single, *double)] == [
        "worker-0",
        "worker-0 process 0",
        "worker-0 process 1",
    ]


def test_every_replica_is_told_in_order_and_a_launcher_only_if_nobody_else_answers() -> None:
    job = summary("mpi-x1", Phase.RUNNING, replicas=("launcher-0", "worker-0", "worker-1"))
    told = complete(job, [Standing(replica="worker-1"), Standing(replica="stranger")])
    assert [(s.replica, bool(s.silent)) for s in told] == [("worker-0", True), ("worker-1", False)]
    assert [s.replica for s in complete(job, [])] == ["launcher-0", "worker-0", "worker-1"]
    assert [s.replica for s in complete(job, [], replica="worker-0")] == ["worker-0"]


def test_a_job_that_is_over_has_no_stacks() -> None:
    with pytest.raises(BackendError, match=r"the job a-1 is over \(failed\): .*%ciao logs a-1"):
        check_runs(summary("a-1", Phase.FAILED))
    check_runs(summary("a-1", Phase.RUNNING))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(told=st.lists(VALUES | st.dictionaries(st.sampled_from(sorted(TOLD)), VALUES | st.just(DUMP)), max_size=4))
@settings(max_examples=150)
def test_whatever_is_told_is_where_a_replica_stands_or_nothing(told: list[object]) -> None:
    for found in standings(told):
        assert found.replica
        assert bool(found.silent) is not bool(found.threads)


@given(st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_none(output: bytes) -> None:
    assert isinstance(lines_of(output), list)


def test_an_answer_is_of_limited_size() -> None:
    frame = f'  File "{"x" * 900}", line 1 in {"f" * 900}\n'
    dump = "".join(f"Thread 0x0{n:x} (most recent call first):\n" + frame * 2 for n in range(300))
    assert len(standings([{**TOLD, "dump": ""}] * 5000)) == 256
    found = one(dump=dump)
    assert len(found.threads) <= 100
    assert all(len(f.file) <= 500 and len(f.function) <= 500 for t in found.threads for f in t.frames)
    assert len(lines_of(json.dumps(TOLD).encode() + b"\n" + b"[" * 100_000 + b"\n" * 9999)) == 1
