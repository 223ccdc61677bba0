"""What a frontend shows of one job."""

from __future__ import annotations

import re
import threading
import tracemalloc
from binascii import crc32
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ciao import interpreter
from ciao.frontends.display.screen import Screen
from ciao.frontends.display.status import Stage
from ciao.logs.alike import HOLD
from ciao.logs.budget import CAP, CAP_LINES, KEPT, QUEUE, TAIL
from ciao.logs.pieces import PIECE
from ciao.model import (
    Attempt,
    Bundled,
    Cell,
    Created,
    Failure,
    Finished,
    Folder,
    Job,
    Line,
    Lines,
    Notice,
    Outcome,
    Packing,
    Phase,
    ReplicaChanged,
    ReplicaState,
    ReplicaStatus,
    SpecRead,
    Traced,
)
from ciao.settings import Settings

REPLICAS = ("master-0", "worker-0", "worker-1")
JOB = Job(name="jax-x1", backend="local", framework="jax", replicas=REPLICAS, created=1000.0)
FAILURE = Failure(replica="worker-1", kind="exception", time=1001.0, ename="ValueError", evalue="bad\nluck")


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def screen(clock: Clock) -> Screen:
    return Screen(where="local", colour=False, clock=clock, now=lambda: 1000.0 + clock())


def lines(replica: str, texts: Sequence[str]) -> Lines:
    return Lines(lines=tuple(Line(replica, "", text) for text in texts))


def changed(replica: str, state: ReplicaState, reason: str = "") -> ReplicaChanged:
    return ReplicaChanged(status=ReplicaStatus(replica=replica, state=state, since=1001.0, reason=reason))


def finished(phase: Phase = Phase.SUCCEEDED) -> Finished:
    return Finished(outcome=Outcome(phase=phase, ended=1012.0))


def test_the_first_line_names_the_job_and_every_line_its_replica(screen: Screen) -> None:
    screen(Created(job=JOB))
    screen(lines("master-0", ["one", "two"]))
    screen(lines("worker-1", ["three"]))
    assert screen.take().splitlines() == [
        "job jax-x1 on local · jax · 1 master + 2 workers",
        "master-0 | one",
        "master-0 | two",
        "worker-1 | three",
    ]


def test_of_a_job_in_the_background_no_lines_are_shown_for_chance_would_choose_them(screen: Screen) -> None:
    text = "%framework=jax\n%background=true\npass"
    screen(SpecRead(spec=interpreter.read(Cell(text=text), settings=Settings(home=Path("x")))))
    screen(Created(job=JOB))
    screen(lines("worker-1", ["epoch 0"]))
    assert screen.take() + screen.close() == "job jax-x1 on local · jax · 1 master + 2 workers\n"


def test_colours_are_only_in_the_prefix() -> None:
    screen = Screen(where="local", clock=Clock())
    screen(Created(job=JOB))
    screen(lines("master-0", ["one"]))
    assert screen.take().splitlines()[1] == "\x1b[38;5;161mmaster-0 | \x1b[0mone"


def test_of_a_long_output_the_first_of_a_replicas_successive_lines_has_a_colour(clock: Clock) -> None:
    screen = Screen(where="local", clock=clock)
    screen(Created(job=JOB))
    for second in range(4):
        clock.time = float(second)
        screen(lines("master-0", [f"line {n}" for n in range(1_000)]))
        drawn = screen.take()
    assert drawn.count("\n") >= 1_000
    assert drawn.count("\x1b[38;5;161mmaster-0 | \x1b[0m") <= 20


def test_what_is_said_before_the_job_exists_comes_below_its_name(screen: Screen) -> None:
    screen(Notice(text="gpu has no meaning here", level="warning"))
    assert screen.take() == ""
    screen(Created(job=JOB))
    assert screen.take().splitlines()[1:] == ["warning: gpu has no meaning here"]


def test_what_is_said_is_shown_soon_though_no_job_comes(screen: Screen, clock: Clock) -> None:
    screen(Notice(text="pushing the image"))
    clock.time = 1.0
    assert screen.take() == "note: pushing the image\n"


def test_a_new_attempt_says_why_at_its_place(screen: Screen) -> None:
    screen(Created(job=JOB))
    screen.take()
    screen(lines("worker-1", ["first"]))
    screen(Attempt(number=2, of=3, failure=FAILURE))
    screen(lines("worker-1", ["second"]))
    assert screen.take().splitlines() == [
        "worker-1 | first",
        "worker-1 failed: ValueError: bad luck; attempt 2 of 3 begins",
        "worker-1 | second",
    ]


