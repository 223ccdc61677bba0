"""The runner's two programs, started as they are in a replica, on every Python that they support."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import ciao.runner

VERSIONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
PATIENCE = 30.0  # seconds until a condition that holds at once on an idle machine is given up


def _interpreter(version: str) -> str | None:
    """A real interpreter, not one of pyenv's shims, which take as long to start as the test."""
    found = [Path(p) / f"python{version}" for p in os.get_exec_path()]
    found = [p for p in found if os.access(p, os.X_OK)]
    roots = [p.parent.parent for p in found if p.parent.name == "shims"] + [Path.home() / ".pyenv"]
    managed = [p for root in roots for p in sorted(root.glob(f"versions/{version}.*/bin/python"))]
    return next((str(p) for p in [*managed, *found] if p.parent.name != "shims"), None)


@pytest.fixture(scope="session", params=VERSIONS)
def python(request: pytest.FixtureRequest) -> str:
    """The interpreter under test; CIAO_TEST_NO_SKIP=1 makes a missing one a failure."""
    path = _interpreter(request.param)
    if path is None:
        missing = pytest.fail if os.environ.get("CIAO_TEST_NO_SKIP") == "1" else pytest.skip
        missing(f"no Python {request.param} on this machine")
    return path


@pytest.fixture(scope="session")
def code_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the runner, as a replica has it."""
    folder = tmp_path_factory.mktemp("code")
    source = Path(ciao.runner.__file__).parent
    shutil.copytree(source, folder / "ciao_runner", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A replica's program after its end. ``code`` is negative for a signal."""

    code: int
    out: bytes
    err: str
    records: list[dict[str, Any]]

    @property
    def error(self) -> dict[str, Any]:
        (error,) = (r["error"] for r in self.records if r["type"] == "error")
        return error  # type: ignore[no-any-return]  # JSON


@dataclass(frozen=True, kw_only=True)
class Program:
    """One of the runner's parts as a running process, with everything it writes in files."""

    process: subprocess.Popen[bytes]
    folder: Path

    def says(self, text: str) -> None:
        """Wait until it has written this."""
        self.until(lambda: text.encode() in (self.folder / "out").read_bytes() + (self.folder / "err").read_bytes())

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, (self.folder / "err").read_text()
            assert self.process.poll() is None or condition(), (self.folder / "err").read_text()
            time.sleep(0.005)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> Ended:
        code = self.process.wait(PATIENCE)
        records = (self.folder / "records").read_bytes()
        assert records.isascii()
        return Ended(
            code=code,
            out=(self.folder / "out").read_bytes(),
            err=(self.folder / "err").read_text(),
            records=[json.loads(line) for line in records.splitlines()],
        )


Start = Callable[..., Program]


@pytest.fixture
def start(python: str, code_folder: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts ``cell`` (or ``init``) with this code; what it leaves behind is killed."""
    started = []

    def start(
        code: str | bytes,
        part: str = "cell",
        *,
        argv: tuple[str, ...] = (),
        program: tuple[str, ...] = (),
        cwd: Path = tmp_path,
        **env: str,
    ) -> Program:
        cell = tmp_path / "cell_7.py"
        cell.write_bytes(code if isinstance(code, bytes) else code.encode())
        argv = argv or (python, str(code_folder / "ciao_runner" / "__main__.py"))
        with (
            (tmp_path / "out").open("wb") as out,
            (tmp_path / "err").open("wb") as err,
            (tmp_path / "records").open("wb") as records,
        ):
            channel = {"CIAO_RECORD_FD": str(records.fileno())} if part == "cell" else {}
            process = subprocess.Popen(
                [*argv, part, str(cell), *program],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=cwd,
                env={**os.environ, **channel, **env},
                pass_fds=(records.fileno(),),
                start_new_session=True,
            )
        started.append(process)
        return Program(process=process, folder=tmp_path)

    yield start
    for process in started:
        process.terminate()  # init takes the cell, which has a group of its own, with it
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def run(start: Start) -> Callable[..., Ended]:
    """Starts a part and waits for its end."""
    return lambda *args, **keywords: start(*args, **keywords).end()
