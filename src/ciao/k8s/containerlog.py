"""A container's log as the API gives it: one stream, and whose it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from ciao.k8s.base import PODS, Api, Manifest
from ciao.k8s.errors import ApiError

__all__ = ["ContainerLog"]


@dataclass(frozen=True, kw_only=True)
class ContainerLog:
    """Of any instance of the container; ``later`` tells of which."""

    api: Api
    namespace: str
    pod: str
    container: str

    def read(self, since: str, *, follow: bool, previous: bool, idle: float) -> AsyncGenerator[bytes, None]:
        """One stream, from whole seconds ``since`` on."""
        params = {"container": self.container, "timestamps": "true"}
        params |= {"follow": "true"} if follow else {}
        params |= {"previous": "true"} if previous else {}
        params |= {"sinceTime": since} if since else {}
        path = PODS.path(namespace=self.namespace, name=self.pod, part="log")
        return self.api.stream(path, params=params, idle=idle)

    async def later(self, *, uid: str, restarts: int) -> int | None:
        """How many restarts later the container is now; None if its pod is gone, or is another."""
        try:
            pod = await self.api.request("GET", PODS.path(namespace=self.namespace, name=self.pod))
        except ApiError as error:
            if error.code != 404:
                raise
            return None
        if uid and pod["metadata"].get("uid") != uid:
            return None
        return _restarts(pod, self.container) - restarts


def _restarts(pod: Manifest, container: str) -> int:
    status = pod.get("status", {})
    found = (*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ()))
    return next((int(one.get("restartCount", 0)) for one in found if one["name"] == container), 0)