def test_a_notice_is_one_line_of_plain_text(screen: Screen) -> None:
    screen(Created(job=JOB))
    screen.take()
    screen(Notice(text="\x1b[31mtwo\nlines"))
    assert screen.take() == "note: two lines\n"


def test_a_notice_that_comes_when_the_cell_has_let_go_is_in_the_panel(screen: Screen, clock: Clock) -> None:
    screen(Notice(text="said in the stream"))
    screen.close()
    background = Stage("background", 0.0)
    screen(Notice(text="no line for 5 min: worker-1 stands at line 12", level="warning"))
    clock.time += 1.0
    status = screen.status(background)
    assert status is not None
    assert "worker-1 stands at line 12" in status.html
    assert "said in the stream" not in status.html


def test_nothing_comes_after_the_outcome(screen: Screen) -> None:
    screen(Created(job=JOB))
    screen(finished())
    screen(lines("worker-1", ["late"]))
    screen(finished(Phase.FAILED))
    assert "late" not in screen.take() + screen.close()
    assert screen.outcome == finished().outcome


def test_nothing_comes_after_the_close(screen: Screen) -> None:
    screen(Created(job=JOB))
    assert screen.close() != ""
    screen(lines("worker-1", ["late"]))
    assert screen.take() + screen.close() == ""


def test_a_listener_never_raises_but_says_what_went_wrong(screen: Screen) -> None:
    screen(Created(job=JOB))
    screen.take()
    screen(Lines(lines=(None,)))  # type: ignore[arg-type]  # the fault to be survived
    assert screen.take().startswith("warning: this could not be shown: ")


def test_the_next_draw_is_later_the_more_there_is(screen: Screen, clock: Clock) -> None:
    screen(Created(job=JOB))
    assert screen.tick == 0
    screen.take()
    assert screen.tick == pytest.approx(0.05)
    clock.time = 0.02
    assert screen.tick == pytest.approx(0.03)
    screen(lines("worker-0", ["x"] * 2_000))
    screen.take()
    assert screen.tick == pytest.approx(0.25)


def test_the_status_follows_the_state_at_once_and_the_time_twice_a_second(screen: Screen, clock: Clock) -> None:
    screen(Created(job=JOB))
    assert screen.status() is not None
    assert screen.status() is None
    screen(changed("worker-0", ReplicaState.RUNNING))
    running = screen.status()
    assert running is not None
    assert "1 running" in running.text
    clock.time = 0.4
    assert screen.status() is None
    clock.time = 1.5
    assert screen.status() is not None


def test_the_last_status_is_the_outcome_and_stays(screen: Screen, clock: Clock) -> None:
    screen(Created(job=JOB))
    screen(changed("worker-0", ReplicaState.RUNNING))
    screen.status()
    screen(finished())
    last = screen.status()
    assert last is not None
    assert last.text == "succeeded in 11 s · jax-x1 on local"
    clock.time = 99.0
    assert screen.status() is None


def test_the_end_of_a_flood_does_not_wait(screen: Screen, clock: Clock) -> None:
    screen(Created(job=JOB))
    for step in range(40):
        clock.time = step / 20
        for name in REPLICAS:
            screen(lines(name, [f"line {step * 500 + n}" for n in range(500)]))
        screen.take()
    screen(finished())
    rest = screen.close()
    assert all(f"{name:8} | line 19999\n" in rest for name in REPLICAS)
    (marker,) = (line for line in rest.splitlines() if line.startswith("…"))
    assert marker.endswith(" of 60,000 lines not shown; the whole log: `ciao logs jax-x1` in a shell")


def test_a_flood_of_which_a_part_is_gone_says_how_much(screen: Screen) -> None:
    screen(Created(job=JOB))
    screen(replace(lines("worker-0", [f"line {n}" for n in range(60_000)]), lost=1234))
    screen(finished())
    unread = "1,234 bytes more went unread: the log outgrew keep.log"
    assert f"; {unread}; what is kept: `ciao logs jax-x1` in a shell" in screen.close()


def test_memory_and_output_are_bounded_in_a_flood_of_a_million_lines(screen: Screen, clock: Clock) -> None:
    screen(Created(job=JOB))
    batch = [lines(name, [f"{name}: words of a training loop"] * 5_000) for name in REPLICAS]
    drawn, held = screen.take(), 0
    for step in range(200):
        clock.time = step / 20
        screen(batch[step % 3])
        held = max(held, screen.held)
        drawn += screen.take()
    drawn += screen.close()
    assert held <= 2 * QUEUE + 3 * (TAIL + 2 * KEPT) + PIECE
    assert drawn.count("\n") <= CAP_LINES
    assert len(drawn.encode()) <= CAP
    shown = sum(" | " in line for line in drawn.splitlines())
    assert f"… in all {1_000_000 - shown:,} of 1,000,000 lines not shown" in drawn


