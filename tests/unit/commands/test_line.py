"""A command line, read: the same in a shell and in a cell."""

from __future__ import annotations

import pytest

from ciao.commands.line import Request, parse, split
from ciao.commands.table import COMMANDS, SYNONYMS
from ciao.errors import CommandError

READ = [
    ("", Request(command="help")),
    ("--help", Request(command="help")),
    ("--version", Request(command="version")),
    ("help logs", Request(command="help", topic="logs")),
    ("help images prune", Request(command="help", topic="images")),
    ("logs -h", Request(command="help", topic="logs")),
    ("jobs --all", Request(command="jobs", all=True)),
    ("jobs -a --json", Request(command="jobs", all=True, json=True)),
    ("logs", Request(command="logs")),
    ("logs jax-1 worker-0", Request(command="logs", job="jax-1", replica="worker-0")),
    ("logs jax-1 --follow worker-0", Request(command="logs", job="jax-1", replica="worker-0", follow=True)),
    ("stacks worker-0", Request(command="stacks", replica="worker-0")),
    ("stacks jax-1 worker-0", Request(command="stacks", job="jax-1", replica="worker-0")),
    ("logs worker-0 -f -t", Request(command="logs", replica="worker-0", follow=True, timestamps=True)),
    ("logs jax-1 --tail 20", Request(command="logs", job="jax-1", tail="20")),
    ("attach", Request(command="attach")),
    ("delete 'jax-1'", Request(command="delete", job="jax-1")),
    ("run 'my file.py'", Request(command="run", file="my file.py")),
    ("run -", Request(command="run", file="-")),
    ("kernel install --prefix=/opt", Request(command="kernel", action="install", prefix="/opt")),
    ("kernel uninstall --sys-prefix", Request(command="kernel", action="uninstall", sys_prefix=True)),
]


@pytest.mark.parametrize(("line", "request_"), READ)
def test_a_line_is_read(line: str, request_: Request) -> None:
    assert parse(split(line)) == request_


IN_A_SHELL = (
    "Commands are jobs, describe, logs, attach, stacks, cancel, delete, plan, run, images, doctor, config, kernel, "
    "gateway, help, version"
)

OF_KERNEL = "Write: ciao kernel install|uninstall [--user] [--sys-prefix] [--prefix DIR]"

REFUSED = [
    ("job", "there is no command 'job'. Did you mean jobs?"),
    ("Describe", "there is no command 'Describe'. Did you mean describe?"),
    ("status", "there is no command 'status'. Did you mean jobs?"),
    ("dry-run", "there is no command 'dry-run'. Did you mean plan?"),
    ("rm", "there is no command 'rm'. Did you mean delete?"),
    ("zzz", f"there is no command 'zzz'. {IN_A_SHELL}"),
    ("jobs --al", "'jobs' has no option '--al'. Did you mean --all?"),
    ("jobs --zzz=1", "'jobs' has no option '--zzz'. Its options are --all, -a, --json"),
    ("attach -f", "'attach' has no option '-f'. It takes none"),
    ("jobs jax-1", "'jobs' has no use for 'jax-1'. Write: ciao jobs [--all] [--json]"),
    ("delete", "'delete' needs a JOB, or --ended. Write: ciao delete [JOB] [--ended] [--yes]"),
    ("run", "'run' needs a FILE. Write: ciao run FILE"),
    ("kernel instal", "'kernel' does not know 'instal'. Did you mean install?"),
    ("kernel install --prefix", f"'kernel': --prefix: expected one argument. {OF_KERNEL}"),
    (
        "logs worker-0 worker-1 --tail 4",
        (
            "'logs' takes one replica, not worker-0 and worker-1. "
            "Write ciao logs worker-0, or ciao logs JOB worker-0; without a replica it is of all"
        ),
    ),
    (
        "stacks jax-1 ps-0 ps-1",
        (
            "'stacks' takes one replica, not ps-0 and ps-1. "
            "Write ciao stacks ps-0, or ciao stacks JOB ps-0; without a replica it is of all"
        ),
    ),
    ("logs jax-1 boss", "'boss' is not a replica's name. They are called worker-0, master-0 ..."),
    ("jobs --json=3", "'jobs': --json: ignored explicit argument '3'. Write: ciao jobs [--all] [--json]"),
]


@pytest.mark.parametrize(("line", "message"), REFUSED)
def test_a_mistake_is_named_with_the_way_out(line: str, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse(split(line))
    assert str(caught.value) == message


IN_A_CELL = (
    "there is no command 'rum'. "
    "Commands are jobs, describe, logs, attach, stacks, cancel, delete, plan, images, doctor, config, help, version"
)

REFUSED_IN_A_CELL = [
    ("run x.py", "'run' is for the command line. In a notebook, run the cell itself"),
    ("kernel install", "'kernel' is for the command line. Type 'ciao kernel' in a shell"),
    ("rum", IN_A_CELL),
    ("submit", IN_A_CELL.replace("rum", "submit")),
    ("delete", "'delete' needs a JOB, or --ended. Write: %ciao delete [JOB] [--ended] [--yes]"),
    ("jobs jax-1", "'jobs' has no use for 'jax-1'. Write: %ciao jobs [--all] [--json]"),
    ("jobs --json=3", "'jobs': --json: ignored explicit argument '3'. Write: %ciao jobs [--all] [--json]"),
    ("logs 'jax", "%ciao logs 'jax: a quotation mark is not closed"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), REFUSED_IN_A_CELL)
def test_a_cell_has_no_commands_of_a_shell(line: str, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse(split(line), in_cell=True)
    assert str(caught.value) == message


@pytest.mark.parametrize(("line", "streams"), [("attach", True), ("logs -f", True), ("logs", False), ("jobs", False)])
def test_attach_and_logs_that_follow_stream(line: str, streams: bool) -> None:  # noqa: FBT001  # a table's column
    assert parse(split(line)).streams is streams


def test_every_synonym_is_of_a_command_and_is_none_itself() -> None:
    names = {command.name for command in COMMANDS}
    assert set(SYNONYMS.values()) <= names
    assert not set(SYNONYMS) & names


def test_every_argument_of_the_table_has_a_field_in_a_request() -> None:
    fields = set(Request.__dataclass_fields__)
    assert {a.field for c in COMMANDS for a in c.arguments if c.name not in ("help", "gateway")} <= fields


def test_a_gateway_reads_its_options_itself() -> None:
    request = parse(split("gateway --port 9000 --self-signed"))
    assert (request.command, request.user) == ("gateway", False)
    assert {name: value for name, value in request.given.items() if value} == {"port": "9000", "self_signed": True}
