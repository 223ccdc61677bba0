"""A remote exception as text."""

from __future__ import annotations

from dataclasses import replace

from ciao.frontends.display.traceback import CellSource, bounded, echoes, printable, render
from ciao.model import Failure, Frame, Gap, Outcome, Phase, RemoteError

CELL = CellSource(label="Cell In[7]", lines=("%framework=jax", "", "def train():", "    return 1 / 0", "", "train()"))
IN_CELL = Frame(file="cell_7.py", line=6, function="<module>", in_cell=True)
IN_TRAIN = Frame(file="cell_7.py", line=4, function="train", in_cell=True)
IN_LIBRARY = Frame(
    file="/lib/x.py", line=12, function="decode", first_line=10, source=("def decode(s):\n", "    t = s\n", "    t()\n")
)
ERROR = RemoteError(ename="ZeroDivisionError", evalue="division by zero", frames=(IN_CELL, IN_TRAIN, IN_LIBRARY))


def text(error: RemoteError, cell: CellSource = CELL, *, colour: bool = False) -> str:
    return "\n".join(render(error, cell, replica="worker-1", colour=colour))


def failure(replica: str, ename: str = "RuntimeError", evalue: str = "closed by peer") -> Failure:
    echo = evalue == "closed by peer"
    return Failure(replica=replica, kind="exception", time=0.0, ename=ename, evalue=evalue, secondary=echo)


def test_it_reads_like_the_traceback_of_a_cell() -> None:
    assert text(ERROR) == (
        "---------------------------------------------------------------------------\n"
        "ZeroDivisionError                         Traceback (most recent call last)\n"
        "Cell In[7], line 6\n"
        "      4     return 1 / 0\n"
        "      5 \n"
        "----> 6 train()\n"
        "\n"
        "Cell In[7], line 4, in train()\n"
        "      2 \n"
        "      3 def train():\n"
        "----> 4     return 1 / 0\n"
        "      5 \n"
        "      6 train()\n"
        "\n"
        "File worker-1:/lib/x.py:12, in decode()\n"
        "     10 def decode(s):\n"
        "     11     t = s\n"
        "---> 12     t()\n"
        "\n"
        "ZeroDivisionError: division by zero"
    )


def test_colour_changes_no_word() -> None:
    import re

    assert re.sub(r"\x1b\[[0-9;]*m", "", text(ERROR, colour=True)) == text(ERROR)


def test_of_a_cell_that_is_not_known_the_records_own_source_is_shown() -> None:
    frame = Frame(
        file="cell_3.py", line=2, function="f", first_line=1, source=("def f():\n", "    g()\n"), in_cell=True
    )
    shown = text(RemoteError(ename="E", evalue="", frames=(frame,)), CellSource(label="Cell In[3]"))
    assert "Cell In[3], line 2, in f()\n      1 def f():\n----> 2     g()\n" in shown


def test_causes_stand_above_with_the_words_of_python() -> None:
    first = RemoteError(ename="KeyError", evalue="'k'")
    second = RemoteError(ename="ValueError", evalue="v", cause=first)
    third = RemoteError(ename="RuntimeError", evalue="r", cause=second, by_from=True)
    shown = text(third)
    order = ["KeyError: 'k'", "During handling", "ValueError: v", "direct cause", "RuntimeError: r"]
    assert [shown.index(words) for words in order] == sorted(shown.index(words) for words in order)


def test_an_endless_chain_of_causes_is_cut() -> None:
    error = RemoteError(ename="E0", evalue="")
    for i in range(1, 50):
        error = RemoteError(ename=f"E{i}", evalue="", cause=error)
    assert "E49" in text(error)
    assert len(text(error).splitlines()) < 60


def test_a_recursion_is_folded() -> None:
    shown = text(RemoteError(ename="RecursionError", evalue="deep", frames=(IN_TRAIN,) * 900))
    assert shown.count("in train()") == 3
    assert "[... 897 more of the same frame]" in shown


def test_notes_follow_the_message() -> None:
    assert text(RemoteError(ename="E", evalue="v", notes=("a", "b"))).endswith("E: v\na\nb")


def test_a_line_outside_of_the_source_is_named_without_it() -> None:
    assert text(RemoteError(ename="E", evalue="", frames=(Frame(file="x", line=99, function="f"),))).endswith(
        "File worker-1:x:99, in f()\n\nE"
    )


def test_what_moves_a_cursor_or_sets_a_title_is_not_passed_on() -> None:
    assert printable("\x1b]0;title\x07\x1b[2J\x1b[31mred\r\n\udc80") == "�]0;title��[2J\x1b[31mred�\n�"


def test_replicas_that_failed_for_the_same_reason_are_one_line() -> None:
    others = (failure("worker-0"), failure("worker-3", "OSError", "x" * 500), failure("worker-2"))
    cause = failure("worker-1", "ValueError", "no data")
    outcome = Outcome(phase=Phase.FAILED, ended=0.0, failure=cause, others=others)
    first, second = echoes(outcome)
    assert first == f"worker-3 failed too: OSError: {'x' * 199}…"
    assert second == "worker-0, worker-2 failed because of it: RuntimeError: closed by peer"


def test_the_same_fault_in_other_replicas_was_not_caused_by_the_first() -> None:
    others = (failure("worker-2"), *(failure(f"worker-{i}", "NameError", "name 'x' is not defined") for i in (1, 3)))
    cause = failure("worker-0", "NameError", "name 'x' is not defined")
    assert echoes(Outcome(phase=Phase.FAILED, ended=0.0, failure=cause, others=others)) == [
        "the same in worker-1, worker-3",
        "worker-2 failed because of it: RuntimeError: closed by peer",
    ]


