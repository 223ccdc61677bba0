"""Where replicas stand, as a page for people."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace

from ciao.commands.stacks import Stacks
from ciao.frontends.display import page, stood
from ciao.model import Frame, Standing, Thread

TORCH = "/usr/lib/python3/dist-packages/torch/distributed/distributed_c10d.py"


def cell(line: int, text: str, function: str = "<module>") -> Frame:
    return Frame(file="/c/cell_7.py", line=line, function=function, source=(text,), in_cell=True)


def waits(name: str, *more: Thread) -> Standing:
    inner = [Frame(file=TORCH, line=n, function=name) for n, name in enumerate(("wrapper", "all_reduce", "wait"), 40)]
    return Standing(replica=name, threads=(Thread(frames=(cell(14, "dist.all_reduce(x)"), *inner)), *more))


SLEEPS = Standing(
    replica="worker-1",
    threads=(Thread(frames=(cell(12, "batch = load(step)"), cell(9, "time.sleep(60)", "load"))),),
)
POLLS = Thread(frames=(Frame(file="/usr/lib/python3.11/threading.py", line=5, function="wait"),))
OWN = Thread(frames=(*POLLS.frames, cell(4, "q.get()", "feed")))


def shown(standings: Sequence[Standing], **fields: str) -> str:
    found = Stacks(job="pytorch-x1", cell="Cell In[7]", standings=standings, **fields)
    return page.text(stood.stacks(found, prefix="%ciao"))


def test_who_stands_elsewhere_is_first_and_those_at_one_place_are_together() -> None:
    told = [
        waits("worker-0", POLLS, OWN, POLLS),
        SLEEPS,
        waits("worker-2"),
        Standing(replica="worker-3", silent="stopped"),
    ]
    assert shown(told) == textwrap.dedent("""\
        pytorch-x1: worker-1 stands elsewhere than the other 2, who wait

        worker-1
            Cell In[7], line 12
                batch = load(step)
            Cell In[7], line 9, in load()
                time.sleep(60)

        worker-0, worker-2: waiting in all_reduce
            Cell In[7], line 14
                dist.all_reduce(x)
            torch: wrapper() ... 3 frames ... wait()
          another thread
            threading: wait()
            Cell In[7], line 4, in feed()
                q.get()
          and 2 other threads

        worker-3: stopped

        %ciao stacks pytorch-x1 REPLICA shows every frame and thread of one""")


def test_a_package_of_the_standard_library_has_its_own_name() -> None:
    inner = Frame(file="/usr/lib/python3.11/re/__init__.py", line=166, function="match")
    found = shown([Standing(replica="worker-0", threads=(Thread(frames=(cell(3, "re.match(p, s)"), inner)),))])
    assert "\n    re: match()\n" in found


def test_one_replica_is_offered_only_if_there_is_more_to_show_of_one() -> None:
    same = [SLEEPS, replace(SLEEPS, replica="worker-2")]
    silent = Standing(replica="worker-3", silent="stopped")
    with_thread = replace(SLEEPS, replica="worker-2", threads=(*SLEEPS.threads, POLLS))
    assert [
        "shows every frame" in shown(told) for told in (same, [silent], [SLEEPS, with_thread], [waits("worker-0")])
    ] == [False, False, True, True]


def test_one_replica_is_shown_with_every_frame_and_thread() -> None:
    assert shown([waits("worker-0", POLLS)], replica="worker-0") == textwrap.dedent(f"""\
        worker-0
            Cell In[7], line 14
                dist.all_reduce(x)
            File {TORCH}:40, in wrapper()
            File {TORCH}:41, in all_reduce()
            File {TORCH}:42, in wait()
          another thread
            File /usr/lib/python3.11/threading.py:5, in wait()""")


def test_the_job_that_was_not_named_is() -> None:
    assert shown([SLEEPS], note="pytorch-x1 (the only job that runs)").startswith(
        "pytorch-x1 (the only job that runs)\n"
    )


def test_all_at_one_place_and_each_at_another_are_said_as_that() -> None:
    other = Standing(replica="worker-2", threads=(Thread(frames=(cell(1, "x"),)),))
    assert shown([waits("a"), waits("b")]).startswith("pytorch-x1: all 2 stand at one place\n")
    assert shown([SLEEPS]).startswith("pytorch-x1: worker-1 stands at one place\n")
    assert shown([SLEEPS, other]).startswith("pytorch-x1: 2 processes stand at 2 places\n")


def test_if_nobody_answers_each_reason_is_said_once() -> None:
    silent = [Standing(replica=f"worker-{n}", silent="it waits to start") for n in range(10)]
    text = shown(silent)
    assert text.startswith("pytorch-x1: no process told where it stands\n\nworker-0, worker-1, ")
    assert text.count("it waits to start") == 1
    assert "and 2 more: it waits to start" in text


def test_words_of_strangers_are_no_markup_and_move_no_cursor() -> None:
    evil = Standing(replica="worker-0", threads=(Thread(frames=(cell(1, "\x1b[2J<script>", "<b>\x1b]0;x\x07"),)),))
    found = Stacks(job="a-1", cell="Cell In[7]", standings=[evil])
    assert "\x1b]" not in page.text(stood.stacks(found))
    assert "<script>" not in page.html(stood.stacks(found))


def test_a_thread_outside_of_the_cell_and_of_python_says_so() -> None:
    nowhere = Standing(replica="worker-0", threads=(Thread(),))
    assert "(not in Python)" in shown([nowhere])
    outside = Standing(replica="worker-0", threads=(Thread(frames=POLLS.frames, cut=True),))
    assert "... more frames" in shown([outside])
    assert "threading.py:5, in wait()" in shown([outside])
