"""Ciao: a notebook cell becomes a distributed training job.

Importing this package costs nothing: everything else is imported when it is first used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself is slow to import, and every supervisor starts with this file
if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ciao.frontends.display.failure import TrainingError

__version__ = "0.1.0"

__all__ = ["TrainingError", "__version__", "load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Make job cells and ``%ciao`` known to any IPython (``%load_ext ciao``)."""
    from ciao.frontends import extension

    extension.load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Undo :func:`load_ipython_extension`; running jobs go on."""
    from ciao.frontends import extension

    extension.unload(shell)


def __getattr__(name: str) -> object:
    """``ciao.TrainingError``, what a cell raises when its training failed; loaded by whoever asks for it."""
    if name == "TrainingError":
        from ciao.frontends.display import failure

        return failure.TrainingError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
