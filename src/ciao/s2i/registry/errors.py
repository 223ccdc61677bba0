"""What a registry refuses, beyond what BundleError says of everything.

::

    BundleError
    ├── Unreachable     no answer: no connection, no TLS, too slow; or a fault of its own, after all tries
    ├── Refused         an answer that is no success: its status, its code
    │   └── Denied      a login is missing, wrong, or not enough
    ├── Broken          an answer that is none, or that was damaged
    └── BlobUnknown     a manifest that names what is not there
"""

from __future__ import annotations

from ciao.errors import BundleError

__all__ = ["BlobUnknown", "Broken", "Denied", "Refused", "Unreachable"]


class BlobUnknown(BundleError):
    """A manifest names a blob that the registry does not have (any more)."""


class Broken(BundleError):
    """What came is not what a registry sends, or not what was asked for."""


class Unreachable(BundleError):
    """``again`` says whether a second try may help; ``pause`` is how many seconds the registry asks us to wait."""

    def __init__(self, message: str, *, again: bool = False, pause: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.again = again
        self.pause = pause


class Refused(BundleError):
    """``code`` is the registry's word (DENIED, NAME_UNKNOWN ...) or empty; ``again`` and ``pause`` as above."""

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


class Denied(Refused):
    """401 and 403."""
