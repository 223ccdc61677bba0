"""The frontend is answered while a job runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.kernel import PATIENCE, Kernel, Ran


@pytest.fixture
def busy(kernel: Kernel) -> Iterator[tuple[str, Ran]]:
    """A job that runs until it is interrupted."""
    code = "import time\nfor i in range(3000):\n    print('line', i)\n    time.sleep(0.2)"
    request, ran = kernel.start(f"%framework=pytorch\n{code}", until="line 0")
    yield request, ran
    kernel.interrupt()
    assert kernel.wait(request, ran).error[0] == "KeyboardInterrupt"
    kernel.watch(request, ran, lambda ran: ran.status.startswith("cancelled"))


def test_completion(kernel: Kernel, busy: object) -> None:
    assert kernel.answer(kernel.client.complete("%framework=py"))["matches"] == ["pytorch"]
    assert "import" in kernel.answer(kernel.client.complete("impo"))["matches"]


def test_inspection(kernel: Kernel, busy: object) -> None:
    assert kernel.answer(kernel.client.inspect("print"))["found"]


def test_is_complete(kernel: Kernel, busy: object) -> None:
    assert kernel.answer(kernel.client.is_complete("for i in x:"))["status"] == "incomplete"


def test_history_and_kernel_info(kernel: Kernel, busy: object) -> None:
    tail = kernel.answer(kernel.client.history(hist_access_type="tail", n=1))["history"]
    assert "%framework=pytorch" in tail[0][2]
    assert kernel.answer(kernel.client.kernel_info())["implementation"] == "ciao"


def test_the_kernel_stays_busy_and_the_output_stays_in_its_cell(kernel: Kernel, busy: tuple[str, Ran]) -> None:
    questions = [kernel.client.complete("%fra") for _ in range(20)]
    for question in questions:
        kernel.answer(question)
    states: list[str] = []
    parents = set()
    while states.count("idle") < len(questions) or states[-1] == "idle":
        message = kernel.client.get_iopub_msg(timeout=PATIENCE)
        if message["msg_type"] == "status":
            states.append(message["content"]["execution_state"])
        else:
            parents.add(message["parent_header"]["msg_id"])
    assert states.count("idle") == len(questions)  # each question has its own
    assert states[-1] == "busy"  # what JupyterLab shows
    assert parents <= {busy[0]}


@pytest.fixture
def waits(tmp_path: Path) -> str:
    """A job that waits for a file."""
    return f"%framework=pytorch\nimport os, time\nwhile not os.path.exists('{tmp_path}/go'): time.sleep(0.02)\n"


def test_a_second_cell_waits_its_turn(kernel: Kernel, waits: str, tmp_path: Path) -> None:
    job = kernel.client.execute(f"{waits}print('first')")
    cell = kernel.client.execute("'second'")
    (tmp_path / "go").touch()
    assert "first" in kernel.wait(job).stdout
    assert kernel.answer(cell)["status"] == "ok"
    kernel.silent()


def test_a_subshell_runs_a_job_beside_the_notebook(kernel: Kernel, waits: str, tmp_path: Path) -> None:
    client = kernel.client
    client.control_channel.send(client.session.msg("create_subshell_request", {}))
    subshell = client.get_control_msg(timeout=30)["content"]["subshell_id"]
    content = {"code": f"{waits}print('beside')", "silent": False}
    message = client.session.msg("execute_request", content)
    message["header"]["subshell_id"] = subshell
    client.shell_channel.send(message)
    assert kernel.run("6 * 7").results == ["42"]
    (tmp_path / "go").touch()
    assert "beside" in kernel.wait(message["header"]["msg_id"]).stdout
