"""What a base image has, by asking its own Python in a pod that lives for a moment."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ciao.errors import BackendError, BundleError
from ciao.k8s.base import PODS, Api, Manifest
from ciao.k8s.errors import ApiError
from ciao.model import Packing
from ciao.s2i.base import Tell
from ciao.s2i.oci import Base
from ciao.s2i.packages.interior import Interior
from ciao.s2i.packages.question import answer, program
from ciao.s2i.platforms import Platform
from ciao.s2i.registry.names import pulled
from ciao.settings import Settings

__all__ = ["NotAllowed", "ask"]

LONGEST = 1800.0
"""Seconds for all of it: a large image may be pulled for the first time."""

PAUSE = 1.0
"""Seconds between two looks at the pod."""

CLEANING = 15.0
"""Seconds that its removal may take while somebody waits."""

TRIES = 3
"""How often in a row a pull may be seen to fail: the first time may heal by itself."""

HOPELESS = ("InvalidImageName", "CreateContainerConfigError", "CreateContainerError", "ErrImageNeverPull")
FAILED_PULLS = ("ErrImagePull", "ImagePullBackOff", "RegistryUnavailable")

Sleep = Callable[[float], Awaitable[None]]


class NotAllowed(BundleError):
    """The cluster does not let this user create the pod."""


async def ask(
    base: Base,
    api: Api,
    *,
    namespace: str,
    settings: Settings,
    tell: Tell,
    reason: str = "",
    sleep: Sleep = asyncio.sleep,
) -> Interior:
    """The pod is removed, whatever happens. Raises BundleError, or NotAllowed before there is a pod.

    ``reason`` says why it is asked, for the error.
    """
    space = namespace or api.namespace
    pod = _pod(base, settings)
    path = PODS.path(namespace=space, name=pod["metadata"]["name"])
    step = f"asking {base.name} in a pod what it has"
    tell(Packing(step=step))
    try:
        await api.request("POST", PODS.path(namespace=space), body=pod)
        async with asyncio.timeout(LONGEST):
            await _ended(api, path, base, step=step, tell=tell, sleep=sleep)
        said = await api.request("GET", f"{path}/log", params={"limitBytes": str(4 * 1024 * 1024)})
        return answer(str(said.get("text", "")), base.name)
    except TimeoutError:
        raise BundleError(
            f"{base.name} did not start in a pod within {LONGEST / 60:.0f} minutes", hint=_hint()
        ) from None
    except BackendError as e:
        kind = NotAllowed if isinstance(e, ApiError) and e.code == 403 else BundleError
        why = f" ({reason})" if reason else ""
        raise kind(f"{base.name} cannot be asked in a pod what it has{why}: {e.message}", hint=e.hint) from e
    finally:
        await _remove(api, path)


def _pod(base: Base, settings: Settings) -> Manifest:
    """It passes ``restricted``, and asks for so little that it fits into a quota."""
    user = (base.user or settings.run_as) if settings.run_as is not None else None
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "activeDeadlineSeconds": int(LONGEST),
        "terminationGracePeriodSeconds": 0,
        "nodeSelector": {"kubernetes.io/arch": Platform.parse(base.platform).architecture, "kubernetes.io/os": "linux"},
        "securityContext": {
            "runAsNonRoot": True,
            **({} if user is None else {"runAsUser": user, "runAsGroup": user}),
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "python",
                "image": pulled(base.reference, settings),
                "command": ["python3", "-c", program()],
                "env": [{"name": "HOME", "value": "/tmp"}, {"name": "PYTHONWARNINGS", "value": "ignore"}],  # noqa: S108  # the pod's
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                "resources": {
                    "requests": {"cpu": "50m", "memory": "128Mi"},
                    "limits": {"cpu": "1", "memory": "512Mi"},
                },
            }
        ],
    }
    if settings.s2i_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in settings.s2i_pull_secrets]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"ciao-probe-{secrets.token_hex(4)}",
            "labels": {"app.kubernetes.io/managed-by": "ciao", "ciao/probe": "python"},
            "annotations": {"sidecar.istio.io/inject": "false"},
        },
        "spec": spec,
    }


async def _ended(api: Api, path: str, base: Base, *, step: str, tell: Tell, sleep: Sleep) -> None:
    """Wait until its Python has answered."""
    failed = 0
    while True:
        status = (await api.request("GET", path)).get("status") or {}
        if status.get("phase") == "Succeeded":
            return
        if status.get("phase") == "Failed":
            raise _failed(base, status)
        reason, message = _waits(status)
        failed = failed + 1 if reason in FAILED_PULLS else 0
        if reason in HOPELESS or failed >= TRIES:
            raise BundleError(f"{base.name} cannot be started in a pod: {reason}: {message[:300]}", hint=_hint())
        tell(Packing(step=f"{step} ({reason}: {message[:100]})" if reason and message else step))
        await sleep(PAUSE)


def _waits(status: Mapping[str, Any]) -> tuple[str, str]:
    """Kubernetes' word for what the pod waits for, and its message."""
    for container in status.get("containerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "ContainerCreating"):
            return str(waiting["reason"]), str(waiting.get("message") or "")
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return str(condition.get("reason") or "Unschedulable"), str(condition.get("message") or "")
    return "", ""


def _failed(base: Base, status: Mapping[str, Any]) -> BundleError:
    ends = [((c.get("state") or {}).get("terminated") or {}) for c in status.get("containerStatuses") or []]
    message = next((str(e.get("message") or e.get("reason") or "") for e in ends if e), "") or str(
        status.get("message") or status.get("reason") or "its Python failed"
    )
    if "python3" in message and "not found" in message:
        return BundleError(f"{base.name} has no python3 on its PATH, and the cell runs with that one", hint=_hint())
    return BundleError(f"{base.name} does not run in a pod: {message[:300]}", hint=_hint())


async def _remove(api: Api, path: str) -> None:
    """Also after a cancellation, and if the creation's answer never came. Its own deadline ends what is left."""

    async def delete() -> None:
        with contextlib.suppress(BackendError):
            await api.request("DELETE", path, params={"gracePeriodSeconds": "0"})

    removing = asyncio.ensure_future(delete())
    _removals.add(removing)
    removing.add_done_callback(_removals.discard)
    await asyncio.wait([removing], timeout=CLEANING)


_removals: set[asyncio.Future[None]] = set()
"""Those that nobody waits for any more; the loop itself would not keep them alive."""


def _hint() -> str:
    return "Name an image that the nodes can pull, with Python 3.8 or later, with %image="
