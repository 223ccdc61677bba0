"""What a registry refuses, beyond what BundleError says of everything."""

from __future__ import annotations

from ciao.errors import BundleError

__all__ = ["BlobUnknown"]


class BlobUnknown(BundleError):
    """A manifest names a blob that the registry does not have (any more)."""
