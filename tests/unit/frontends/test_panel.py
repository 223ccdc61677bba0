"""What stands above a job's output."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbconvert.preprocessors.sanitize import SanitizeHTML

from ciao.frontends.display.panel import panel
from ciao.frontends.display.status import Stage, View, line
from ciao.model import Failure, Outcome, Phase
from fakes.panels import NOW, VIEWS, job

TAGS = frozenset(SanitizeHTML().tags)
STYLES = {
    *("background", "border-left", "color", "display", "font-size", "font-style", "letter-spacing", "line-height"),
    *("list-style", "margin", "min-width", "overflow", "padding", "text-overflow", "white-space"),
}
"""What JupyterLab's sanitizer leaves, of what is used."""


class Words(HTMLParser):
    """``lines`` are its items; a tag or attribute that some reader drops, or shows as it is, is an error."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        self.open.append(tag)
        self.lines += [""] if tag == "li" else []
        for name, value in attrs:
            assert name == "style"
            for one in (value or "").split(";"):
                style, _, worth = one.partition(":")
                assert style in STYLES
                assert re.fullmatch(r"[a-z0-9#. -]+", worth), one

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        assert self.open[1:2] == ["li"]
        self.lines[-1] += data.replace("\N{NO-BREAK SPACE}", " ")


def lines(view: View) -> list[str]:
    return Words(panel(view).html).lines


def test_it_says_how_the_job_is_and_how_its_replicas_are() -> None:
    first, *rest = lines(VIEWS["two roles"])
    assert re.fullmatch(
        r"● running for 1 min 5 s as of 2026-11-23 \S+ · mnist-bc4fz on kind-ciao/team-a · tensorflow · attempt 2 of 3",
        first,
    )
    assert rest == ["ps ■■ · 2 running", "chief ● · 1 succeeded", "worker ■■■■■■■■ · 8 running"]


def test_a_line_of_text_is_beside_it_where_html_is_not_shown() -> None:
    for view in VIEWS.values():
        assert (panel(view).text, panel(view).key) == line(view)


def test_states_differ_by_their_shape_and_are_named() -> None:
    assert lines(VIEWS["1000"])[1] == "worker ▲ 1 failed · ■ 909 running · □ 90 waiting"
    assert lines(VIEWS["failed"])[1] == "worker ○○▲○ · ▲ 1 failed · ○ 3 ended"


def test_a_wait_has_its_reason_and_the_replicas_that_wait() -> None:
    assert lines(VIEWS["100"])[-1] == "□ worker-37, worker-38, worker-39 and 1 more wait: its image is being pulled"
    assert "□ worker-3 waits: none of 3 nodes has enough cpu free" in lines(VIEWS["running, some wait"])[-1]


def test_of_many_reasons_the_gravest_are_told() -> None:
    replicas = job("w", "a", "one") | job("ww", "b", "two") | job("w", "c", "three") | job("w", "d", "4")
    replicas |= job("f", "e", "exit code 3")
    view = View(name="x", where="local", replicas=replicas, asked=NOW, now=NOW)
    assert lines(view)[-4:] == [
        "▲ e-0 failed: exit code 3",
        "□ b-0, b-1 wait: two",
        "□ a-0 waits: one",
        "and 2 other reasons",
    ]


def test_why_it_failed_comes_first_and_once() -> None:
    view = VIEWS["failed"]
    assert "worker-2: ValueError: loss is nan" in lines(view)[0]
    assert len(lines(view)) == 2


def test_its_height_stays_while_a_job_is_prepared_runs_and_ends() -> None:
    states = ("preparing", "packing", "running", "cancelling", "cancelled", "succeeded", "failed")
    assert {len(lines(VIEWS[state])) for state in states} == {2}
    assert len(lines(VIEWS["left"])) == len(lines(VIEWS["background"])) == 6


def test_replicas_that_nobody_foresaw_are_shown_after_the_others() -> None:
    replicas = job("rr") | {"worker-7": job("." * 7 + "w")["worker-7"]}
    view = View(name="x", where="local", expected=("worker-0", "worker-1"), replicas=replicas, asked=NOW, now=NOW)
    assert lines(view)[1] == "worker ■■□ · ■ 2 running · □ 1 waiting"


def test_what_a_cell_leaves_behind_is_true_whenever_it_is_read() -> None:
    first, second, *latest = lines(VIEWS["left"])
    assert first.startswith("● started in the background at ")
    assert "running" not in first
    assert second == "worker □□□□ · 4 replicas"
    assert latest == ["worker-0 | ", "worker-1 | ", "worker-2 | ", "worker-3 | "]


def test_a_job_that_was_refused_has_no_replicas() -> None:
    assert lines(VIEWS["refused"]) == ["● not started · job on kind-ciao/team-a · pytorch"]


def test_last_lines_are_one_line_of_text_each() -> None:
    shown = lines(VIEWS["background"])[2:]
    assert shown[1] == "worker-1 | epoch 3 step 1198 loss 0.4329 <b>not bold</b>"
    assert shown[2].startswith("worker-2 | epoch 3 step 1201 ")
    assert len(shown[2]) < 140


def test_what_was_said_last_is_told_where_the_stream_cannot_until_the_job_is_over() -> None:
    view = replace(VIEWS["background"], notice="worker-2 <b>stands</b> at line 12")
    assert lines(view)[2] == "worker-2 <b>stands</b> at line 12"
    assert lines(view)[3:] == lines(VIEWS["background"])[2:]
    over = replace(VIEWS["succeeded"], notice="worker-2 stands")
    assert lines(over) == lines(VIEWS["succeeded"])


def test_only_what_matters_is_urgent() -> None:
    one, other = VIEWS["running"], VIEWS["running, some wait"]
    assert panel(one).urgent == panel(other).urgent != panel(VIEWS["succeeded"]).urgent
    assert panel(one).key != panel(other).key


@pytest.mark.parametrize("name", VIEWS)
def test_the_strictest_export_leaves_every_word_and_shows_no_tag(name: str) -> None:
    sanitizer = SanitizeHTML()
    made = panel(VIEWS[name]).html
    clean = sanitizer.sanitize_html_tags(made)
    assert "style=" not in clean
    assert Words(clean).lines == Words(made).lines


def test_a_thousand_replicas_are_a_few_kilobytes_whatever_their_states() -> None:
    assert len(panel(VIEWS["1000"]).html.encode()) < 6_500
    worst = View(name="x", where="local", replicas=job("r" * 700 + "rw" * 150, reason="r" * 400), asked=NOW, now=NOW)
    assert len(panel(worst).html.encode()) < 11_500
    chequered = View(name="x", where="local", replicas=job("rw" * 1_000, reason="r" * 400), asked=NOW, now=NOW)
    assert len(panel(chequered).html.encode()) < 9_000


@given(st.text(), st.text(), st.text(), st.text())
def test_what_jobs_say_is_never_html(name: str, why: str, evalue: str, said: str) -> None:
    failure = Failure(replica=f"<i>{name}", kind="exception", time=NOW, ename="<script>", evalue=evalue + "&lt;")
    view = View(
        name=f"<a href=x>{name}",
        where="<b>",
        framework="<i>",
        replicas=job("wf", f"<b>{name}", f"<img>{why}"),
        latest={f"<s>{name}-0": f"<u>{said}"},
        asked=NOW,
        now=NOW,
    )
    for end in (None, Outcome(phase=Phase.FAILED, ended=NOW, failure=failure)):
        html = panel(View(**{**vars(view), "outcome": end})).html
        assert set(re.findall("</?([a-z]+)", html)) <= {"ul", "li", "i", "b", "code"}
        assert Words(html).lines


def test_the_end_of_a_job_that_its_cell_let_go_of_is_shown_in_full() -> None:
    view = View(**{**vars(VIEWS["cancelled"]), "stage": Stage("background", NOW)})
    assert lines(view)[1] == "worker ○○○○ · 4 ended"
