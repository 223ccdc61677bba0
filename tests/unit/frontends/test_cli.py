"""The command line in this process, on a backend that plays a script."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ciao.errors import BackendError, CreateRefused
from ciao.frontends import cli
from ciao.model import (
    Attempt,
    Bundle,
    Event,
    Finished,
    Job,
    JobSpec,
    Notice,
    Outcome,
    Packing,
    Phase,
    ReplicaChanged,
    ReplicaState,
    ReplicaStatus,
    Target,
)
from ciao.s2i.base import Tell
from ciao.session import Session
from ciao.settings import Settings
from fakes.backend import NoBundle, Scripted
from fakes.jobs import BOOM, NOON, finished, lines, summary

Said = Callable[..., tuple[int, str, str]]

LOST = Outcome(phase=Phase.LOST, ended=NOON + 9, hint="It is kept: `%ciao logs x`")


@pytest.fixture
def ciao(capsys: pytest.CaptureFixture[str]) -> Said:
    """Run a command line; exit status, standard output, standard error."""

    def run(*words: str, backend: Scripted | None = None, s2i: NoBundle | None = None) -> tuple[int, str, str]:
        backends = {"local": backend or Scripted()}
        session = Session(Settings(home=Path("nowhere")), backends=backends, s2i=s2i or NoBundle())
        status = cli.main(words, session=session)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "train.py"
    path.write_text("%framework=jax\n%worker=2\nprint('hello')\n")
    return str(path)


def one_job(phase: Phase = Phase.SUCCEEDED, **fields: object) -> Scripted:
    return Scripted(summaries=[summary("jax-aaaaa", phase)], **fields)  # type: ignore[arg-type]  # any of its fields


def test_an_answer_goes_to_standard_output(ciao: Said) -> None:
    assert ciao("jobs") == (0, "No jobs on local yet\n", "")


def test_an_error_goes_to_standard_error_with_what_to_do_next(ciao: Said) -> None:
    assert ciao("describe", "x", backend=one_job()) == (
        1, "", "ciao: there is no job 'x' on local\n`ciao jobs` lists them\n",
    )  # fmt: skip


def test_a_line_that_cannot_be_understood_has_a_status_of_its_own(ciao: Said) -> None:
    assert ciao("jbos") == (2, "", "ciao: there is no command 'jbos'\nDid you mean jobs?\n")


def test_a_mistake_in_a_file_is_shown_with_its_name_and_a_caret(
    ciao: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.py"
    path.write_text("%framework=jaxx\n")
    monkeypatch.chdir(tmp_path)
    status, _, said = ciao("run", "x.py")
    assert status == 1
    assert said.startswith("ciao: x.py, line 1: ")
    assert "\n%framework=jaxx\n           ^^^^\n" in said


def test_logs_leave_standard_output_to_the_lines(ciao: Said) -> None:
    status, out, err = ciao("logs", backend=one_job(script=[lines("a"), finished()]))
    assert (status, out, err) == (0, "worker-0 | a\n", "jax-aaaaa (the newest job)\n")


def test_logs_that_have_no_lines_print_none(ciao: Said) -> None:
    assert ciao("logs", "jax-aaaaa", backend=one_job(script=[finished()]))[1] == ""


@pytest.mark.parametrize("name", ["no-such-file.py", "/"])
def test_a_file_that_cannot_be_read_is_named(ciao: Said, name: str) -> None:
    status, _, said = ciao("run", name)
    assert (status, said.startswith(f"ciao: {name} cannot be read: ")) == (2, True)


def test_a_file_that_is_not_text_is_named_with_the_line(ciao: Said, tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"%framework=jax\n'\xff'")
    assert ciao("plan", str(path))[2] == f"ciao: {path}, line 2: not UTF-8 text\nSave the file as UTF-8\n"


def test_a_plan_of_a_file_is_printed(ciao: Said, file: str) -> None:
    assert ciao("plan", file) == (0, "# the code travels by none: it was given\njob: jax-xxxxx\n", "")


def test_run_prints_lines_and_ends_as_the_job_did(ciao: Said, file: str) -> None:
    status, out, err = ciao("run", file, backend=Scripted(script=[lines("a", "b"), finished()]))
    assert (status, out) == (0, "worker-0 | a\nworker-0 | b\n")
    started, ended = err.splitlines()
    assert started.endswith(" on local: 2 replicas")
    assert re.fullmatch(r"jax-\w{5} succeeded in [\d.]+ s", ended)


def test_run_shows_the_failure_and_fails(ciao: Said, file: str) -> None:
    status, _, err = ciao("run", file, backend=Scripted(script=[finished(Phase.FAILED, failure=BOOM)]))
    assert status == 1
    assert err.endswith("ValueError: no <such> file\nraised in worker-1\n")


def test_run_says_what_else_happens(ciao: Said, file: str) -> None:
    waiting = ReplicaStatus(replica="worker-0", state=ReplicaState.WAITING, since=NOON, reason="no image")
    script: list[Event] = [
        Notice(text="`%ciao stacks jax-x` shows where"),
        ReplicaChanged(status=waiting),
        Attempt(number=2, of=3, failure=BOOM),
        finished(),
    ]
    said = ciao("run", file, backend=Scripted(script=script))[2].splitlines()
    assert said[1:-1] == [
        "note: `ciao stacks jax-x` shows where",
        "worker-0 waits: no image",
        "worker-1 failed: ValueError: no <such> file; attempt 2 of 3 begins",
    ]


def test_run_shows_how_far_the_code_is_only_if_that_takes_a_second(
    ciao: Said, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def quick() -> tuple[int, str, str]:
        telling = NoBundle(tells=[Packing(step="pushing the code", done=1, total=2)])
        return ciao("run", file, backend=Scripted(script=[finished()]), s2i=telling)

    assert "push" not in quick()[2]
    for limit in ("SILENT", "LONG"):
        monkeypatch.setattr(f"ciao.frontends.display.packing.{limit}", 0.0)
    assert re.search(r"^packed in \d+\.\d s: pushing the code \(\d+\.\d s, 1 B\)$", quick()[2], re.MULTILINE)


def test_a_job_that_is_refused_is_an_error(ciao: Said, file: str) -> None:
    backend = Scripted(refuses=CreateRefused("too many", hint="Ask for fewer"))
    assert ciao("run", file, backend=backend) == (1, "", "ciao: too many\nAsk for fewer\n")


def test_a_job_in_the_background_is_left_when_it_exists(ciao: Said, tmp_path: Path) -> None:
    class Lasting(Scripted):
        async def watch(self, name: str, *, replica: str | None = None) -> AsyncGenerator[Event, None]:
            await asyncio.sleep(3600)  # the engine's thread, a daemon, never gets there
            yield finished()

    path = tmp_path / "train.py"
    path.write_text("%framework=jax\n%background=true\npass\n")
    status, _, said = ciao("run", str(path), backend=Lasting())
    assert status == 0
    assert " goes on in the background: ciao logs jax-" in said


def interrupts(number: signal.Signals) -> Scripted:
    """A job that never ends; once its line was told, this process gets a signal."""

    class Interrupting(Scripted):
        async def watch(self, name: str, *, replica: str | None = None) -> AsyncGenerator[Event, None]:
            async for event in super().watch(name):
                yield event
                os.kill(os.getpid(), number)

    return Interrupting(endless=True, summaries=[summary("jax-aaaaa", Phase.RUNNING)], script=[lines("a")])


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_job_of_a_run(ciao: Said, file: str, number: signal.Signals, status: int) -> None:
    backend = interrupts(number)
    found = ciao("run", file, backend=backend)
    assert (found[0], backend.calls[-1]) == (status, "cancel")
    assert "is being cancelled; Ctrl-C once more ends this without waiting" in found[2]
    assert re.search(r"\njax-\w{5} is cancelled\n$", found[2])


def test_a_signal_before_there_is_a_job_speaks_of_none(ciao: Said, file: str) -> None:
    class Interrupted(NoBundle):
        async def build(self, spec: JobSpec, job: Job, target: Target, tell: Tell) -> Bundle:
            os.kill(os.getpid(), signal.SIGINT)
            return await super().build(spec, job, target, tell)

    status, _, err = ciao("run", file, backend=Scripted(), s2i=Interrupted(slow=True))
    assert status == 130
    assert "stopping: there is no job yet" in err
    assert "is being cancelled" not in err


def test_ctrl_c_lets_go_of_a_job_that_is_attached(ciao: Said) -> None:
    backend = interrupts(signal.SIGINT)
    status, out, err = ciao("attach", backend=backend)
    assert (status, out) == (130, "worker-0 | a\n")
    assert err.endswith("jax-aaaaa goes on\n")
    assert "cancel" not in backend.calls


def test_attach_fails_as_the_job_did_and_logs_do_not(ciao: Said) -> None:
    backend = one_job(Phase.RUNNING, script=[lines("a"), finished(Phase.FAILED, failure=BOOM)])
    assert ciao("attach", backend=backend)[0] == 1
    assert ciao("logs", "--follow", backend=backend)[:2] == (0, "worker-0 | a\n")


def test_the_beginning_of_a_name_means_the_job_that_runs_but_for_what_cannot_be_undone(ciao: Said) -> None:
    both = [summary("jax-aaaaa"), summary("jax-bbbbb", Phase.RUNNING)]
    backend = Scripted(summaries=both, script=[lines("a"), finished()])
    assert ciao("logs", "jax", "-f", backend=backend) == (
        0, "worker-0 | a\n", "jax-bbbbb\njax-bbbbb on local: 2 replicas\n",
    )  # fmt: skip
    assert "jax-bbbbb" in ciao("logs", "jax", backend=backend)[2]
    assert "2 jobs begin with 'jax'" in ciao("delete", "jax", backend=backend)[2]


def test_logs_that_follow_show_one_replica_with_times_if_asked(ciao: Said) -> None:
    backend = one_job(script=[lines("a"), lines("b", replica="worker-1"), finished()])
    out = ciao("logs", "jax-aaaaa", "worker-1", "-f", "-t", backend=backend)[1]
    assert out == "2026-01-01T00:00:00.000000000Z b\n"


def test_a_job_that_was_cancelled_elsewhere_is_told_apart(ciao: Said) -> None:
    assert ciao("attach", "jax", backend=one_job(script=[finished(Phase.CANCELLED)]))[0] == 143


def test_what_is_to_be_typed_next_is_said_as_a_shell_takes_it(ciao: Said) -> None:
    class Over(Scripted):
        async def jobs(self) -> list[object]:  # type: ignore[override]  # it returns nothing
            raise BackendError("it is over", hint="`%ciao logs x` shows its lines")

    assert ciao("jobs", backend=Over())[2] == "ciao: it is over\n`ciao logs x` shows its lines\n"
    lost = Finished(outcome=LOST)
    assert ciao("attach", backend=one_job(Phase.RUNNING, script=[lost]))[2].endswith("\nIt is kept: `ciao logs x`\n")
    assert "See it with ciao jobs" in ciao("help", "background")[1]


def test_the_hint_of_a_job_is_said_as_a_shell_takes_it(ciao: Said) -> None:
    lost = replace(summary("jax-aaaaa", Phase.LOST), outcome=LOST)
    assert "`ciao logs x`" in ciao("describe", backend=Scripted(summaries=[lost]))[1]


def test_a_file_names_the_places_of_its_job(ciao: Said, file: str) -> None:
    class Kept(Scripted):
        async def create(self, spec: JobSpec, job: Job, bundle: Bundle) -> None:
            labels.append(job.cell)
            await super().create(spec, job, bundle)

    labels: list[str] = []
    ciao("run", file, backend=Kept(script=[finished()]))
    assert labels == ["train.py"]


def test_a_fault_of_ours_is_said_in_one_line(ciao: Said) -> None:
    class Faulty(Scripted):
        async def jobs(self) -> list[object]:  # type: ignore[override]  # it returns nothing
            raise TypeError("oops")

    status, _, said = ciao("jobs", backend=Faulty())
    assert status == 1
    assert said.startswith("ciao: internal error: TypeError: oops\n")


def test_what_an_error_quotes_of_strangers_moves_no_terminal(ciao: Said) -> None:
    class Evil(Scripted):
        async def jobs(self) -> list[object]:  # type: ignore[override]  # it returns nothing
            raise BackendError("a label: \x1b]0;evil\x07", hint="\x1b[2J")

    status, _, said = ciao("jobs", backend=Evil())
    assert (status, "\x1b" in said, "\x07" in said) == (1, False, False)


def test_help_and_version_come_even_if_the_settings_are_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CIAO_GRACE", "soon")
    assert [cli.main(["version"]), cli.main([]), cli.main(["jobs"])] == [0, 0, 1]
    assert capsys.readouterr().err == "ciao: CIAO_GRACE is 'soon', but must be a number of seconds, 0 or more\n"


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A Python's environment, and a Jupyter that looks there alone, without the kernel."""
    environment = tmp_path / "environment"
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr("sys.prefix", str(environment))
    monkeypatch.setattr("jupyter_core.paths.ENV_JUPYTER_PATH", [str(environment / "share" / "jupyter")])
    return environment / "share" / "jupyter" / "kernels" / "ciao"


