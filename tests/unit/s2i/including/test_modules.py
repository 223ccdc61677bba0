"""Modules and packages of this machine, by their names, found without running a line of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BundleError

Tree = Callable[..., Path]
Include = Callable[..., Any]


def paths(found: Any) -> list[str]:
    return [entry.path for entry in found.entries]


@pytest.fixture
def lib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on this process's path, as ``sys.path.append`` makes one."""
    folder = tmp_path / "lib"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
    return folder


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages."""
    folder = tmp_path / "env" / "site-packages"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
    return folder


def write(folder: Path, *names: str, text: str = "raise SystemExit('it was run')\n") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def installed(site: Path, name: str, *, url: str = "", top: str = "") -> None:
    info = site / f"{name}-2.5.dist-info"
    write(info, "METADATA", text=f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.5\n")
    write(info, "top_level.txt", text=f"{top or name}\n")
    write(info, "RECORD", text="x\n")
    if url:
        write(info, "direct_url.json", text=f'{{"url": "{url}", "dir_info": {{"editable": true}}}}')


def test_a_package_goes_with_its_data_and_is_not_run(lib: Path, included: Include) -> None:
    write(lib, "mylib/__init__.py", "mylib/deep/mod.py", "mylib/data/x.csv", "mylib/__pycache__/x.pyc")
    expected = ["modules/mylib/__init__.py", "modules/mylib/data/x.csv", "modules/mylib/deep/mod.py"]
    assert paths(included("mylib")) == expected
    assert paths(included("mylib.deep.mod")) == expected
    assert "mylib" not in sys.modules


def test_a_module_may_be_a_single_file(lib: Path, included: Include) -> None:
    write(lib, "tools.py")
    assert paths(included("tools")) == ["modules/tools.py"]


def test_a_module_beside_the_notebook_is_found_wherever_this_process_works(tree: Tree, included: Include) -> None:
    tree({"helper.py": ""})
    assert paths(included("helper")) == ["modules/helper.py"]


def test_a_path_comes_before_a_module_of_its_name(lib: Path, tree: Tree, included: Include) -> None:
    write(lib, "mylib/__init__.py")
    tree({"mylib/__init__.py": ""})
    assert paths(included("mylib")) == ["files/mylib/__init__.py"]


def test_a_namespace_goes_with_all_of_its_parts_or_with_the_one_that_is_named(
    lib: Path, folder: Path, included: Include
) -> None:
    write(lib, "company/team/__init__.py")
    write(folder.parent / "more", "company/other/__init__.py", "company/other/x.py")
    sys.path.append(str(folder.parent / "more"))
    assert paths(included("company")) == [
        "modules/company/other/__init__.py",
        "modules/company/other/x.py",
        "modules/company/team/__init__.py",
    ]
    assert paths(included("company.team")) == ["modules/company/team/__init__.py"]


def test_a_folder_without_code_on_the_path_is_no_module(lib: Path, included: Include) -> None:
    write(lib, "data/x.csv", "data/deep/y.csv")
    with pytest.raises(BundleError, match="no module of this name"):
        included("data")


def test_a_missing_part_of_a_package_says_what_it_has(lib: Path, included: Include) -> None:
    write(lib, "mylib/__init__.py", "mylib/training.py")
    with pytest.raises(BundleError) as caught:
        included("mylib.trainnig")
    assert str(caught.value) == (
        f"mylib at {lib}/mylib has no module trainnig. Did you mean training? %include=mylib sends all of mylib"
    )


def test_a_mistyped_module_gets_the_nearest_name(lib: Path, included: Include) -> None:
    write(lib, "training_tools.py")
    with pytest.raises(BundleError, match=r"Did you mean training_tools\?"):
        included("trainig_tools")


@pytest.mark.parametrize("word", ["json", "os.path", "sys", "importlib.metadata"])
def test_what_is_pythons_own_need_not_be_sent(included: Include, word: str) -> None:
    with pytest.raises(BundleError, match=f"{word} is a part of Python: every replica has it. Remove %include={word}"):
        included(word)


def test_what_came_from_an_index_is_a_package(site: Path, included: Include) -> None:
    write(site, "biglib/__init__.py")
    installed(site, "Big_Lib", top="biglib")
    with pytest.raises(BundleError) as caught:
        included("biglib")
    assert str(caught.value) == (
        "biglib is a package of Big_Lib 2.5, which was installed, not a module of yours. "
        "Write %package=Big_Lib==2.5 in place of %include=biglib"
    )


def test_so_is_what_was_installed_from_a_folder_of_another_machine(site: Path, included: Include) -> None:
    write(site, "conda_lib/__init__.py")
    installed(site, "conda_lib", url="file:///croot/conda_lib_1666296960/work")
    with pytest.raises(BundleError, match=r"%package=conda_lib==2\.5"):
        included("conda_lib")


def test_what_was_installed_from_a_folder_here_is_local(site: Path, tmp_path: Path, included: Include) -> None:
    write(site, "mylib/__init__.py", "mylib/x.csv")
    (tmp_path / "project").mkdir()
    installed(site, "mylib", url=f"file://{tmp_path}/project")
    found = paths(included("mylib"))
    assert {"modules/mylib/__init__.py", "modules/mylib/x.csv"} <= set(found)


def test_what_was_only_copied_there_is_local_too(site: Path, included: Include) -> None:
    write(site, "copied.py")
    assert paths(included("copied")) == ["modules/copied.py"]


def test_a_package_takes_its_version_along(site: Path, tmp_path: Path, included: Include) -> None:
    write(tmp_path / "project", "src/mylib/__init__.py")
    write(site, "mylib.pth", text=f"{tmp_path}/project/src\n")
    installed(site, "my-lib", url=f"file://{tmp_path}/project", top="mylib")
    found = included("mylib")
    assert paths(found) == [
        "modules/my_lib-2.5.dist-info/METADATA",
        "modules/my_lib-2.5.dist-info/top_level.txt",
        "modules/mylib/__init__.py",
    ]
    assert not any(str(tmp_path).encode() in entry.source for entry in found.entries)


FINDER = """\
from __future__ import annotations
import sys
raise SystemExit('the finder was run')
MAPPING: dict[str, str] = {'flatlib': '%(p)s/flatlib', 'onemod': '%(p)s/onemod', 'space.inner': '%(p)s/lib/inner'}
NAMESPACES: dict[str, list[str]] = {'space': [], 'wide': ['%(p)s/wide']}
"""


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("flatlib", ["flatlib/__init__.py", "flatlib/x.py"]),
        ("flatlib.x", ["flatlib/__init__.py", "flatlib/x.py"]),
        ("onemod", ["onemod.py"]),
        ("space.inner", ["space/inner/__init__.py"]),
        ("space", ["space/inner/__init__.py"]),
        ("wide.part", ["wide/part/__init__.py"]),
        ("wide", ["wide/part/__init__.py"]),
    ],
)
def test_the_table_of_a_finder_module_is_read_and_not_run(
    site: Path, tmp_path: Path, included: Include, word: str, expected: list[str]
) -> None:
    project = tmp_path / "project"
    write(project, "flatlib/__init__.py", "flatlib/x.py", "onemod.py", "lib/inner/__init__.py", "wide/part/__init__.py")
    write(site, "__editable___mylib_1_finder.py", text=FINDER % {"p": project})
    write(site, "__editable__.mylib-1.pth", text="import __editable___mylib_1_finder; print('run')")
    assert paths(included(word)) == [f"modules/{name}" for name in expected]


def test_an_easy_install_pth_of_setup_py_develop_is_read(site: Path, tmp_path: Path, included: Include) -> None:
    write(tmp_path / "dev", "devlib/__init__.py")
    write(tmp_path / "dev" / "devlib.egg-info", "PKG-INFO", text="Metadata-Version: 2.1\nName: devlib\nVersion: 9\n")
    write(tmp_path / "dev" / "devlib.egg-info", "top_level.txt", text="devlib\n")
    write(site, "easy-install.pth", text=f"# a comment\n\n{tmp_path}/dev\n/not/there\n")
    assert paths(included("devlib")) == [
        "modules/devlib-9.dist-info/METADATA",
        "modules/devlib-9.dist-info/top_level.txt",
        "modules/devlib/__init__.py",
    ]


@pytest.mark.parametrize("text", ["MAPPING = {", "MAPPING: dict = open('x')", "MAPPING = {1: 2}", "\0", "(" * 500])
def test_a_finder_that_makes_no_sense_says_nothing(site: Path, lib: Path, included: Include, text: str) -> None:
    write(site, "__editable___odd_finder.py", text=text)
    write(lib, "tools.py")
    assert paths(included("tools")) == ["modules/tools.py"]


def test_compiled_modules_go_with_a_warning_unless_they_stay_here(lib: Path, included: Include) -> None:
    write(lib, "fast/__init__.py", "fast/_core.cpython-311-x86_64-linux-gnu.so")
    (notice,) = included("fast").notices
    assert notice.level == "warning"
    assert "%include=fast has compiled parts, which load only on CPython 3." in notice.text
    assert notice.text.endswith(": fast/_core.cpython-311-x86_64-linux-gnu.so")
    assert not included("fast", here=True).notices


def test_modules_and_files_of_one_cell_stand_beside_each_other(lib: Path, tree: Tree, included: Include) -> None:
    write(lib, "mylib/__init__.py")
    tree({"data.csv": ""})
    assert paths(included("mylib", "data.csv")) == ["files/data.csv", "modules/mylib/__init__.py"]
