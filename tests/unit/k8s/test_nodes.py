"""Images are made for the platforms of nodes that take pods, and nodes are asked about sparingly."""

from __future__ import annotations

from typing import Any

from ciao.k8s.nodes import platforms
from fakes.apiserver import ApiServer, Asked, answer, connected, status

NODES = "GET /api/v1/nodes"


def node(architecture: str = "amd64", *, ready: str = "True", os: str = "linux", taint: str = "") -> dict[str, Any]:
    taints = {"taints": [{"key": taint, "effect": "NoSchedule"}]} if taint else {}
    info = {"architecture": architecture, "operatingSystem": os}
    return {"spec": taints, "status": {"nodeInfo": info, "conditions": [{"type": "Ready", "status": ready}]}}


def page(*nodes: dict[str, Any], more: bool = False) -> Any:
    return answer({"items": list(nodes), "metadata": {"continue": "x"} if more else {}})


async def asked(*replies: Any) -> tuple[tuple[str, ...], list[Asked]]:
    async with ApiServer({NODES: replies}) as server, connected(server) as api:
        return await platforms(api), server.asked


async def test_each_platform_of_the_nodes_counts_once() -> None:
    found, (request,) = await asked(page(node("arm64"), node(), node("arm64")))
    assert found == ("linux/amd64", "linux/arm64")
    assert request.query == {"limit": "20", "fieldSelector": "spec.unschedulable=false"}


async def test_a_node_that_takes_none_of_our_pods_does_not_count() -> None:
    away, guarded = node("arm64", ready="Unknown"), node("s390x", taint="node-role.kubernetes.io/control-plane")
    found, _ = await asked(page(node(), away, guarded, node("amd64", os="windows"), node("ppc64le", taint="gpu")))
    assert found == ("linux/amd64", "linux/ppc64le")


async def test_of_many_nodes_only_those_of_other_platforms_are_asked_for_again() -> None:
    found, requests = await asked(page(node(), more=True), page(node("arm64"), more=True), page())
    assert found == ("linux/amd64", "linux/arm64")
    assert [r.query.get("labelSelector") for r in requests] == [
        None, "kubernetes.io/arch notin (amd64)", "kubernetes.io/arch notin (amd64,arm64)",
    ]  # fmt: skip


async def test_nodes_without_the_label_are_not_asked_for_for_ever() -> None:
    found, requests = await asked(page(node(), more=True))
    assert (found, len(requests)) == (("linux/amd64",), 2)


async def test_who_may_not_list_nodes_gets_to_know_none() -> None:
    found, _ = await asked(status(403, "Forbidden", "nodes is forbidden"))
    assert found == ()