def test_who_was_beyond_the_same_limit_of_memory_failed_for_the_same_reason() -> None:
    used = [f"it used more memory than its limit of {n}Mi: {n + 3}Mi when it was ended" for n in (100, 200)]
    more = used[0].replace("103Mi", "104Mi")
    killed = [failure(f"worker-{i}", "OOMKilled", words) for i, words in enumerate((*used, more))]
    assert echoes(Outcome(phase=Phase.FAILED, ended=0.0, failure=killed[0], others=tuple(killed[1:]))) == [
        "the same in worker-2",
        "worker-1 failed too: OOMKilled: it used more memory than its limit of 200Mi",
    ]


def test_the_same_fault_everywhere_is_one_line() -> None:
    others = tuple(failure(f"worker-{i}") for i in range(1, 12))
    assert echoes(Outcome(phase=Phase.FAILED, ended=0.0, failure=failure("worker-0"), others=others)) == [
        "the same in worker-1, worker-2, worker-3, worker-4, worker-5, worker-6 and 5 more"
    ]


def test_a_thousand_echoes_are_still_one_line() -> None:
    others = tuple(failure(f"worker-{i}") for i in range(1000))
    (line,) = echoes(Outcome(phase=Phase.FAILED, ended=0.0, others=others))
    assert line.startswith("worker-0, worker-1, worker-2, worker-3, worker-4, worker-5 and 994 more failed")


def test_the_errors_of_earlier_attempts_are_kept() -> None:
    outcome = Outcome(phase=Phase.FAILED, ended=0.0, previous=(failure("worker-1"),))
    assert echoes(outcome) == ["attempt 1 failed in worker-1: RuntimeError: closed by peer"]


def test_functions_that_call_each_other_without_end_are_folded() -> None:
    shown = text(RemoteError(ename="RecursionError", evalue="", frames=(IN_CELL, *(IN_TRAIN, IN_LIBRARY) * 40)))
    assert shown.count("in train()") == shown.count("in decode()") == 2
    assert "[... train() and decode() repeat 38 more times]" in shown
    assert shown.index("repeat 38") < shown.rindex("in train()")


def test_turns_that_the_record_left_out_are_counted_with_the_others() -> None:
    frames = (IN_CELL, *(IN_TRAIN, IN_LIBRARY) * 50)
    error = RemoteError(ename="E", evalue="", frames=frames, gap=Gap(after=50, frames=896, cycle=2))
    shown = text(error)
    assert shown.count("in train()") == shown.count("in decode()") == 2
    assert f"[... train() and decode() repeat {50 + 448 - 2} more times]" in shown


def test_one_function_that_calls_itself_in_two_lines_is_named_once() -> None:
    turn = (IN_TRAIN, replace(IN_TRAIN, line=IN_TRAIN.line + 1))
    shown = text(RemoteError(ename="E", evalue="", frames=turn * 9))
    assert "[... train() repeats, in 2 lines, 7 more times]" in shown


def test_other_frames_that_are_left_out_are_counted_where_they_are_missing() -> None:
    frames = (IN_CELL, IN_TRAIN, IN_TRAIN, IN_LIBRARY)
    shown = text(RemoteError(ename="E", evalue="", frames=frames, gap=Gap(after=2, frames=1234)))
    first, _, last = shown.partition("[... 1,234 frames are left out]")
    assert (first.count("in train()"), last.count("in train()"), last.count("in decode()")) == (1, 1, 1)


def test_a_group_shows_its_members_with_their_lines() -> None:
    inner = RemoteError(ename="Inner", evalue="in", exceptions=(RemoteError(ename="KeyError", evalue="'k'"),))
    group = RemoteError(
        ename="ExceptionGroup", evalue="two", exceptions=(replace(ERROR, cause=inner), inner), left_out=7
    )
    assert text(group).partition("ExceptionGroup: two\n")[2] == (
        "    1. ZeroDivisionError: division by zero\n"
        "       Cell In[7], line 6: train()\n"
        "       Cell In[7], line 4, in train(): return 1 / 0\n"
        "       raised while handling Inner: in\n"
        "    2. Inner: in\n"
        "        1. KeyError: 'k'\n"
        "    [... 7 more in the log ...]"
    )


def test_a_group_of_groups_is_a_page_at_most() -> None:
    group = RemoteError(ename="E", evalue="", exceptions=(ERROR,) * 8)
    for _ in range(10):
        group = RemoteError(ename="E", evalue="", exceptions=(group,) * 8)
    assert 100 < len(text(group).splitlines()) < 150


def test_a_very_long_message_keeps_its_beginning_and_its_end() -> None:
    shown = bounded("\n".join(map(str, range(10_000))))
    assert shown.startswith("0\n1\n")
    assert shown.endswith("\n9998\n9999")
    assert "[... 9,940 more lines in the log ...]" in shown
    assert len(bounded("x" * 1_000_000)) < 10_000
    assert bounded("short\nand plain") == "short\nand plain"


def test_the_place_of_a_syntax_error_has_a_caret() -> None:
    frame = Frame(file="broken.py", line=2, function="<module>", first_line=2, source=("  x = = 2",), column=7)
    assert "----> 2   x = = 2\n              ^\n" in text(RemoteError(ename="SyntaxError", evalue="", frames=(frame,)))


def test_letters_are_not_turned_round() -> None:
    assert printable("a\u202eb\u2066c") == "a\ufffdb\ufffdc"
