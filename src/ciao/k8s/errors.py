"""What an API server refuses.

BackendError
├── ApiError             the server's answer: its code, its reason, its words
└── BackendUnavailable   it could not be reached, or the connection broke
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ciao.errors import BackendError

__all__ = ["ApiError"]


class ApiError(BackendError):
    """A Status that is no success.

    ``reason`` is Kubernetes' word (Forbidden, NotFound, AlreadyExists, Expired ...), ``details`` the Status' own.
    ``retry_after`` is in seconds, if the server said so.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int,
        reason: str = "",
        details: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.reason = reason
        self.details = details or {}
        self.retry_after = retry_after
