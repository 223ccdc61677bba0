"""Execute a notebook with its own kernel, show what it prints as it prints it, and save it and its page.

Usage: python tools/run_notebook.py NOTEBOOK FOLDER

Exits with 1 if a cell fails that is not tagged ``raises-exception``; notebook and page are written all the same.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

COLOUR = re.compile(r"\x1b\[[0-9;]*m")

CELL_SECONDS = 300
"""The longest that one cell may take."""


class LiveClient(NotebookClient):
    """A notebook's execution, shown in a terminal while it goes on."""

    def process_message(
        self, msg: dict[str, Any], cell: nbformat.NotebookNode, cell_index: int
    ) -> nbformat.NotebookNode | None:
        """Show what the message says, then file it in the notebook."""
        show(shown(msg["msg_type"], msg["content"]))
        return super().process_message(msg, cell, cell_index)


def shown(kind: str, content: dict[str, Any]) -> str:
    """What a terminal shows of one message. An output that will be updated in place is left to the saved notebook."""
    if content.get("transient", {}).get("display_id"):
        return ""
    match kind:
        case "execute_input":
            return f"\nIn [{content['execution_count']}]: {_abridged(content['code'])}\n"
        case "stream":
            return str(content["text"])
        case "display_data" | "execute_result":
            return str(content["data"].get("text/plain", "")).rstrip("\n") + "\n"
        case "error":
            return "\n".join(content["traceback"]) + "\n"
        case _:
            return ""


def _abridged(code: str, *, lines: int = 3) -> str:
    """The first lines of a cell, indented as a terminal's IPython does."""
    head = code.strip("\n").split("\n")
    more = [f"... {len(head) - lines} more lines"] if len(head) > lines + 1 else head[lines:]
    return "\n   ...: ".join(head[:lines] + more)


def show(text: str) -> None:
    """Write at once: somebody watches. Without colours where they are not wanted (no-color.org), as in a file."""
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    sys.stdout.write(text if coloured else COLOUR.sub("", text))
    sys.stdout.flush()


def execute(path: Path) -> tuple[nbformat.NotebookNode, CellExecutionError | None]:
    """The notebook with its outputs, and the error that ended it early, if one did."""
    notebook = nbformat.read(path, as_version=4)
    client = LiveClient(notebook, timeout=CELL_SECONDS, resources={"metadata": {"path": str(path.parent)}})
    try:
        client.execute()
    except CellExecutionError as error:
        return notebook, error
    return notebook, None


def main(source: str, folder: str) -> int:
    """Run, save, and say where."""
    path, out = Path(source), Path(folder)
    started = time.monotonic()
    notebook, error = execute(path)
    out.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, out / path.name)
    exporter = HTMLExporter()
    page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": path.stem}})
    (out / path.with_suffix(".html").name).write_text(page, encoding="utf-8")
    show(f"\n{path} took {time.monotonic() - started:.0f} s{'' if error is None else ' and FAILED'}.\n")
    show(f"The executed notebook: {out / path.name}\nThe same as a page:    {out / path.with_suffix('.html').name}\n")
    return 0 if error is None else 1


if __name__ == "__main__":
    if len(sys.argv) != 3:  # the script's name, the notebook, the folder
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2]))
