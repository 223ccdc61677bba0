"""What a registry refuses, beyond what BundleError says of everything.

::

    BundleError
    ├── Refused       an answer that is no success: its status, its code
    ├── Unreachable   no answer
    └── BlobUnknown   a manifest that names what is not there
"""

from __future__ import annotations

from ciao.errors import BundleError

__all__ = ["BlobUnknown", "Refused", "Unreachable"]


class BlobUnknown(BundleError):
    """A manifest names a blob that the registry does not have (any more)."""


class Refused(BundleError):
    """``code`` is the registry's word (DENIED, NAME_UNKNOWN ...) or empty; ``again`` whether a second try may help.

    ``pause`` is in seconds, if the registry asked for it.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str = "",
        again: bool = False,
        pause: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.again = again
        self.pause = pause


class Unreachable(BundleError):
    """There was no answer, or it broke off; ``again`` says whether a second try may help."""

    def __init__(self, message: str, *, again: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.again = again