def test_replicas_that_write_all_day_take_no_more_memory_in_the_evening(clock: Clock) -> None:
    screen = Screen(where="local", colour=False, clock=clock)
    names = [f"worker-{n}" for n in range(20)]
    screen(Created(job=replace(JOB, replicas=tuple(names))))
    used = []
    tracemalloc.start()
    try:
        for minute in range(400):
            clock.time = minute * 60.0
            own = [Line(name, "", f"{minute} of {name} {'x' * 1_000}") for name in names]
            screen(Lines(lines=(*(Line(name, "", f"epoch {minute}") for name in names), *own)))
            screen.take()
            assert screen.held <= 2 * QUEUE + 20 * (TAIL + 2 * KEPT) + PIECE
            used.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert max(used[300:]) - max(used[200:300]) < 100_000


def test_what_all_replicas_say_is_one_line_in_the_place_of_theirs(screen: Screen) -> None:
    screen(Created(job=JOB))
    screen.take()
    said = [line for name in REPLICAS for line in lines(name, ["epoch 1"]).lines]
    screen(Lines(lines=(*said, Line("worker-0", "", "saved"))))
    assert screen.take() + screen.close() == "[3 replicas] epoch 1\nworker-0 | saved\n"


def test_a_line_does_not_wait_for_a_replica_that_has_ended(screen: Screen, clock: Clock) -> None:
    screen(Created(job=JOB))
    screen(Lines(lines=tuple(Line(name, "", "epoch 1") for name in REPLICAS)))
    screen(changed("worker-1", ReplicaState.SUCCEEDED))
    screen.take()
    for name in ("master-0", "worker-0"):
        screen(lines(name, ["epoch 2"]))
    assert screen.take() == "[master-0, worker-0] epoch 2\n"


def test_what_waits_for_others_is_shown_when_it_has_waited_enough(screen: Screen, clock: Clock) -> None:
    screen(Created(job=JOB))
    screen(Lines(lines=tuple(Line(name, "", "epoch 1") for name in REPLICAS)))
    screen.take()
    screen(lines("worker-0", ["epoch 2"]))
    assert screen.take() == ""
    clock.time = HOLD
    assert screen.take() == "worker-0 | epoch 2\n"


def test_unfolded_every_replica_says_it_itself(clock: Clock) -> None:
    screen = Screen(where="local", colour=False, alike=False, clock=clock)
    screen(Created(job=JOB))
    screen(Lines(lines=tuple(Line(name, "", "epoch 1") for name in REPLICAS)))
    assert screen.take().splitlines()[1:] == [f"{name:8} | epoch 1" for name in REPLICAS]


def traced(replica: str, texts: Sequence[str], reason: str = "ValueError: bad batch") -> Traced:
    data = "".join(f"{text}\n" for text in texts).encode()
    return Traced(replica=replica, reason=reason, lines=len(texts), checksum=crc32(data))


TRACE = ["Traceback (most recent call last):", '  File "cell_1.py", line 3, in <module>', "ValueError: bad batch"]


def test_the_traceback_of_a_replica_that_fails_is_one_line_that_says_where_it_is(screen: Screen) -> None:
    screen(Created(job=JOB))
    screen.take()
    screen(lines("worker-1", ["epoch 1", *TRACE]))
    screen(lines("worker-0", ["ready"]))
    assert screen.take().splitlines() == ["worker-1 | epoch 1", "worker-0 | ready"]
    screen(traced("worker-1", TRACE))
    assert screen.take() == "worker-1 | ValueError: bad batch (traceback of 3 lines: `%ciao logs jax-x1 worker-1`)\n"
    assert screen.held == 0


def test_a_traceback_is_shown_when_the_replica_ended_otherwise(screen: Screen) -> None:
    screen(Created(job=JOB))
    screen.take()
    screen(lines("worker-1", TRACE))
    screen(changed("worker-1", ReplicaState.FAILED, "SIGKILL"))
    assert screen.take().splitlines() == [f"worker-1 | {text}" for text in TRACE]


