"""For which platforms images must be: those of the nodes on which pods of any user may run."""

from __future__ import annotations

from ciao.k8s.base import NODES, Api, Manifest
from ciao.k8s.errors import ApiError

__all__ = ["platforms"]

PAGE = 20
"""Nodes in one answer, each of which has many kilobytes. Only where there are more, it is asked for other platforms."""

ARCHITECTURE = "kubernetes.io/arch"
KEPT_FREE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


async def platforms(api: Api) -> tuple[str, ...]:
    """Such as ``linux/amd64``, sorted; empty where nobody may list nodes. Raises BackendError."""
    found: set[str] = set()
    seen: set[str] = set()
    while True:
        items, more = await _page(api, without=seen)
        architectures = {_architecture(node) for node in items} - {""}
        found |= {f"linux/{_architecture(node)}" for node in items if _takes_pods(node) and _architecture(node)}
        if not more or architectures <= seen:
            return tuple(sorted(found))
        seen |= architectures


async def _page(api: Api, *, without: set[str]) -> tuple[list[Manifest], bool]:
    params = {"limit": str(PAGE), "fieldSelector": "spec.unschedulable=false"}
    if without:
        params["labelSelector"] = f"{ARCHITECTURE} notin ({','.join(sorted(without))})"
    try:
        answer = await api.request("GET", NODES.path(), params=params)
    except ApiError as error:
        if error.code in (403, 404):
            return [], False
        raise
    return list(answer.get("items") or ()), bool((answer.get("metadata") or {}).get("continue"))


def _takes_pods(node: Manifest) -> bool:
    """It is ready, and its taints keep it for nobody; another taint may be one that the cell's pods tolerate."""
    conditions = {one.get("type"): one.get("status") for one in (node.get("status") or {}).get("conditions") or ()}
    taints = [one.get("key") for one in (node.get("spec") or {}).get("taints") or ()]
    return conditions.get("Ready") == "True" and not any(key in KEPT_FREE for key in taints)


def _architecture(node: Manifest) -> str:
    """Of a node that runs Linux, else empty."""
    info = (node.get("status") or {}).get("nodeInfo") or {}
    return str(info.get("architecture") or "") if info.get("operatingSystem", "linux") == "linux" else ""
