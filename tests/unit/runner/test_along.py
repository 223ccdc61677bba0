"""What came along with a cell is where it looks for it: files in its working directory, modules on its path."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ciao.runner import along
from ciao.s2i.packages.tidy import SHIM

Run = Callable[..., Any]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A working directory that is not the folder of the code, as in a pod."""
    folder = tmp_path / "its work"
    folder.mkdir()
    return folder


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    """The folder of the code, with something of every kind beside the cell."""
    texts = {
        "files/data.csv": "a,b\n",
        "files/conf/deep/x.yaml": "x: 1\n",
        "files/helper.py": "NAME = 'helper'\n",
        "files/run.sh": "#!/bin/sh\necho ran\n",
        "modules/mylib/__init__.py": "from importlib.metadata import version\nVERSION = version('mylib')\n",
        "modules/mylib-2.5.dist-info/METADATA": "Metadata-Version: 2.1\nName: mylib\nVersion: 2.5\n",
        "site/packaged.py": "NAME = 'packaged'\n",
        "site/further.pth": "more\n",
        "site/sitecustomize.py": SHIM,
        "site/more/by_pth.py": "NAME = 'by pth'\n",
        "site/bin/tool": "#!/bin/sh\necho tool\n",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name in ("files/run.sh", "site/bin/tool"):
        (tmp_path / name).chmod(0o755)
    return tmp_path


READS = """\
import mylib, packaged, helper, by_pth, subprocess, sys
print(open('data.csv').read().strip(), open('conf/deep/x.yaml').read().strip())
print(mylib.VERSION, packaged.NAME, helper.NAME, by_pth.NAME)
print(subprocess.run(['./run.sh'], capture_output=True, text=True).stdout.strip())
print(subprocess.run(['tool'], capture_output=True, text=True).stdout.strip())
child = 'import mylib, packaged; print(mylib.VERSION, packaged.NAME)'
print(subprocess.run([sys.executable, '-c', child], capture_output=True, text=True).stdout.strip())
"""
EXPECTED = ["a,b x: 1", "2.5 packaged helper by pth", "ran", "tool", "2.5 packaged"]


@pytest.mark.usefixtures("sent")
@pytest.mark.parametrize("part", ["cell", "init"])
def test_a_cell_opens_imports_and_starts_what_was_sent_and_so_do_its_children(run: Run, work: Path, part: str) -> None:
    ended = run(READS, part, cwd=work)
    shown = [line for line in ended.out.decode().rstrip("\n").split("\n") if not line.startswith("\x1e")]
    assert (ended.err, shown) == ("", EXPECTED)
    assert not list(work.rglob("*.part"))


@pytest.mark.usefixtures("sent")
def test_in_a_pod_the_files_go_into_its_working_directory(run: Run, tmp_path: Path, work: Path) -> None:
    run("open('data.csv').read()", "init", cwd=tmp_path, CIAO_WORK=str(work))
    assert sorted(p.name for p in work.iterdir()) == ["conf", "data.csv", "helper.py", "run.sh"]


@pytest.mark.usefixtures("sent")
def test_the_users_own_path_comes_behind_and_is_not_lost(run: Run, work: Path, tmp_path: Path) -> None:
    ended = run(
        "import os, sys\nprint(os.environ['PYTHONPATH'])\nprint('/own' in sys.path)", cwd=work, PYTHONPATH="/own"
    )
    paths = os.pathsep.join([f"{tmp_path}/modules", f"{tmp_path}/site", "/own"])
    assert ended.out.decode().splitlines() == [paths, "True"]


@pytest.mark.usefixtures("sent")
def test_the_folders_stand_in_the_path_once_however_many_of_ours_start_each_other(run: Run, work: Path) -> None:
    code = "import os, sys\nprint(os.environ['PYTHONPATH'].count('/modules'), str(sys.path).count('/modules'))"
    ended = run(code, "init", program=("env", "MINE=1"), cwd=work)
    assert b"\n1 1\n" in ended.out


@pytest.mark.usefixtures("sent")
def test_a_module_with_a_name_of_the_standard_librarys_does_not_hide_the_error(
    run: Run, work: Path, tmp_path: Path
) -> None:
    (tmp_path / "modules" / "json.py").write_text("dumps = None\n")
    ended = run("1 / 0", cwd=work)
    assert ended.error["ename"] == "ZeroDivisionError"
    assert ended.error["frames"]


def test_a_cell_imports_from_its_working_directory_behind_the_standard_library(run: Run, work: Path) -> None:
    (work / "helper.py").write_text("NAME = 'mine'\n")
    (work / "statistics.py").write_text("mean = None\n")
    ended = run("import helper, statistics\nprint(helper.NAME, statistics.mean is None)", cwd=work)
    assert ended.out == b"mine False\n"


@pytest.mark.usefixtures("sent")
def test_every_process_of_a_replica_finds_the_files_and_none_undoes_anothers_work(run: Run, work: Path) -> None:
    code = "import os\nassert open('data.csv').read()\nopen('done-' + os.environ['LOCAL_RANK'], 'w').close()\n"
    ended = run(code, "init", cwd=work, CIAO_NPROC="4")
    assert ended.code == 0
    assert len(list(work.glob("done-*"))) == 4


@pytest.mark.parametrize("part", ["cell", "init"])
def test_folders_that_are_links_as_in_a_config_maps_volume_are_used_as_they_are(
    run: Run, sent: Path, work: Path, part: str
) -> None:
    (sent / "..data").mkdir()
    for name in ("files", "modules"):
        (sent / name).rename(sent / "..data" / name)
        (sent / name).symlink_to(f"..data/{name}")
    ended = run("import mylib\nprint(open('data.csv').read(), mylib.VERSION)", part, cwd=work)
    assert b"a,b\n 2.5\n" in ended.out
    assert not any(path.is_symlink() for path in work.rglob("*"))


def test_files_are_placed_once_on_each_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "data.csv").touch()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    along.place_once(str(tmp_path), {along.PLACED: os.uname().nodename})
    assert not list((tmp_path / "work").iterdir())
    environ = {along.PLACED: "the host of mpirun"}
    along.place_once(str(tmp_path), environ)
    assert [p.name for p in (tmp_path / "work").iterdir()] == ["data.csv"]
    assert not environ


