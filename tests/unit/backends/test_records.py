"""Records of replicas are data from a less trusted place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.backends.records import (
    MAX_FRAMES,
    MAX_TEXT,
    error_of,
    exception_failure,
    exit_failure,
    signal_failure,
    traced,
)
from ciao.model import Gap

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)
KEYS = st.sampled_from(
    ["ename", "evalue", "frames", "notes", "cause", "by_from", "file", "line", "name", "first", "source"]
)
NEARLY = st.dictionaries(KEYS, JSON | st.lists(st.dictionaries(KEYS, JSON)))


@given(data=JSON | NEARLY)
def test_whatever_comes_is_an_error_or_none(data: object) -> None:
    error_of(data)


@given(
    record=st.fixed_dictionaries(
        {"type": st.sampled_from(["error", "exit"]), "error": NEARLY, "code": JSON, "time": JSON}
    )
)
def test_whatever_a_record_holds_is_a_failure_or_none(record: dict[str, Any]) -> None:
    exception_failure("worker-0", record, seen=1.0)


TOLD = {"lines": JSON, "crc": JSON, "ename": JSON, "evalue": JSON}


@given(record=st.fixed_dictionaries({"type": st.just("shown")}, optional=TOLD))
def test_whatever_a_record_says_of_a_traceback_is_a_length_and_a_checksum_or_nothing(record: dict[str, Any]) -> None:
    found = traced(exit_failure("worker-0", 1, when=1.0), record)
    assert found is None or (0 < found.lines < 10**6 and 0 <= found.checksum < 2**32)


def test_a_traceback_has_the_words_of_its_own_error_and_not_of_another_process() -> None:
    first = exit_failure("worker-0", 1, when=1.0)
    record = {"type": "shown", "lines": 7, "crc": 1}
    own = traced(first, {**record, "ename": "OSError", "evalue": "disk full"})
    without = traced(first, record)
    assert own is not None
    assert without is not None
    assert (own.reason, without.reason) == ("OSError: disk full", "SystemExit: exit code 1")


def test_sizes_are_limited() -> None:
    frame = {"file": "f" * 10_000, "line": 1, "name": "g", "source": ["x" * 9000] * 1000}
    error = error_of({"ename": "E" * 5000, "evalue": "v" * 10**6, "frames": [frame] * 1000})
    assert error is not None
    assert (len(error.evalue), len(error.frames)) == (MAX_TEXT, MAX_FRAMES)
    assert len(error.frames[0].source) == 300


def test_a_chain_that_never_ends_is_cut() -> None:
    data: dict[str, Any] = {"ename": "A", "evalue": ""}
    for _ in range(500):
        data = {"ename": "A", "evalue": "", "cause": data}
    depth, error = 0, error_of(data)
    while error is not None:
        depth, error = depth + 1, error.cause
    assert depth < 20


def test_an_exit_says_its_code() -> None:
    assert exit_failure("worker-0", 3, when=1.0).evalue == "exit code 3"


def test_a_signal_says_its_name_and_what_it_may_mean() -> None:
    failure = signal_failure("worker-0", 9, when=1.0)
    assert f"{failure.ename}: {failure.evalue}" == "SIGKILL: out of memory, or killed by hand"
    assert signal_failure("worker-0", 63, when=1.0).evalue == "ended by a signal"


def test_the_place_of_a_syntax_error_is_its_last_frame() -> None:
    syntax = {"file": "/j/mod.py", "line": 3, "offset": 5, "text": "if x\n", "cell": False}
    error = error_of({"ename": "SyntaxError", "evalue": "expected ':'", "frames": [], "syntax": syntax})
    assert error is not None
    assert [(f.file, f.line, f.source) for f in error.frames] == [("/j/mod.py", 3, ("if x\n",))]


@pytest.mark.parametrize(
    ("mark", "gap"),
    [
        ({"skipped": 900}, Gap(after=2, frames=900)),
        ({"skipped": 900, "cycle": 2}, Gap(after=2, frames=900, cycle=2)),
        ({"skipped": 900, "cycle": 3}, Gap(after=2, frames=900)),
        ({"skipped": 901, "cycle": 2}, Gap(after=2, frames=901)),
        ({"skipped": 900, "cycle": -2}, Gap(after=2, frames=900)),
        ({"skipped": "many", "cycle": 2}, None),
        ({"skipped": -1}, None),
    ],
)
def test_it_is_known_where_frames_were_left_out(mark: dict[str, object], gap: Gap | None) -> None:
    frame = {"file": "a.py", "line": 1, "name": "f"}
    error = error_of({"ename": "E", "frames": [frame, frame, {"file": "", "line": 0, **mark}, frame]})
    assert error is not None
    assert (len(error.frames), error.gap) == (3, gap)


@pytest.mark.parametrize("when", [10**400, float("nan"), float("inf"), -1.0, True, "1"])
def test_a_time_that_is_no_moment_is_that_of_the_arrival(when: object) -> None:
    failure = exception_failure("worker-0", {"type": "exit", "code": 1, "time": when}, seen=5.0)
    assert failure is not None
    assert failure.time == 5.0


def test_a_text_that_cannot_be_encoded_is_mended() -> None:
    error = error_of({"ename": "E", "evalue": "a\ud800b"})
    assert error is not None
    assert error.evalue == "a?b"


def test_members_of_a_group_are_told_and_counted() -> None:
    members = [{"ename": "ValueError", "evalue": str(n)} for n in range(20)]
    error = error_of({"ename": "ExceptionGroup", "exceptions": members, "left_out": 12})
    assert error is not None
    assert [one.evalue for one in error.exceptions] == list("01234567")
    assert error.left_out == 12


def test_a_crash_has_the_frames_that_the_log_told() -> None:
    frame = {"file": "cell_7.py", "line": 4, "name": "native", "first": 4, "cell": True}
    words = {"type": "died", "rank": 2, "error": {"ename": "Segmentation fault", "frames": [frame]}}
    assert exception_failure("worker-1", words, seen=1.0) is None
    failure = signal_failure("worker-1", 11, when=2.0, words=words)
    assert (failure.ename, failure.evalue) == ("SIGSEGV", "segmentation fault in native code")
    assert failure.error is not None
    assert [f.line for f in failure.error.frames] == [4]
    assert failure.place == "worker-1 (rank 2)"


@pytest.mark.parametrize(
    ("said", "secondary"),
    [("free(): invalid pointer", False), ("", True), ("another task died: coordination service", True)],
)
def test_an_abort_that_says_why_follows_from_nobodys_death_unless_it_says_so(said: str, secondary: bool) -> None:  # noqa: FBT001  # a row of the table
    failure = signal_failure("worker-1", 6, when=2.0, words={"type": "died", "error": {"evalue": said}})
    assert failure.secondary is secondary
    assert said in failure.evalue


@pytest.mark.parametrize("rank", [-1, 10**9, True, "2", 1.0, None])
def test_a_rank_that_is_none_is_not_told(rank: object) -> None:
    assert exit_failure("worker-1", 3, when=1.0, words={"rank": rank}).place == "worker-1"


def test_what_follows_from_the_loss_of_a_peer_is_an_echo_too() -> None:
    lost = {"ename": "ConnectionResetError", "evalue": ""}
    own = {"ename": "ValueError", "evalue": ""}
    told = [
        {"ename": "RuntimeError", "evalue": "step 3", "cause": lost},
        {"ename": "ExceptionGroup", "evalue": "two", "exceptions": [lost, lost]},
        {"ename": "ExceptionGroup", "evalue": "two", "exceptions": [lost, own]},
        {"ename": "RuntimeError", "evalue": "step 3", "cause": own},
    ]
    failures = [exception_failure("worker-1", {"type": "error", "error": error}, seen=1.0) for error in told]
    assert [failure is not None and failure.secondary for failure in failures] == [True, True, False, False]


def test_a_line_is_the_source_of_a_frame_that_has_no_other() -> None:
    error = error_of({"frames": [{"file": "x.py", "line": 12, "first": 3, "text": "f()", "source": []}]})
    assert error is not None
    assert (error.frames[0].source, error.frames[0].first_line) == (("f()",), 12)
