"""What commands return, as pages for people."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace

import pytest

from ciao.commands.check import Check
from ciao.commands.choose import Chosen
from ciao.commands.config import Row
from ciao.commands.end import Ended
from ciao.commands.jobs import Jobs
from ciao.commands.logs import Log
from ciao.errors import BackendUnavailable
from ciao.frontends.display import page, present
from ciao.frontends.display.page import Page
from ciao.frontends.display.present import LONG
from ciao.model import Failure, Outcome, Phase, ReplicaState, Summary
from fakes.jobs import BOOM, NOON, lines, summary

MIXED = replace(
    summary("jax-bbbbb", Phase.RUNNING),
    replicas=(*summary("a", Phase.RUNNING).replicas, *summary("b", Phase.FAILED, replicas=("ps-0",)).replicas),
)


def shown(blocks: Page) -> str:
    return page.text(blocks)


def picture(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


def test_jobs_are_a_table_with_the_newest_first() -> None:
    waiting = replace(summary("tf-ccccc", Phase.PENDING, cell=""), started=None, replicas=())
    file = summary("jax-ddddd", Phase.FAILED, cell="the cell", notebook="/home/me/train.py")
    found = Jobs(summaries=(MIXED, file, waiting), older=12, where="local")
    assert shown(present.jobs(found, now=NOON + 3700)) == picture("""
        JOB        STATE    REPLICAS             CREATED  TOOK       FROM
        jax-bbbbb  running  2 running, 1 failed  1 h ago  1 h 1 min  Cell In[7]
        jax-ddddd  failed   2 failed             1 h ago  8.0 s      train.py
        tf-ccccc   pending  2                    1 h ago  -
        and 12 older: ciao jobs --all
    """)


def far(name: str, phase: Phase = Phase.RUNNING, **more: object) -> Summary:
    found = summary(name, phase)
    job = replace(found.job, backend="kubeflow")
    return replace(found, **{"job": job, "kind": "PyTorchJob", "namespace": "team", **more})  # type: ignore[arg-type]


def test_columns_in_which_no_jobs_differ_are_left_out() -> None:
    def head(*summaries: Summary) -> list[str]:
        return shown(present.jobs(Jobs(summaries=summaries, older=0, where="x"), now=NOON)).split("\n")[0].split()

    plain = ["JOB", "STATE", "REPLICAS", "CREATED", "TOOK", "FROM"]
    assert head(far("a"), far("b")) == plain
    assert head(far("a"), replace(far("b"), namespace="other")) == [*plain[:5], "NAMESPACE", "FROM"]
    assert head(far("a"), summary("b")) == [*plain[:5], "BACKEND", "KIND", "NAMESPACE", "FROM"]


def test_a_backend_that_could_not_be_asked_is_told_below_the_list() -> None:
    missing = (BackendUnavailable("the cluster ctx gave no answer in time", hint="See the network"),)
    for summaries in ((summary("a"),), ()):
        text = shown(present.jobs(Jobs(summaries=summaries, older=0, where="local", missing=missing), now=NOON))
        assert text.endswith("\nnot listed: the cluster ctx gave no answer in time. See the network")


def test_describe_of_a_job_on_a_cluster_tells_its_object_pods_and_why_they_wait() -> None:
    reason = "none of 3 nodes has enough cpu free (3 Insufficient cpu). It starts when others end; or ask for less"
    waiting = tuple(replace(r, state=ReplicaState.WAITING, reason=reason) for r in summary("a").replicas)
    job = far(
        "jax-aaaaa",
        Phase.PENDING,
        replicas=waiting,
        facts=(("object", "pytorchjobs.kubeflow.org/jax-aaaaa"),),
        places={"worker-0": "jax-aaaaa-worker-0, no node yet"},
    )
    text = shown(present.describe(Chosen(summary=job), now=NOON + 20))
    assert "kind       PyTorchJob\nnamespace  team\nobject     pytorchjobs.kubeflow.org/jax-aaaaa\n" in text
    assert "worker-0  waiting  18 s ago  jax-aaaaa-worker-0, no node yet\n" in text
    assert text.endswith(f"\nworker-0, worker-1: {reason}")


def test_no_jobs_are_said_in_words() -> None:
    assert shown(present.jobs(Jobs(summaries=(), older=0, where="local"), now=NOON)) == "No jobs on local yet"


def test_describe_shows_replicas_the_first_failure_and_its_echoes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.localtime", __import__("time").gmtime)
    echo = Failure(replica="worker-0", kind="exception", time=NOON, ename="RuntimeError", evalue="peer", secondary=True)
    outcome = Outcome(phase=Phase.FAILED, ended=NOON + 9, failure=BOOM, others=(echo,), attempts=2)
    job = replace(summary("jax-aaaaa", Phase.FAILED, notebook="a.ipynb", reason="exit code 1"), outcome=outcome)
    assert shown(present.describe(Chosen(summary=job), now=NOON + 100)) == picture("""
        job        jax-aaaaa
        state      failed
        framework  pytorch
        backend    local
        created    1970-01-12 13:46:40 (1 min ago)
        took       8.0 s
        from       Cell In[7] of a.ipynb
        attempts   2

        REPLICA   STATE   SINCE      REASON
        worker-0  failed  1 min ago  exit code 1
        worker-1  failed  1 min ago  exit code 1

        worker-1 failed first: ValueError: no <such> file
        worker-0 failed because of it: RuntimeError: peer
    """)


def test_describe_names_no_replica_for_what_is_no_replicas_failure() -> None:
    late = Failure(replica="", kind="timeout", time=NOON, ename="DeadlineExceeded", evalue="it ran longer than 1 s")
    job = replace(summary("jax-aaaaa", Phase.FAILED), outcome=Outcome(phase=Phase.FAILED, ended=NOON + 9, failure=late))
    text = shown(present.describe(Chosen(summary=job), now=NOON + 100))
    assert text.endswith("\nfailed: DeadlineExceeded: it ran longer than 1 s")


def test_describe_tells_the_words_of_a_long_error_once() -> None:
    words = "[../gloo/transport/tcp/pair.cc:598] Connection closed by peer [10.0.0.1]:35011"
    far_away = "its node gave no answer for longer than anybody cares to wait for one"
    first = replace(BOOM, evalue="no such column: " + "x" * LONG)
    echo = replace(BOOM, replica="worker-0", ename="RuntimeError", evalue=words, secondary=True)
    job = summary("jax-aaaaa", Phase.FAILED, replicas=("worker-0", "worker-1", "worker-2"))
    reasons = (f"RuntimeError: {words}", f"ValueError: {first.evalue}", far_away)
    statuses = tuple(replace(r, reason=reason) for r, reason in zip(job.replicas, reasons, strict=True))
    outcome = Outcome(phase=Phase.FAILED, ended=NOON + 9, failure=first, others=(echo,))
    text = shown(present.describe(Chosen(summary=replace(job, replicas=statuses, outcome=outcome)), now=NOON))
    assert [text.count(one) for one in (words, first.evalue, far_away)] == [1, 1, 1]
    assert re.search(r"worker-0  failed  .*  RuntimeError\nworker-1  failed  .*  ValueError\nworker-2  ", text)
    assert text.endswith(
        f"failed first: ValueError: {first.evalue}\nworker-0 failed because of it: RuntimeError: {words}"
    )


def test_describe_says_what_to_do_next() -> None:
    outcome = Outcome(phase=Phase.FAILED, ended=NOON + 9, failure=BOOM, hint="install it")
    job = replace(summary("jax-aaaaa", Phase.FAILED), outcome=outcome)
    assert shown(present.describe(Chosen(summary=job), now=NOON)).endswith("file\n\ninstall it")


def test_describe_has_no_column_of_reasons_where_there_are_none() -> None:
    assert "REASON" not in shown(present.describe(Chosen(summary=summary("jax-aaaaa")), now=NOON))


LOG = Log(
    job="jax-aaaaa",
    replicas=("worker-0", "master-10"),
    lines=(*lines("a\x1b[31mb").lines, *lines("c", replica="master-10").lines),
)


def test_lines_bear_the_name_of_their_replica_in_one_width() -> None:
    assert list(present.log(LOG)) == ["worker-0  | a\x1b[31mb\x1b[0m", "master-10 | c"]


def test_lines_of_one_replica_are_its_own_to_the_last_character() -> None:
    assert list(present.log(replace(LOG, replica="worker-0", lines=LOG.lines[:1]))) == ["a\x1b[31mb"]


def test_lines_may_begin_with_their_time() -> None:
    first = next(present.log(LOG, timestamps=True))
    assert first.startswith("2026-01-01T00:00:00.000000000Z worker-0  | a")


NOTES = [
    (LOG, ""),
    (replace(LOG, note="jax-aaaaa (the newest job)"), "jax-aaaaa (the newest job)"),
    (replace(LOG, running=True), "jax-aaaaa goes on: ciao logs jax-aaaaa --follow"),
    (replace(LOG, lines=()), "jax-aaaaa has written nothing"),
    (
        replace(LOG, lines=(), running=True, replica="worker-0"),
        "worker-0 has written nothing yet\njax-aaaaa goes on: ciao logs jax-aaaaa --follow",
    ),
]


@pytest.mark.parametrize(("found", "note"), NOTES)
def test_beside_a_log_stands_what_its_lines_do_not_say(found: Log, note: str) -> None:
    assert present.log_note(found, prefix="ciao") == note


def test_a_long_log_is_cut_in_a_cell_to_its_last_lines() -> None:
    kept = present.cut([str(i) for i in range(5000)], way_out="see there")
    assert kept[:2] == ["... 3,000 earlier lines not shown: see there", "3000"]
    assert kept[-1] == "4999"


def test_a_log_of_long_lines_is_cut_by_its_size() -> None:
    kept = present.cut(["x" * 300_000] * 3, way_out="see there")
    assert [len(line) for line in kept[1:]] == [300_000]


def test_lines_that_were_not_brought_count_as_left_out() -> None:
    assert present.cut(["a"], way_out="see there", earlier=1) == ["... 1 earlier line not shown: see there", "a"]


def test_a_short_log_is_not_cut() -> None:
    assert present.cut(["a", "b"], way_out="") == ["a", "b"]


DONE = [
    (Phase.RUNNING, Phase.CANCELLED, False, "jax-1 is cancelled"),
    (Phase.RUNNING, Phase.SUCCEEDED, False, "jax-1 succeeded before it could be cancelled"),
    (Phase.FAILED, Phase.FAILED, False, "jax-1 has failed already"),
    (Phase.CANCELLED, Phase.CANCELLED, False, "jax-1 has been cancelled already"),
    (Phase.SUCCEEDED, Phase.SUCCEEDED, True, "jax-1 is deleted"),
    (Phase.RUNNING, Phase.CANCELLED, True, "jax-1 was running; cancelled and deleted"),
]


@pytest.mark.parametrize(("before", "phase", "deleted", "words"), DONE)
def test_what_was_ended_is_said_in_a_sentence(
    before: Phase,
    phase: Phase,
    deleted: bool,  # noqa: FBT001  # a table's column
    words: str,
) -> None:
    assert present.ended(Ended(job="jax-1", before=before, phase=phase, deleted=deleted)) == words


def test_a_job_that_runs_has_not_taken_its_time_yet() -> None:
    runs = summary("a", Phase.RUNNING)
    assert "runs for   9.0 s\n" in shown(present.describe(Chosen(summary=runs), now=NOON + 10))


def test_a_file_that_was_run_is_named_once() -> None:
    ran = summary("a", cell="train.py", notebook="/home/me/train.py")
    assert "from       /home/me/train.py\n" in shown(present.describe(Chosen(summary=ran), now=NOON))


def test_config_is_a_table_of_settings() -> None:
    rows = [Row(key="grace", value="5", source="default", doc=""), Row(key="namespace", value="", source="", doc="")]
    assert shown(present.config(rows)) == picture("""
        SETTING    VALUE  FROM
        grace      5      default
        namespace  -
    """)


def test_doctor_says_each_fix_below_its_check_and_sums_up() -> None:
    good = Check(name="network", verdict="ok", words="works")
    bad = Check(name="python", verdict="fail", words="none", fix="Install one")
    assert shown(present.doctor([good, bad, replace(good, verdict="warn")])) == picture("""
              CHECK    RESULT
        ok    network  works
        fail  python   none
                       fix: Install one
        warn  network  works

        1 problem, 1 warning
    """)
    assert shown(present.doctor([good])).endswith("\nAll is well")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (0.9, "just now"),
        (8.5, "8 s ago"),
        (9.8, "10 s ago"),
        (12, "12 s ago"),
        (125, "2 min ago"),
        (7300, "2 h ago"),
        (9e5, "10 d ago"),
    ],
)
def test_times_past_are_told_in_one_unit(seconds: float, words: str) -> None:
    assert present.ago(NOON, now=NOON + seconds) == words