def test_the_kernel_is_installed_and_removed_where_it_is_asked_for(ciao: Said, nowhere: Path, tmp_path: Path) -> None:
    where = tmp_path / "share" / "jupyter" / "kernels" / "ciao"
    assert ciao("kernel", "install", "--prefix", str(tmp_path)) == (0, f"The kernel is installed in {where}\n", "")
    assert (where / "kernel.json").is_file()
    assert ciao("kernel", "uninstall", "--prefix", str(tmp_path)) == (0, f"{where} is removed\n", "")
    again = ciao("kernel", "uninstall", "--prefix", str(tmp_path))
    assert again == (1, "", f"ciao: there is no kernel in {where}\nJupyter finds none elsewhere\n")


def test_the_kernel_that_came_with_the_package_is_named(ciao: Said, nowhere: Path, tmp_path: Path) -> None:
    ciao("kernel", "install", "--sys-prefix")
    came = f"The environment of this Python has it already, in {nowhere}: its own Jupyter needs no other\n"
    assert ciao("kernel", "install", "--prefix", str(tmp_path))[1].endswith(came)
    remains = f"Jupyter still finds one in {nowhere}; 'pip uninstall ciao-kernel' or --sys-prefix removes it\n"
    assert ciao("kernel", "uninstall", "--prefix", str(tmp_path))[1].endswith(f" is removed\n{remains}")
    assert ciao("kernel", "uninstall", "--prefix", str(tmp_path))[2].endswith(f"\n{remains}")
    assert "already" not in ciao("kernel", "install", "--sys-prefix")[1]


