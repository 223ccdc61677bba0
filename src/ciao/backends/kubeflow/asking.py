"""Asks the processes of a job where they stand: the runner's own program for that, run in each pod.

It needs the right to run commands in pods, which nothing else here does: who lacks it is told how to get it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from ciao.backends.dumps import lines_of, standings
from ciao.backends.kubeflow.pods import RUNNER
from ciao.backends.kubeflow.replicas import container_of, replica_of
from ciao.backends.kubeflow.rights import STACKS
from ciao.errors import BackendError, BackendUnavailable
from ciao.k8s.base import Api, Manifest
from ciao.k8s.errors import ApiError
from ciao.k8s.execute import Ran, execute
from ciao.k8s.permissions import review, user
from ciao.k8s.rights import grant_all
from ciao.model import CODE, Standing

__all__ = ["ask", "asked"]

COMMAND = ("python3", RUNNER, "stacks", f"{CODE}/cell.py")
"""No shell: an image may have none. Of the last word only the folder matters."""

AT_ONCE = 16
"""Commands under way; each starts a Python in its pod."""

WITHIN = 25.0
"""Seconds for one: its process has five for the answer, and five more if somebody else is just asking it; a busy node
takes long to start a Python.
"""

MOST = 4 * 1024 * 1024
"""Bytes of the answer of one pod."""

FORBIDDEN = 403


def asked(pods: Sequence[Manifest], ranked: Sequence[str], *, replica: str | None) -> Mapping[str, Manifest]:
    """The pods whose container runs, by replica; of several the newest. Pure."""
    found: dict[str, Manifest] = {}
    for pod in sorted(pods, key=lambda p: str(p["metadata"].get("creationTimestamp"))):
        name = replica_of(pod, ranked)
        if name is not None and replica in (None, name) and container_of(pod).running is not None:
            found[name] = pod
    return found


async def ask(api: Api, pods: Mapping[str, Manifest], *, namespace: str) -> list[Standing]:
    """What the processes in these pods tell. Raises BackendError for who may not ask, and if nobody can be reached."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(replica: str, pod: Manifest) -> Sequence[Standing] | BackendError:
        async with gate:
            return await _one(api, replica, pod, namespace=namespace)

    answers = await asyncio.gather(*(one(replica, pod) for replica, pod in pods.items()))
    if any(isinstance(answer, ApiError) and answer.code == FORBIDDEN for answer in answers):
        raise await _refused(api, namespace=namespace)
    if answers and all(isinstance(answer, BackendUnavailable) for answer in answers):
        raise next(answer for answer in answers if isinstance(answer, BackendUnavailable))
    told: list[Standing] = []
    for replica, answer in zip(pods, answers, strict=True):
        told += [Standing(replica=replica, silent=answer.message)] if isinstance(answer, BackendError) else answer
    return told


async def _one(api: Api, replica: str, pod: Manifest, *, namespace: str) -> Sequence[Standing] | BackendError:
    try:
        ran = await execute(
            api,
            namespace=namespace,
            pod=str(pod["metadata"]["name"]),
            container=container_of(pod).name,
            command=COMMAND,
            most=MOST,
            within=WITHIN,
        )
    except BackendError as error:
        return error
    told = standings(lines_of(ran.out), replica=replica)
    return told or ([Standing(replica=replica, silent=_why(ran))] if ran.code != 0 else [])


def _why(ran: Ran) -> str:
    """Nothing came, and the command failed."""
    if "usage: " in ran.words:
        return "its runner is older than this command"
    return f"it could not be asked: {ran.words[:200] or f'exit code {ran.code}'}"


async def _refused(api: Api, *, namespace: str) -> BackendError:
    """Which of the rights are missing, and the line that grants them. A server may not tell: then it is both."""
    try:
        verdicts = await review(api, STACKS.rights, namespace=namespace)
        missing = [right for right, verdict in verdicts.items() if not verdict.allowed]
        who = await user(api)
    except BackendError:
        missing, who = [], ""
    missing = missing or list(STACKS.rights)
    verbs = " and ".join(right.verb for right in missing)
    message = f"{who or 'you'} may not {verbs} {missing[0].name} in the namespace {namespace}, which asking a pod needs"
    line = grant_all(missing, user=who or "YOU", namespace=namespace)
    return BackendError(message, hint=f"Who may grant it does so with: {line}")
