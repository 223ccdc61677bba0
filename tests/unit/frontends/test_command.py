"""``%ciao ...`` in a cell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ciao import interpreter
from ciao.commands.line import Request
from ciao.errors import CellError, CiaoError, CommandError, JobNotFound
from ciao.frontends import command
from ciao.frontends.command import Ask, answer, answered, completions, is_streaming
from ciao.model import Cell, Event, Finished, Phase
from ciao.session import Session
from ciao.settings import Settings
from fakes.backend import NoBundle, Scripted
from fakes.jobs import finished, lines, summary


def session(backend: Scripted | None = None) -> Session:
    known = backend or Scripted(summaries=[summary("jax-aaaaa")], script=[lines("a", "b"), finished()])
    return Session(Settings(home=Path("nowhere")), backends={"local": known})


def test_an_answer_has_text_and_html() -> None:
    found = answer("jobs", session())
    assert "jax-aaaaa  succeeded" in found.text
    assert found.html is not None
    assert ">jax-aaaaa</td>" in found.html


def test_jobs_and_describe_answer_programs_in_json() -> None:
    assert [s["job"]["name"] for s in json.loads(answer("jobs --json", session()).text)] == ["jax-aaaaa"]
    found = answer("describe jax --json", session())
    assert (json.loads(found.text)["phase"], found.html) == ("succeeded", None)


def test_logs_in_a_cell_are_text_with_coloured_names_and_say_which_job() -> None:
    found = answer("logs", session())
    assert found.html is None
    assert found.text.splitlines()[0].endswith("worker-0 | \x1b[0ma")
    assert found.text.endswith("\njax-aaaaa (the newest job; this kernel has none)")


def test_a_plan_is_of_the_cell_below_and_keeps_its_line_numbers() -> None:
    text = answer("plan", session(), body="%framework=jax\npass").text
    assert text == "# the code goes into a folder: the job runs on this machine\njob: jax-xxxxx"
    with pytest.raises(CiaoError, match="line 3"):
        answer("plan", session(), body="%framework=jax\n%wroker=2\npass")


def test_a_plan_of_an_ordinary_cell_points_at_its_first_line_of_code() -> None:
    with pytest.raises(CellError, match="no magic lines of a job") as caught:
        answer("plan", session(), body="# a cell\nif x:\n    print(1)")
    assert (caught.value.line, caught.value.picture()) == (3, "if x:\n^^^^^")


REFUSED = [
    ("plan", "'plan' needs a cell. Write %%ciao plan above the cell's magic lines"),
    ("attach jax", "'%ciao attach jax' must stand alone in its cell. Move it to a cell of its own"),
    ("frob", "there is no command 'frob'"),
]


@pytest.mark.parametrize(("line", "message"), REFUSED)
def test_what_cannot_be_answered_is_an_error(line: str, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        answer(line, session())
    assert str(caught.value).startswith(message)


def test_an_error_of_the_backend_comes_as_it_is() -> None:
    with pytest.raises(JobNotFound, match="there is no job 'nope'"):
        answer("describe nope", session())


@pytest.mark.parametrize("line", ["", "help", "help logs", "version", "config", "delete jax", "cancel jax", "describe"])
def test_every_other_command_is_answered(line: str) -> None:
    assert answer(line, session()).text


@pytest.mark.parametrize(("in_cell", "fix"), [(True, "fix: %ciao delete jax-aaaaa"), (False, "fix: ciao delete jax-")])
def test_a_fix_is_said_as_it_is_typed_where_it_is_asked_for(tmp_path: Path, in_cell: bool, fix: str) -> None:  # noqa: FBT001  # a table's column
    lost = Scripted(summaries=[summary("jax-aaaaa", Phase.LOST)])
    here = Session(Settings(home=tmp_path), backends={"local": lost})
    assert fix in answered(Ask(request=Request(command="doctor"), session=here, in_cell=in_cell)).text


def test_doctor_says_with_its_status_that_something_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    broken = Session(Settings(home=tmp_path / "file"), backends={"local": Scripted()})
    found = answer("doctor", broken)
    assert found.status == 1
    assert "fail  home" in found.text


@pytest.mark.parametrize(("line", "streams"), [("attach", True), ("logs -f", True), ("logs", False), ("'", False)])
def test_it_is_known_which_lines_stream(line: str, streams: bool) -> None:  # noqa: FBT001  # a table's column
    assert is_streaming(line) is streams


def test_jobs_are_completed_up_to_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PATIENCE", 30)
    running = Scripted(summaries=[summary("jax-aaaaa", Phase.RUNNING)])
    assert completions("cancel ja and more", 9, session(running)) == (7, ("jax-aaaaa",))


def test_completion_goes_on_without_a_backend() -> None:
    class Broken(Scripted):
        async def jobs(self) -> list[object]:  # type: ignore[override]  # it returns nothing
            raise CiaoError("no")

    assert completions("cancel ", 7, session(Broken())).words == ()


def test_a_cell_cancels_what_its_session_started_and_nothing_else() -> None:
    running = [summary("jax-aaaaa", Phase.RUNNING), summary("jax-bbbbb", Phase.RUNNING)]
    backend = Scripted(summaries=running, calls=["create"])
    asking = session(backend)
    with pytest.raises(JobNotFound, match="no job of this kernel runs"):
        answer("cancel", asking)
    asking.started.append("jax-bbbbb")
    assert answer("cancel", asking).text == "jax-bbbbb is cancelled"


def test_logs_and_describe_in_a_cell_prefer_the_jobs_of_their_session() -> None:
    backend = Scripted(summaries=[summary("jax-aaaaa"), summary("jax-bbbbb")], script=[lines("a"), finished()])
    asking = session(backend)
    asking.started.append("jax-bbbbb")
    assert answer("logs", asking).text.endswith("\njax-bbbbb (the newest job of this kernel)")
    assert "jax-bbbbb (the newest job of this kernel)" in answer("describe", asking).text
    assert answer("describe jax-aaaaa", asking).text.count("jax-aaaaa") == 1


def test_a_session_remembers_the_jobs_that_it_started() -> None:
    asking = Session(Settings(home=Path("nowhere")), backends={"local": Scripted(script=[finished()])}, s2i=NoBundle())
    told: list[Event] = []
    asking.run(
        interpreter.read(Cell(text="%framework=jax\n%name=mine\npass"), settings=asking.settings), told.append
    ).done.result(30)
    [name] = asking.started
    assert name.startswith("mine-")
    assert isinstance(told[-1], Finished)


def test_describe_names_the_folders_that_the_job_has_here(tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "jax-aaaaa"
    (folder / "work" / "model").mkdir(parents=True)
    (folder / "logs").mkdir()
    (folder / "work" / "model" / "weights").touch()
    known = Scripted(summaries=[summary("jax-aaaaa")])
    text = answer("describe", Session(Settings(home=tmp_path), backends={"local": known})).text
    assert f"work       {folder / 'work'} (1 file)\n" in text
    assert f"logs       {folder / 'logs'}\n" in text


def test_describe_names_no_folder_that_is_not_there() -> None:
    assert "logs" not in answer("describe", session()).text


def test_logs_of_a_job_that_is_named_are_its_lines_and_nothing_else() -> None:
    running = Scripted(summaries=[summary("jax-aaaaa", Phase.RUNNING)], script=[lines("a")], endless=True)
    assert answer("logs jax-aaaaa", session(running)).text.endswith("\x1b[0ma")
    silent = Scripted(summaries=[summary("jax-aaaaa", Phase.RUNNING)], endless=True)
    assert answer("logs jax-aaaaa", session(silent)).text.startswith("jax-aaaaa has written nothing yet")


def test_the_tail_of_a_log_is_its_last_lines() -> None:
    assert answer("logs jax-aaaaa --tail 1", session()).text.endswith("\x1b[0mb")
    assert answer("logs jax-aaaaa --tail 1", session()).text.count("\n") == 0
    with pytest.raises(CommandError, match="--tail takes a whole number, 1 or more"):
        answer("logs --tail none", session())


def test_all_jobs_that_ended_are_listed_first_and_deleted_when_that_is_confirmed() -> None:
    backend = Scripted(summaries=[summary("jax-aaaaa"), summary("jax-bbbbb", Phase.RUNNING), summary("jax-ccccc")])
    listed = (
        "2 jobs have ended: jax-aaaaa, jax-ccccc\n%ciao delete --ended --yes deletes them, with their logs and files"
    )
    assert answer("delete --ended", session(backend)).text == listed
    assert backend.calls == []
    assert answer("delete --ended --yes", session(backend)).text == "2 jobs are deleted: jax-aaaaa, jax-ccccc"
    assert backend.calls == ["delete", "delete"]
    many = Scripted(summaries=[summary(f"jax-aaaa{n}") for n in range(6)])
    listed = answer("delete --ended", session(many)).text
    assert listed.startswith("6 jobs have ended:\n    jax-aaaa0\n    jax-aaaa1\n")
    running = Scripted(summaries=[summary("jax-bbbbb", Phase.RUNNING)])
    assert answer("delete --ended --yes", session(running)).text == "No job has ended"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("delete", "'delete' needs a JOB, or --ended"),
        ("delete jax --ended", "'delete' takes a JOB or --ended, not both"),
        ("delete jax --yes", "--yes is for --ended"),
    ],
)
def test_delete_takes_one_job_or_those_that_ended(line: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        answer(line, session())
