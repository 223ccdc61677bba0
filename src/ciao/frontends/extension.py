"""The IPython extension: job cells and ``%ciao`` in any IPython, whatever frontend or kernel it runs in."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ciao.frontends.notebook import completion, interrupt, transform
from ciao.frontends.notebook.magics import Magics, forget_traceback, remember

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["load", "unload"]

LOADED: WeakKeyDictionary[InteractiveShell, ExitStack] = WeakKeyDictionary()
"""How to undo each load."""


def load(shell: InteractiveShell) -> None:
    """Make job cells and ``%ciao`` known to this shell: all of it or, after an error, nothing. Twice is once."""
    if shell in LOADED:
        return
    magics = Magics(shell)
    with ExitStack() as undo:
        _add_transforms(shell, undo)
        _add_magics(shell, magics, undo)
        for event, told in (
            ("pre_run_cell", remember),
            ("pre_run_cell", magics.before_cell),
            ("post_run_cell", magics.after_cell),
        ):
            shell.events.register(event, told)
            undo.callback(shell.events.unregister, event, told)
        undo.callback(completion.install(shell))
        undo.callback(interrupt.guard(shell))
        forget_traceback(shell)
        LOADED[shell] = undo.pop_all()


def unload(shell: InteractiveShell) -> None:
    """Undo :func:`load`; running jobs go on."""
    if (undo := LOADED.pop(shell, None)) is not None:
        undo.close()


def _add_transforms(shell: InteractiveShell, undo: ExitStack) -> None:
    transforms = shell.input_transformers_cleanup
    magics = shell.magics_manager.magics["line"]
    for one in (transform.Completeness(magics.__contains__), transform.Submission(magics.__contains__)):
        transforms.insert(0, one)
        undo.callback(transforms.remove, one)
    misplaced = transform.Misplaced(magics.__contains__)
    shell.input_transformers_post.append(misplaced)
    undo.callback(shell.input_transformers_post.remove, misplaced)


def _add_magics(shell: InteractiveShell, magics: Magics, undo: ExitStack) -> None:
    register: Any = shell.register_magic_function  # its declared type asks for the shell as well
    for function, kind, name in (
        (magics.kubeflow_cell, "cell", "kubeflow"),
        (magics.kubeflow_line, "line", "kubeflow"),
        (magics.ciao_line, "line", "ciao"),
        (magics.ciao_cell, "cell", "ciao"),
    ):
        register(function, kind, name)
        undo.callback(shell.magics_manager.magics[kind].pop, name, None)
