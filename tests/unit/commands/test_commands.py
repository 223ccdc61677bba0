"""Each command returns a value."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ciao.commands.config import config, page, strangers
from ciao.commands.end import Ended, cancel, delete
from ciao.commands.follow import Following, following
from ciao.commands.help import help_text
from ciao.commands.jobs import SHOWN, jobs
from ciao.commands.line import Request
from ciao.commands.logs import logs
from ciao.commands.plan import plan
from ciao.commands.stacks import stacks
from ciao.commands.table import COMMANDS
from ciao.commands.wanted import Wanted
from ciao.errors import BackendUnavailable, CommandError, CreateRefused, JobNotFound, OptionError
from ciao.model import Cell, Line, Lines, Phase, Standing
from ciao.session import Session
from ciao.settings import Settings, load
from fakes.backend import Scripted
from fakes.jobs import finished, lines, summary

NOWHERE = Settings(home=Path("nowhere"))


def on(phase: Phase = Phase.SUCCEEDED, **script: object) -> Scripted:
    return Scripted(summaries=[summary("jax-aaaaa", phase)], **script)  # type: ignore[arg-type]  # any of its fields


def texts(found: tuple[Line, ...]) -> list[str]:
    return [line.text for line in found]


async def test_ended_jobs_are_listed_up_to_a_number_and_running_ones_always() -> None:
    ended = [summary(f"e-{i:02d}") for i in range(SHOWN + 2)]
    backend = Scripted(summaries=[*ended, summary("old-but-running", Phase.RUNNING)])
    found = await jobs(backend)
    assert (len(found.summaries), found.older) == (SHOWN + 1, 2)
    assert found.summaries[-1].job.name == "old-but-running"
    assert len((await jobs(backend, every=True)).summaries) == SHOWN + 3


async def test_logs_of_all_replicas_come_in_the_order_of_time() -> None:
    script = [lines("a", "c"), lines("b", "d", replica="worker-1"), lines("e", second=2), finished()]
    found = await logs(on(script=script))
    assert texts(found.lines) == ["a", "b", "c", "d", "e"]
    assert (found.note, found.running) == ("jax-aaaaa (the newest job)", False)


async def test_logs_of_one_replica_are_its_own() -> None:
    script = [lines("a"), lines("b", replica="worker-1"), finished()]
    assert texts((await logs(on(script=script), "jax", wanted=Wanted(replica="worker-1"))).lines) == ["b"]


async def test_stacks_are_of_the_job_that_runs_or_of_one_replica_of_it() -> None:
    stand = [Standing(replica="worker-0"), Standing(replica="worker-1")]
    found = await stacks(on(Phase.RUNNING, stand=stand))
    assert (found.job, found.cell, found.note) == ("jax-aaaaa", "Cell In[7]", "jax-aaaaa (the only job that runs)")
    assert [one.replica for one in found.standings] == ["worker-0", "worker-1"]
    one = await stacks(on(Phase.RUNNING, stand=stand), "jax", replica="worker-1")
    assert ([s.replica for s in one.standings], one.note) == (["worker-1"], "")
    with pytest.raises(JobNotFound, match="jax-aaaaa has no replica 'worker-9'"):
        await stacks(on(Phase.RUNNING), "jax", replica="worker-9")


async def test_logs_of_a_running_job_are_the_lines_so_far() -> None:
    found = await logs(on(Phase.RUNNING, script=[lines("a")], endless=True))
    assert (texts(found.lines), found.running) == (["a"], True)


async def test_logs_of_a_running_job_end_with_what_was_written_after_the_question() -> None:
    late = Line("worker-0", "2999-01-01T00:00:00.000000000Z", "late")
    script = [lines("a"), Lines(lines=(late,)), lines("never")]
    assert texts((await logs(on(Phase.RUNNING, script=script, endless=True))).lines) == ["a", "late"]


async def test_a_replica_that_the_job_does_not_have_is_an_error() -> None:
    with pytest.raises(JobNotFound, match=r"jax-aaaaa has no replica 'worker-7'\. It has worker-0, worker-1"):
        await logs(on(), wanted=Wanted(replica="worker-7"))


async def test_cancel_ends_the_only_running_job() -> None:
    backend = on(Phase.RUNNING, calls=["create"])
    note = "jax-aaaaa (the only job that runs)"
    assert await cancel(backend) == Ended(job="jax-aaaaa", before=Phase.RUNNING, phase=Phase.CANCELLED, note=note)
    assert backend.calls[-1] == "cancel"


async def test_cancel_leaves_a_job_that_ended_as_it_is() -> None:
    backend = on(Phase.FAILED)
    assert await cancel(backend, "jax") == Ended(job="jax-aaaaa", before=Phase.FAILED, phase=Phase.FAILED)
    assert backend.calls == []


async def test_delete_removes_the_job_that_is_named() -> None:
    backend = on()
    assert (await delete(backend, "jax-aaaaa")).deleted
    assert backend.calls == ["delete"]


async def test_attach_follows_the_only_running_job_and_logs_the_newest() -> None:
    backend = Scripted(summaries=[summary("new"), summary("runs", Phase.RUNNING)])
    attached = await following(backend, Request(command="attach"))
    assert attached == Following(job="runs", note="runs (the only job that runs)")
    followed = await following(backend, Request(command="logs", replica="worker-1", timestamps=True, follow=True))
    wanted = Wanted(replica="worker-1")
    assert followed == Following(job="new", wanted=wanted, timestamps=True, note="new (the newest job)")


async def test_a_plan_is_what_would_be_created_and_creates_nothing() -> None:
    backend = Scripted()
    session = Session(NOWHERE, backends={"local": backend})
    planned = await plan(Cell(text="%framework=jax\n%name=mnist\npass"), session)
    assert planned.yaml == "job: mnist-xxxxx\n"
    assert backend.calls == []


async def test_a_plan_names_what_is_wrong_with_the_cell_or_the_job() -> None:
    with pytest.raises(OptionError, match="line 1"):
        await plan(Cell(text="%framework=jaxx\npass"), Session(NOWHERE, backends={"local": Scripted()}))
    refusing = Scripted(refuses=CreateRefused("not here"))
    with pytest.raises(CreateRefused, match="not here"):
        await plan(Cell(text="%framework=jax\npass"), Session(NOWHERE, backends={"local": refusing}))


async def test_a_plan_for_a_cluster_that_cannot_be_asked_is_made_and_says_so() -> None:
    away = Scripted(name="kubeflow", refuses=BackendUnavailable("the cluster ctx gave no answer in time"))
    settings = Settings(home=NOWHERE.home, images={"pytorch": "torch:1"}, namespace="team")
    planned = await plan(
        Cell(text="%framework=pytorch\n%worker=2\npass"), Session(settings, backends={"kubeflow": away})
    )
    assert [document["kind"] for document in yaml.safe_load_all(planned.yaml)] == ["ConfigMap", "PyTorchJob"]
    assert planned.notices[0].text == (
        "the cluster was not asked: the cluster ctx gave no answer in time. This is for one that serves every kind"
    )


def test_config_shows_each_value_where_it_comes_from_and_no_secret() -> None:
    rows = {
        r.key: r
        for r in config(load({"CIAO_GRACE": "9", "CIAO_S2I_PASSWORD": "hush", "CIAO_HOME": "/h"}, system=NOWHERE.home))
    }
    assert (rows["grace"].value, rows["grace"].source) == ("9", "CIAO_GRACE")
    assert (rows["keep.days"].value, rows["keep.days"].source) == ("14", "default")
    assert (rows["s2i.password"].value, rows["namespace"].source) == ("(set)", "")
    assert "hush" not in repr(rows)


def test_a_variable_that_is_nearly_ours_is_pointed_out() -> None:
    environ = {"CIAO_GRASE": "1", "CIAO_HOME": "/h", "CIAO_NOTEBOOK_DIR": "/n", "PATH": ""}
    assert strangers(environ) == ("CIAO_GRASE: Did you mean CIAO_GRACE?",)


@pytest.mark.parametrize("command", [c.name for c in COMMANDS])
def test_help_explains_every_command_and_each_of_its_words(command: str) -> None:
    text = help_text(command)
    assert text.startswith(f"ciao {command}")
    arguments = next(c.arguments for c in COMMANDS if c.name == command)
    assert all(a.doc in text for a in arguments)


def test_help_in_a_cell_offers_what_works_in_a_cell() -> None:
    text = help_text(in_cell=True)
    assert "%ciao jobs" in text
    assert "%ciao run" not in text


@pytest.mark.parametrize(
    "asked", ["worker", "%worker=2", "nvidia.com/gpu", "env", "secret.A", "worker.image", "python"]
)
def test_help_explains_the_options_of_a_cell(asked: str) -> None:
    assert help_text(asked).startswith("%")


def test_help_lists_the_options_of_a_cell() -> None:
    assert "%volume=VOLUME" in help_text("options")
    assert "help options" in help_text()


def test_help_of_an_unknown_command_names_the_nearest() -> None:
    with pytest.raises(CommandError, match="Did you mean logs"):
        help_text("log")


@pytest.mark.parametrize("asked", ["s2i.pullsecrets", "CIAO_S2I_PULLSECRETS"])
def test_help_explains_a_setting_by_its_key_and_by_its_variable(asked: str) -> None:
    assert help_text(asked).startswith("s2i.pullSecrets, a setting\n\nThe Secrets with which nodes pull")
    assert "config.yaml as s2i.pullSecrets, or as CIAO_S2I_PULLSECRETS." in help_text(asked)


@pytest.mark.parametrize(
    ("asked", "hint"), [("prune", "Try 'ciao help images'"), ("registry", "Did you mean s2i.registry?")]
)
def test_help_of_a_part_of_a_name_leads_to_the_whole(asked: str, hint: str) -> None:
    with pytest.raises(CommandError) as caught:
        help_text(asked)
    assert caught.value.hint == hint


def test_help_in_a_cell_says_what_a_cell_takes() -> None:
    with pytest.raises(CommandError, match="Try '%ciao help'"):
        help_text("zzzzzz", in_cell=True)
    assert help_text("s2i.registry", in_cell=True).endswith("'%ciao config' shows all settings.")


def test_the_page_of_settings_is_what_the_table_says() -> None:
    file = Path(__file__).parents[3] / "docs" / "settings.md"
    assert file.read_text("utf-8") == page(), "run `make docs`"