@pytest.mark.usefixtures("sent")
def test_a_file_that_is_there_already_stays_as_it_is(run: Run, work: Path) -> None:
    (work / "data.csv").write_text("written before the restart\n")
    assert run("print(open('data.csv').read())", cwd=work).out == b"written before the restart\n\n"


@pytest.mark.usefixtures("sent")
def test_what_cannot_be_copied_ends_the_replica_in_words(run: Run, work: Path, tmp_path: Path) -> None:
    (work / "conf").write_text("a file where a folder should be\n")
    ended = run("print('started')", "init", cwd=work, CIAO_TERMINATION_LOG=str(tmp_path / "message"))
    assert (ended.code, ended.out) == (1, b"")
    assert f"cannot be copied into the working directory {work}: " in ended.err
    assert "cannot be copied" in (tmp_path / "message").read_text()


def test_without_anything_sent_nothing_is_loaded_and_no_variable_set(
    run: Run, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    code = "import os, sys\nprint([m for m in sys.modules if m.endswith('.along')], 'PYTHONPATH' in os.environ)"
    assert run(code, cwd=work).out == b"[] False\n"


def test_a_file_is_never_seen_half_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    (tmp_path / "from" / "x").write_text("all of it")
    seen: list[bool] = []
    link = os.link

    def watched(part: str, target: str) -> None:
        seen.append(os.path.lexists(target) or Path(part).read_text() != "all of it")
        link(part, target)

    monkeypatch.setattr(os, "link", watched)
    along.place(str(tmp_path / "from"), str(tmp_path / "to"))
    assert seen == [False]
    assert [p.name for p in (tmp_path / "to").iterdir()] == ["x"]


def test_of_two_that_copy_at_once_the_first_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "x").write_text("sent")
    link = os.link

    def overtaken(part: str, target: str) -> None:
        Path(target).write_text("the other's, and changed since")
        link(part, target)

    monkeypatch.setattr(os, "link", overtaken)
    along.place(str(tmp_path / "from"), str(tmp_path))
    assert (tmp_path / "x").read_text() == "the other's, and changed since"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["from", "x"]


def test_a_file_system_without_links_gets_the_files_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "x").write_text("sent")

    def refused(part: str, target: str) -> None:
        raise PermissionError(1, "Operation not permitted", part)

    monkeypatch.setattr(os, "link", refused)
    along.place(str(tmp_path / "from"), str(tmp_path))
    assert (tmp_path / "x").read_text() == "sent"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["from", "x"]
