"""What to do next, for failures whose remedy depends on where replicas run on this machine, and where files are."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection
from pathlib import Path

from ciao.backends.beside import beside
from ciao.backends.memory import more_memory
from ciao.home import JobFolder
from ciao.model import Failure
from ciao.model.distributions import NO_MODULE, distribution_of, standard

__all__ = ["files_made", "hint"]

SHOWN = 4

_NO_FILE = re.compile(r"No such file or directory: '([^'/][^']*)'")


def hint(failure: Failure, folder: JobFolder, replicas: Collection[str] = ()) -> str:
    """One or two sentences, or nothing. Never raises: a job's files may be gone. ``replicas`` are the names of all."""
    if failure.kind == "lost":
        return f"Run the cell again. What its replicas printed is kept: `%ciao logs {folder.path.name}`"
    if words := _wherever(failure, replicas):
        return words
    try:
        process = json.loads(folder.launch_file.read_bytes())["processes"][0]
        python, notebook = str(process["argv"][0]), Path(process["env"]["CIAO_NOTEBOOK_DIR"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    match failure.ename:
        case "ModuleNotFoundError":
            return _missing_module(failure, python, notebook)
        case "FileNotFoundError":
            return _missing_file(failure.evalue, notebook)
    return ""


def _wherever(failure: Failure, replicas: Collection[str]) -> str:
    match failure.ename:
        case "OOMKilled" if "limit of" in failure.evalue:
            return more_memory(failure.evalue, failure.replica, replicas)
        case "OOMKilled":
            return "Close what else runs here, ask for fewer replicas, or state what each may use with %memory="
        case "EOFError" if "reading a line" in failure.evalue:
            return "A replica has no keyboard: write the value into the cell, or pass it by %env.NAME="
        case "ValueError" if failure.evalue == "Number of processes must be defined.":
            return (
                "JAX reads only the coordinator's address by itself: jax.distributed.initialize("
                'num_processes=int(os.environ["NUM_PROCESSES"]), process_id=int(os.environ["PROCESS_ID"]))'
            )
    return ""


def files_made(folder: JobFolder) -> str:
    """Where the files are that the job's code wrote; nothing if it wrote none."""
    try:
        names = sorted({name.partition("/")[0] for name in folder.made()})
    except OSError:
        return ""
    if not names:
        return ""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"files of the job in {folder.work}: {', '.join(names[:SHOWN])}{more}"


def _missing_module(failure: Failure, python: str, notebook: Path) -> str:
    found = NO_MODULE.search(failure.evalue)
    if found is not None and (path := beside(notebook, found[1])):
        return (
            f"{found[1]} lies beside the notebook, and replicas run in a folder of their own: "
            f"send it along with %include={path}"
        )
    where = f"{failure.replica} runs {python}"
    if found is None:
        return f"{where}: install what is missing there, or choose another Python with %python="
    if words := standard(found[1], found[2], other="another with %python="):
        return f"{where}: {words}"
    wanted = distribution_of(found[1])
    return f"{where}: add %package={wanted}, install it there, or choose another Python with %python="


def _missing_file(evalue: str, notebook: Path) -> str:
    found = _NO_FILE.search(evalue)
    if found is None or not (notebook / found[1]).exists():
        return ""
    return (
        f"{found[1]} lies beside the notebook, and replicas run in a folder of their own: send it along with "
        f'%include={shlex.quote(found[1])}, or open it as os.path.join(os.environ["CIAO_NOTEBOOK_DIR"], "{found[1]}")'
    )