def test_a_traceback_that_was_logged_is_shown_within_a_second_by_draws_alone(screen: Screen, clock: Clock) -> None:
    screen(Created(job=JOB))
    screen.take()
    screen(lines("worker-1", [*TRACE, "goes on"]))
    clock.time = 0.9
    assert screen.take() == ""
    clock.time = 1.0
    assert screen.take().splitlines() == [f"worker-1 | {text}" for text in [*TRACE, "goes on"]]


def test_what_is_held_belongs_to_the_attempt_before(screen: Screen) -> None:
    screen(Created(job=JOB))
    screen.take()
    screen(lines("worker-1", TRACE[:2]))
    screen(Attempt(number=2, of=2, failure=FAILURE))
    assert screen.take().splitlines()[2].endswith("attempt 2 of 2 begins")


def test_the_end_shows_what_was_held(screen: Screen) -> None:
    screen(Created(job=JOB))
    screen(lines("worker-1", TRACE))
    assert screen.held > sum(map(len, TRACE))
    screen(finished(Phase.FAILED))
    assert screen.close().splitlines()[1:] == [f"worker-1 | {text}" for text in TRACE]


def test_nothing_is_folded_where_no_error_follows(clock: Clock) -> None:
    screen = Screen(where="local", colour=False, fold=False, clock=clock)
    screen(lines("worker-1", TRACE))
    screen(traced("worker-1", TRACE))
    assert screen.take().splitlines() == [f"worker-1 | {text}" for text in TRACE]


def test_the_number_of_all_lines_counts_the_folded_ones(screen: Screen) -> None:
    screen(Created(job=JOB))
    screen(lines("worker-1", TRACE))
    screen(traced("worker-1", TRACE))
    screen(lines("worker-0", ["x"] * 99_997))
    rest = screen.close()
    hidden = 99_998 - sum(" | " in line for line in rest.splitlines())
    assert f"… {hidden:,} of 100,000 lines not shown" in rest


def bar(replica: str, *states: str) -> Lines:
    return Lines(lines=tuple(Line(replica, "", state, redrawn=True) for state in states))


def test_a_progress_bar_moves_once_a_second_and_its_last_state_is_shown(screen: Screen, clock: Clock) -> None:
    screen(Created(job=JOB))
    drawn = screen.take()
    for step in range(1, 33):
        clock.time = step / 16
        screen(bar("worker-0", f"{step} of 33"))
        drawn += screen.take()
    screen(lines("worker-0", ["33 of 33"]))
    drawn += screen.take()
    shown = ["1 of 33", "17 of 33", "32 of 33", "33 of 33"]
    assert drawn.splitlines()[1:] == [f"worker-0 | {text}" for text in shown]
    assert screen.close() == ""


def test_a_state_waits_for_draws_alone_and_is_counted_as_memory(screen: Screen, clock: Clock) -> None:
    screen(Created(job=JOB))
    screen(bar("worker-0", "1%", "2%", "3%"))
    assert (screen.take().splitlines()[1:], screen.held) == (["worker-0 | 1%"], 2)
    clock.time = 1.0
    assert (screen.take(), screen.held) == ("worker-0 | 3%\n", 0)


def test_the_last_state_of_a_replica_is_shown_when_it_ends(screen: Screen) -> None:
    screen(Created(job=JOB))
    screen(bar("worker-0", "1%", "2%", "3%"))
    screen(bar("worker-1", "4%", "5%", "6%"))
    screen(changed("worker-0", ReplicaState.FAILED))
    assert screen.take().splitlines()[1:] == ["worker-0 | 1%", "worker-1 | 4%", "worker-0 | 3%"]
    screen(finished())
    assert screen.close() == "worker-1 | 6%\n"


def test_states_that_were_replaced_are_not_counted_as_lines_not_shown(screen: Screen) -> None:
    screen(Created(job=JOB))
    screen(bar("worker-0", *map(str, range(100_000))))
    assert screen.close().splitlines()[1:] == ["worker-0 | 0", "worker-0 | 99999"]


def test_the_engines_thread_and_the_frontends_thread_do_not_disturb_each_other(screen: Screen) -> None:
    screen(Created(job=JOB))
    drawn = [screen.take()]

    def engine() -> None:
        for n in range(500):
            screen(lines("worker-0", [f"line {n}"]))

    thread = threading.Thread(target=engine)
    thread.start()
    while thread.is_alive():
        drawn.append(screen.take())
    thread.join()
    drawn.append(screen.close())
    assert "".join(drawn).splitlines()[1:] == [f"worker-0 | line {n}" for n in range(500)]


