"""Who stands where, and who elsewhere than the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.logs.standing import names, picture, place_of, sentence
from ciao.model import Frame, Standing, Thread

TORCH = "/usr/lib/python3/dist-packages/torch/distributed/distributed_c10d.py"
LABEL = "Cell In[7]"


def cell(line: int, text: str = "", function: str = "<module>") -> Frame:
    return Frame(file="/c/cell_7.py", line=line, function=function, source=(text,) if text else (), in_cell=True)


def library(*functions: str) -> tuple[Frame, ...]:
    return tuple(Frame(file=TORCH, line=9, function=function) for function in functions)


def at(name: str, *frames: Frame, process: str = "") -> Standing:
    return Standing(replica=name, process=process, threads=(Thread(frames=frames),))


def waits(name: str) -> Standing:
    return at(name, cell(14, "dist.all_reduce(x)"), *library("wrapper", "all_reduce", "wait"))


def sleeps(name: str, line: int = 9) -> Standing:
    return at(name, cell(12, "load()"), cell(line, "time.sleep(60)   # a disk", "load"))


def told(*standings: Standing) -> str:
    return sentence(picture(standings), LABEL)


def test_a_place_is_the_cells_innermost_line_and_what_it_called_there() -> None:
    place = place_of(waits("worker-0"))
    assert (place.line, place.doing, place.waits) == (14, "all_reduce", True)
    assert (place_of(sleeps("a")).line, place_of(sleeps("a")).function, place_of(sleeps("a")).doing) == (9, "load", "")


def test_the_one_that_stands_elsewhere_is_said_first() -> None:
    assert told(waits("worker-0"), waits("worker-1"), sleeps("worker-2"), waits("worker-3")) == (
        "worker-2 stands at Cell In[7], line 9 (time.sleep(60) # a disk); the other 3 wait at line 14 (all_reduce)"
    )


def test_of_two_the_one_that_others_wait_for_is_the_one() -> None:
    seen = picture([waits("worker-0"), sleeps("worker-1")])
    assert [g.members[0].replica for g in seen.elsewhere] == ["worker-1"]
    assert told(waits("a"), sleeps("b"), sleeps("c")).startswith("b, c stand at Cell In[7], line 9")


def test_of_two_that_do_not_wait_neither_is() -> None:
    seen = picture([sleeps("worker-0", 9), sleeps("worker-1", 10)])
    assert (seen.elsewhere, len(seen.groups)) == ((), 2)
    assert "worker-0 stands" in told(sleeps("worker-0", 9), sleeps("worker-1", 10))


def test_different_collectives_are_different_places() -> None:
    barrier = at("worker-1", cell(20, "dist.barrier()"), *library("barrier"))
    assert [g.members[0].replica for g in picture([waits("a"), barrier, waits("b")]).elsewhere] == ["worker-1"]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("comm.Allreduce(a, b)", True), ("comm.Barrier()", True), ("x = gather_rows(t)", True), ("reduced = f(x)", False)],
)
def test_a_collective_that_is_no_python_is_known_by_the_cells_line(text: str, is_one: bool) -> None:  # noqa: FBT001 - a case
    assert place_of(at("a", cell(3, text))).waits is is_one


def test_all_at_one_place_are_one() -> None:
    assert told(waits("a"), waits("b")) == "both wait at Cell In[7], line 14 (all_reduce)"
    assert told(waits("a"), waits("b"), waits("c")) == "all 3 wait at Cell In[7], line 14 (all_reduce)"
    assert told(waits("a")) == "a waits at Cell In[7], line 14 (all_reduce)"


def test_who_gave_no_answer_is_named_with_the_reason() -> None:
    assert told(waits("a"), Standing(replica="b", silent="it is stopped")).endswith("(all_reduce); b: it is stopped")
    assert told(Standing(replica="b", silent="it is stopped")) == ""


def test_outside_of_the_cell_the_file_is_named() -> None:
    assert told(at("a", *library("main", "poll"))) == "a stands in distributed_c10d.py, line 9, in poll"
    assert told(at("a")) == "a stands where no Python is"


def test_names_are_as_many_as_can_be_read() -> None:
    many = [at(f"worker-{n}", process="1") for n in range(9)]
    assert names(many, most=2) == "worker-0 process 1, worker-1 process 1 and 7 more"


FRAMES = st.lists(st.sampled_from([cell(1, "a"), cell(2, "b.barrier()"), *library("all_reduce", "x")]), max_size=4)


@given(st.lists(FRAMES, max_size=8))
def test_every_process_is_in_one_group_and_those_elsewhere_are_first(stacks: list[list[Frame]]) -> None:
    seen = picture([at(f"worker-{n}", *frames) for n, frames in enumerate(stacks)])
    assert sorted(m.replica for g in seen.groups for m in g.members) == sorted(
        f"worker-{n}" for n in range(len(stacks))
    )
    assert seen.groups[: len(seen.elsewhere)] == seen.elsewhere
    assert not seen.groups or seen.others
    assert bool(sentence(seen, LABEL)) is bool(stacks)
