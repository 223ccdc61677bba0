"""The kernelspec, in the repository and installed."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import pytest

from ciao.errors import CiaoError
from ciao.frontends import kernelspec

SOURCE = Path(__file__).parents[3] / "kernelspec"


def test_the_file_that_the_wheel_carries_says_what_install_writes() -> None:
    assert json.loads((SOURCE / "kernel.json").read_text()) == kernelspec.spec("python")


def test_the_logos_have_the_sizes_of_their_names() -> None:
    for size in (32, 64):
        header = (SOURCE / f"logo-{size}x{size}.png").read_bytes()[16:24]
        assert struct.unpack(">II", header) == (size, size)


def test_install_names_this_python_and_uninstall_removes_it(tmp_path: Path) -> None:
    folder = kernelspec.install(prefix=str(tmp_path))
    assert folder == tmp_path / "share/jupyter/kernels/ciao"
    assert json.loads((folder / "kernel.json").read_text())["argv"][0] == sys.executable
    assert (folder / "logo-64x64.png").is_file()
    assert kernelspec.uninstall(prefix=str(tmp_path)) == folder
    assert kernelspec.uninstall(prefix=str(tmp_path)) is None


def test_a_folder_that_cannot_be_written_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "share").write_text("a file")
    with pytest.raises(CiaoError, match=r"cannot be installed: .*Try --user"):
        kernelspec.install(prefix=str(tmp_path))
