"""The folder in which the gateway was started: cells write there, and it may outlive the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fakes.strangers import Start


def test_a_file_there_is_not_taken_for_a_module_of_python_and_cells_import_what_is_there(
    start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "home-0"
    folder.mkdir()
    for name in ("email", "queue", "token"):
        (folder / f"{name}.py").write_text("raise SystemExit('this is not the one of Python')\n")
    (folder / "mine.py").write_text("number = 7\n")
    assert start().kernel().run("import mine\nmine.number").results == ["7"]