def test_how_far_the_code_is_stands_in_the_status_line_after_a_second(screen: Screen, clock: Clock) -> None:
    screen(Packing(step="pushing the code", done=0, total=50_000_000))
    clock.time = 0.9
    assert "pushing" not in words(screen)
    clock.time = 2.0
    screen(Packing(step="pushing the code", done=24_000_000, total=50_000_000))
    assert words(screen).endswith("job on local · pushing the code: 24 of 50 MB, 12 MB/s")


def test_once_the_code_is_there_one_line_is_left_of_its_way(screen: Screen, clock: Clock) -> None:
    screen(Packing(step="pushing the code"))
    clock.time = 3.0
    screen(Bundled(bundle=Folder(path=Path("/x"), entry="cell.py")))
    screen(Created(job=JOB))
    assert "pushing" not in words(screen)
    assert screen.take().splitlines()[1:] == ["packed in 3.0 s: pushing the code (3.0 s)"]


def test_a_quick_way_leaves_nothing(screen: Screen, clock: Clock) -> None:
    screen(Packing(step="pushing the code", done=1, total=1))
    clock.time = 0.5
    screen(Bundled(bundle=Folder(path=Path("/x"), entry="cell.py")))
    screen(Created(job=JOB))
    clock.time = 5.0
    assert "pack" not in screen.take() + words(screen)


def test_progress_that_goes_on_gives_a_new_line_only_now_and_then(screen: Screen, clock: Clock) -> None:
    """In a terminal each new key is a line of its own."""
    keys = []
    for tenth in range(1, 101):
        clock.time = tenth / 10
        screen(Packing(step="pushing the code", done=tenth, total=100))
        status = screen.status()
        keys += [status.key] if status else []
    assert len(set(keys)) == 6  # one before the first second, and one a quarter


def words(screen: Screen) -> str:
    status = screen.status()
    return status.text if status else ""


def test_the_squares_are_there_before_the_job_is(screen: Screen) -> None:
    spec = interpreter.read(Cell(text="%framework=jax\n%worker=3\npass"), settings=Settings(home=Path("x")))
    screen(SpecRead(spec=spec))
    assert re.search("worker.*□□□.*3 not started", html(screen))


def test_last_lines_are_in_the_panel_once_the_stream_tells_no_more(screen: Screen, clock: Clock) -> None:
    screen(Created(job=JOB))
    screen(lines("worker-0", ["epoch 1"]))
    assert "epoch 1" not in html(screen)
    screen.close()
    screen(lines("worker-0", ["epoch 2"]))
    clock.time = 1.0
    assert "worker-0 | epoch 2" in html(screen)
    screen(finished())
    assert "worker-0 | epoch 2" in html(screen)


def test_last_lines_are_shown_in_a_flood_too(screen: Screen, clock: Clock) -> None:
    screen(Created(job=JOB))
    for second in range(60):
        clock.time = float(second)
        screen(lines("worker-0", [f"line {n}" for n in range(1_000)]))
        screen.take()
    assert "worker-0 | line 999" in html(screen)


def test_a_job_that_is_stopped_or_ends_above_its_lines_shows_none_twice(screen: Screen, clock: Clock) -> None:
    screen(Created(job=JOB))
    screen(lines("worker-0", ["epoch 1"]))
    assert "epoch 1" not in html(screen, Stage("cancelling", 1000.0))
    screen.close()
    screen(finished(Phase.CANCELLED))
    assert "epoch 1" not in html(screen)


def test_room_for_last_lines_is_there_when_a_cell_lets_go_of_its_job(screen: Screen) -> None:
    screen(Created(job=JOB))
    assert "worker-0 | " in html(screen, Stage("background", 1000.0))


def test_a_large_job_gives_two_panels_a_second_and_at_once_what_matters(clock: Clock) -> None:
    screen = Screen(where="local", clock=clock)
    names = tuple(f"worker-{n}" for n in range(1000))
    screen(Created(job=replace(JOB, replicas=names)))
    assert screen.status() is not None
    made = 0
    for n, name in enumerate(names):
        clock.time = n / 1000
        screen(changed(name, ReplicaState.RUNNING))
        made += screen.status() is not None
    assert made == 2  # it runs; and half a second later
    screen(finished())
    assert screen.status() is not None


def test_no_panel_is_made_in_vain(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    screen(Created(job=JOB))
    assert screen.status() is not None
    monkeypatch.setattr("ciao.frontends.display.screen.panel", lambda view: pytest.fail("made"))
    screen(lines("worker-0", ["epoch 1"]))
    assert screen.status() is None


def html(screen: Screen, stage: Stage | None = None) -> str:
    status = screen.status(stage)
    return status.html if status else ""
