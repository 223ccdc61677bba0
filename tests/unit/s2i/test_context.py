"""What goes along with a job is one value for every strategy; what must not is told or refused before."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.model import Cell, JobSpec, Notice, Packing
from ciao.s2i.context import gather
from ciao.settings import Settings
from fakes.asked import spec

SECRET = "c0rrect-" + "horse-battery"


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    folder = tmp_path / "nb"
    folder.mkdir()
    (folder / "data.csv").write_text("a,b\n")
    (folder / "conf.py").write_text(f"\npassword = '{SECRET}'\n")
    return folder / "n.ipynb"


def of(notebook: Path, *include: str, code: str = "print(1)") -> JobSpec:
    made = spec("pytorch", code=code, include=include)
    cell = Cell(text=code, number=7, notebook=str(notebook))
    return JobSpec(**{**vars(made), "cell": cell})


class Told(list[str]):
    def __call__(self, one: Packing | Notice) -> None:
        assert isinstance(one, Notice)
        self.append(one.text)


def settings(tmp_path: Path, scan: str = "warn") -> Settings:
    return Settings(home=tmp_path / "home", s2i_scan=scan)


async def test_cell_runner_and_what_is_included_lie_in_one_folder_in_order(notebook: Path, tmp_path: Path) -> None:
    context = await gather(of(notebook, "data.csv"), settings(tmp_path), print)
    paths = [entry.path for entry in context.entries]
    assert paths == sorted(paths)
    assert context.entry == context.code.path == "cell_7.py"
    assert {"cell_7.py", "ciao_runner/cell.py", "files/data.csv"} <= set(paths)
    assert [entry.source for entry in context.included] == [b"a,b\n"]


async def test_without_a_notebooks_folder_the_one_of_this_process_counts(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(notebook.parent)
    for nowhere in ("", "/not/on/this/machine/n.ipynb"):
        job = of(Path("x"), "data.csv")
        job = JobSpec(**{**vars(job), "cell": Cell(text="", number=7, notebook=nowhere)})
        assert [e.path for e in (await gather(job, settings(tmp_path), print)).included] == ["files/data.csv"]


async def test_a_secret_is_told_by_place_and_kind_and_never_shown(notebook: Path, tmp_path: Path) -> None:
    told = Told()
    code = f"x = 1\nconnect(password='{SECRET}')"
    await gather(of(notebook, "conf.py", code=code), settings(tmp_path), told)
    (text,) = told
    assert text.startswith("what is sent has a password in line 2 of the cell, a password in conf.py:2: everybody who")
    assert SECRET not in text


async def test_a_secret_in_a_variable_is_told_too(notebook: Path, tmp_path: Path) -> None:
    told = Told()
    job = JobSpec(**{**vars(of(notebook)), "env": {"DB_PASSWORD": SECRET, "EPOCHS": "3"}})
    await gather(job, settings(tmp_path), told)
    assert [text.partition(":")[0] for text in told] == ["what is sent has a password in %env.DB_PASSWORD"]


async def test_a_file_of_credentials_that_was_named_is_told(notebook: Path, tmp_path: Path) -> None:
    told = Told()
    (notebook.parent / ".env").write_text("")
    await gather(of(notebook, ".env"), settings(tmp_path), told)
    assert told[0].startswith(f"what is sent has credentials in {notebook.parent}/.env: everybody who")


async def test_by_policy_a_secret_is_an_error_or_nothing(notebook: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError) as caught:
        await gather(of(notebook, "conf.py"), settings(tmp_path, "block"), print)
    assert caught.value.message == "what is sent has a password in conf.py:2"
    assert "%secret.NAME=SECRET/KEY" in caught.value.hint
    told = Told()
    await gather(of(notebook, "conf.py"), settings(tmp_path, "off"), told)
    assert not told


async def test_what_stays_on_this_machine_is_not_scanned(notebook: Path, tmp_path: Path) -> None:
    told = Told()
    await gather(of(notebook, "conf.py"), settings(tmp_path, "block"), told, here=True)
    assert not told


async def test_a_cell_that_is_too_large_by_itself_is_an_error(notebook: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"the cell and what it includes have 60\.0 MiB; the most is 50\.0 MiB"):
        await gather(of(notebook, code="#" * 60 * 1024**2), settings(tmp_path), print)


async def test_the_same_files_make_the_same_entries_whatever_the_umask_and_times(
    notebook: Path, tmp_path: Path
) -> None:
    once = await gather(of(notebook, "."), settings(tmp_path), print)
    (notebook.parent / "data.csv").chmod(0o640)
    (notebook.parent / "data.csv").touch()
    assert await gather(of(notebook, "data.csv", "conf.py"), settings(tmp_path), print) == once
