"""The seam to an API server: one request, one stream, one WebSocket. Watches, logs and commands are built on these."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

__all__ = [
    "APPLY",
    "CONFIG_MAPS",
    "EVENTS",
    "MERGE",
    "NAMESPACES",
    "NODES",
    "PODS",
    "REVIEWS",
    "Api",
    "Manifest",
    "Resource",
]

Manifest = dict[str, Any]
"""A Kubernetes object as JSON gives it."""

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


class Api(Protocol):
    """An authenticated connection to one API server.

    All methods raise ApiError for what the server refuses and BackendUnavailable if it cannot be reached.
    """

    @property
    def context(self) -> str:
        """Which cluster, for people: the kubeconfig's context, or ``in-cluster``."""

    @property
    def namespace(self) -> str:
        """The namespace that the credentials name, else ``default``."""

    async def request(
        self,
        method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content: str = "application/json",
    ) -> Manifest:
        """One request; the object in the answer. A plain-text answer is under the key ``text``."""

    def stream(self, path: str, *, params: Mapping[str, str] | None = None, idle: float) -> AsyncGenerator[bytes, None]:
        """The body of a GET, piece by piece as it comes; close it with ``aclosing``.

        The first piece is empty, and comes as soon as the server has answered, which may be long before the body does.
        A clean end of the body ends the generator. A connection that breaks, or that brings nothing for ``idle``
        seconds, raises BackendUnavailable. An answer that is not 200 (204, too) raises ApiError before any piece.
        """

    def messages(
        self, path: str, *, params: Sequence[tuple[str, str]], protocols: Sequence[str]
    ) -> AsyncGenerator[bytes, None]:
        """The binary messages of a WebSocket as they come, to its end; close it with ``aclosing``.

        The server speaks one of the protocols. How long that may take is for the caller to say.
        """

    async def close(self) -> None:
        """Close every connection."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A kind of object that an API server serves."""

    kind: str
    plural: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As manifests say it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, *, namespace: str = "", name: str = "", part: str = "") -> str:
        """Of all objects, of those in a namespace, of one of them, or of its part such as ``log``."""
        words = [f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"]
        if self.namespaced and namespace:
            words += ["namespaces", namespace]
        words += [self.plural, *filter(None, (name, part))]
        return "/".join(words)


PODS = Resource(kind="Pod", plural="pods")
EVENTS = Resource(kind="Event", plural="events")
CONFIG_MAPS = Resource(kind="ConfigMap", plural="configmaps")
NODES = Resource(kind="Node", plural="nodes", namespaced=False)
NAMESPACES = Resource(kind="Namespace", plural="namespaces", namespaced=False)
REVIEWS = Resource(
    kind="SelfSubjectAccessReview", plural="selfsubjectaccessreviews", group="authorization.k8s.io", namespaced=False
)