def test_what_jupyter_starts_is_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("ciao.frontends.kernel.main", started.append)
    assert cli.main(["kernel", "--debug", "-f", "x.json"]) == 0
    assert started == [["--debug", "-f", "x.json"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("reinstall",), "'kernel' does not know 'reinstall'\nDid you mean install?\n"),
        (("zzz",), "'kernel' does not know 'zzz'\nWrite: ciao kernel install|uninstall"),
        (("--debug",), "'kernel' has no option '--debug'\n"),
    ],
)
def test_no_other_word_starts_a_kernel(
    ciao: Said, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr("ciao.frontends.kernel.main", lambda _: pytest.fail("a kernel was started"))
    status, _, err = ciao("kernel", *words)
    assert (status, err[: len(said) + 6]) == (2, f"ciao: {said}")


def test_cancel_without_a_name_says_which_job_it_was(ciao: Said) -> None:
    backend = one_job(Phase.RUNNING, calls=["create"])
    assert ciao("cancel", backend=backend) == (0, "jax-aaaaa is cancelled\n", "jax-aaaaa (the only job that runs)\n")


def test_attach_without_a_running_job_shows_the_newest(ciao: Said) -> None:
    status, out, err = ciao("attach", backend=one_job(script=[lines("a"), finished()]))
    assert (status, out, err.splitlines()[0]) == (0, "worker-0 | a\n", "jax-aaaaa (the newest job; none runs)")


def test_doctor_names_broken_settings_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text("grase: 3")
    monkeypatch.setenv("CIAO_HOME", str(tmp_path))
    assert cli.main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "fail  settings" in said
    assert "fix: Did you mean grace?" in said
    assert "ok    network" in said


def test_a_notebook_is_no_file_to_run_and_what_runs_one_is_said(ciao: Said, tmp_path: Path) -> None:
    path = tmp_path / "book.ipynb"
    path.write_text("{}")
    said = f"ciao: {path} is a notebook, and 'run' takes the text of one cell\n"
    status, _, err = ciao("run", str(path))
    assert (status, err[: len(said)]) == (2, said)
    assert f"jupyter nbconvert --to notebook --execute {path}" in err


def test_a_reason_for_which_many_replicas_wait_is_said_once(ciao: Said) -> None:
    waits = [
        ReplicaChanged(
            status=ReplicaStatus(replica=f"worker-{i}", state=ReplicaState.WAITING, since=NOON, reason="no room")
        )
        for i in range(3)
    ]
    _, _, err = ciao("attach", backend=one_job(script=[*waits, finished()]))
    assert err.count("no room") == 1


def test_a_followed_log_is_chosen_by_expression_and_number(ciao: Said) -> None:
    backend = one_job(script=[lines("loss 3", "up", "loss 2", "loss 1"), finished()])
    assert (
        ciao("logs", "jax-aaaaa", "worker-0", "-f", "--grep", "loss", "--tail", "2", backend=backend)[1]
        == "loss 2\nloss 1\n"
    )
    assert ciao("logs", "--since", "soon")[0] == 2
