"""What this user may do, asked of the API server itself: anybody may ask that of themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ciao.k8s.base import REVIEWS, Api, Manifest
from ciao.k8s.errors import ApiError
from ciao.k8s.rights import Right

__all__ = ["Verdict", "review", "user"]

AT_ONCE = 8
"""Questions under way; each is one request."""

WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a right is there; ``reason`` is the cluster's, often empty."""

    allowed: bool
    reason: str = ""


async def review(api: Api, rights: Iterable[Right], *, namespace: str | None) -> Mapping[Right, Verdict]:
    """Each right in one namespace, or (None) everywhere; in the order asked. Raises BackendError."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(right: Right) -> Verdict:
        async with gate:
            return _verdict(await api.request("POST", REVIEWS.path(), body=_question(right, namespace)))

    try:
        async with asyncio.TaskGroup() as group:
            asked = {right: group.create_task(ask(right)) for right in dict.fromkeys(rights)}
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None  # one tells it: they all talk to one server
    return {right: task.result() for right, task in asked.items()}


async def user(api: Api) -> str:
    """Whom the cluster takes us for; empty where it is older than 1.28 and cannot say."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = await api.request("POST", WHO, body=body)
    except ApiError as error:
        if error.code in (403, 404):
            return ""
        raise
    return str(answer.get("status", {}).get("userInfo", {}).get("username", ""))


def _question(right: Right, namespace: str | None) -> Manifest:
    asked = {
        "verb": right.verb,
        "group": right.group,
        "resource": right.resource,
        "subresource": right.subresource,
        "namespace": namespace or "",
    }
    return {"apiVersion": REVIEWS.api_version, "kind": REVIEWS.kind, "spec": {"resourceAttributes": asked}}


def _verdict(answer: Manifest) -> Verdict:
    status = answer.get("status", {})
    return Verdict(allowed=bool(status.get("allowed")), reason=str(status.get("reason", "")))
