"""Why a replica failed, from what its pod says: the runner's last words, Kubernetes' reasons, exit codes. Pure.

What the runner wrote comes from the user's own process: it is read as untrusted data (:mod:`ciao.backends.records`).
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ciao.backends.kubeflow.replicas import Container, container_of, moment
from ciao.backends.memory import out_of_memory
from ciao.backends.records import exception_failure, exit_failure, signal_failure
from ciao.k8s.base import Manifest
from ciao.model import CODE, Failure, FailureKind

__all__ = ["STOPPED", "abandoned", "failure_of", "gone", "job_failure", "last_words", "refused", "verdict_failure"]

STOPPED = 128 + signal.SIGTERM
"""What the runner exits with when it was told to end: somebody ended the replica, whatever the code made of it."""

_MEMORY = re.compile(r"\d+(\.\d+)?([kKMGTPE]i?)?")

_NO_PROGRAM = re.compile(r"[^\n]*\bexec [^\n]*: exec format error", re.IGNORECASE)
_NO_RUNNER = re.compile(rf"[^\n]*python3: can't open file '{CODE}/[^\n]*")

_TOO_LONG = "it ran longer than its timeout, and nobody watched it: the cluster has ended it"

_DISRUPTIONS = {
    "PreemptionByScheduler": ("Preempted", "a pod of higher priority took its place on its node"),
    "DeletionByTaintManager": ("NodeLost", "its node stopped answering, or was drained"),
    "EvictionByEvictionAPI": ("Evicted", "its node was being drained"),
    "DeletionByPodGC": ("NodeLost", "its node is gone"),
    "TerminationByKubelet": ("Evicted", "its node ended it"),
}


def failure_of(replica: str, pod: Manifest, *, now: float) -> Failure | None:
    """The failure of a pod whose container has ended badly, or that its node ended; None if it has none.

    A container that is started again by Kubernetes has failed all the same: nobody asked for that.
    """
    container = container_of(pod)
    status = pod.get("status") or {}
    if status.get("reason") == "DeadlineExceeded":
        return Failure(replica=replica, kind="timeout", time=now, ename="DeadlineExceeded", evalue=_TOO_LONG)
    if status.get("reason") in (
        "Evicted",
        "Preempting",
        "NodeLost",
        "NodeShutdown",
        "Shutdown",
        "UnexpectedAdmissionError",
    ):
        return _ended_by_node(replica, pod, str(status["reason"]), str(status.get("message") or ""), now)
    state = container.terminated or container.last
    if state is None or (state.get("exitCode") == 0 and state.get("reason") != "OOMKilled"):
        return None
    disrupted = _disruption(pod)
    if disrupted is not None and state.get("reason") != "OOMKilled":
        return _ended_by_node(replica, pod, *disrupted, now)
    return _terminated(replica, pod, container, state, now)


def last_words(message: object) -> Mapping[str, Any] | None:
    """The runner's record in a termination message; None for anything else."""
    if not isinstance(message, str):
        return None
    try:
        record = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and record.get("v") == 1 else None


def gone(replica: str, pod: Manifest, *, now: float) -> Failure:
    """The failure of a replica whose pod disappeared while it ran, which neither we nor the job's operator did."""
    disrupted = _disruption(pod)
    if disrupted is not None:
        return _ended_by_node(replica, pod, *disrupted, now)
    name = pod["metadata"]["name"]
    words = f"its pod {name} was deleted by somebody else"
    return Failure(replica=replica, kind="lost", time=now, ename="PodDeleted", evalue=words)


def abandoned(pod: Manifest) -> bool:
    """It is deleted because its node does not answer: nobody will tell how its container ends."""
    leaves = (pod.get("metadata") or {}).get("deletionTimestamp") is not None
    disrupted = _disruption(pod)
    return leaves and disrupted is not None and disrupted[0] == "NodeLost" and container_of(pod).terminated is None


def refused(replica: str, code: str, words: str, *, now: float) -> Failure:
    """The failure of a replica that never started, and never will."""
    return Failure(replica=replica, kind="start", time=now, ename=code, evalue=words)


def job_failure(ename: str, words: str, *, now: float) -> Failure:
    """The failure of a job as a whole, which no replica is to blame for."""
    kind: FailureKind = "timeout" if ename == "DeadlineExceeded" else "lost"
    return Failure(replica="", kind=kind, time=now, ename=ename, evalue=words)


def verdict_failure(verdict: Manifest, *, now: float) -> Failure:
    """What the operator says of a job whose replicas tell nothing: their pods are gone, or never were."""
    message = " ".join(str(verdict.get("message") or "").split())[:500]
    late = "deadline" in message or verdict.get("reason") == "DeadlineExceeded"
    ename = "DeadlineExceeded" if late else "JobFailed"
    return job_failure(ename, message or "the operator gave no reason", now=now)


def _terminated(replica: str, pod: Manifest, container: Container, state: Manifest, now: float) -> Failure:
    seen = moment(state.get("finishedAt"), otherwise=now)
    code, reason = int(state.get("exitCode") or 0), state.get("reason")
    words = last_words(state.get("message"))
    when = float(words["time"]) if words and isinstance(words.get("time"), (int, float)) else seen
    if reason == "OOMKilled" or _used_up(words):
        return _out_of_memory(replica, pod, container, when)
    if (unable := _not_begun(reason, str(state.get("message") or ""))) is not None:
        return refused(replica, *unable, now=seen)
    if words is not None:
        told = exception_failure(replica, words, seen=when)
        if told is not None:
            return told
        if isinstance(number := words.get("signal"), int) and not isinstance(number, bool):
            return _killed(replica, number, when, words)
    if code > 128:  # a shell's and the runner's way to say a signal
        return _killed(replica, code - 128, when, {})
    return exit_failure(replica, code, when=when, words=words or {})


def _used_up(words: Mapping[str, Any] | None) -> bool:
    """The kernel has killed for want of memory, which the container's runtime may miss: it hears of it by an event."""
    kills = (words or {}).get("oom_kills")
    return isinstance(kills, int) and kills > 0


def _killed(replica: str, number: int, when: float, words: Mapping[str, Any]) -> Failure:
    failure = signal_failure(replica, number, when=when, words=words)
    if failure.ename == "SIGKILL":
        return replace(failure, evalue="killed: by hand, or by its node for want of memory")
    return failure


def _out_of_memory(replica: str, pod: Manifest, container: Container, when: float) -> Failure:
    limit = _limit(pod, container.name)
    words = out_of_memory(limit) if limit else "its node had no memory left"
    return Failure(replica=replica, kind="signal", time=when, ename="OOMKilled", evalue=words)


def _limit(pod: Manifest, name: str) -> str:
    for one in pod.get("spec", {}).get("containers") or []:
        if one.get("name") == name:
            text = str(((one.get("resources") or {}).get("limits") or {}).get("memory") or "")
            return text if _MEMORY.fullmatch(text) else ""
    return ""


def _not_begun(reason: object, message: str) -> tuple[str, str] | None:
    """Of a container that ended before the runner could say a word: the one line of its log is its message then."""
    line = message.strip()
    if reason in ("StartError", "ContainerCannotRun"):
        return "StartError", _start_error(message)
    if _NO_PROGRAM.fullmatch(line):
        return "WrongPlatform", "the programs of its image are for another platform than that of its node"
    if _NO_RUNNER.fullmatch(line):
        return "NoCode", f"there is no code at {CODE} in its container"
    return None


def _start_error(message: str) -> str:
    """Of runc's long sentence only what is wrong: ``exec: "nope": executable file not found in $PATH``."""
    found = re.search(r"exec: .*?(?=: unknown|$)", message, re.DOTALL)
    return found[0][:500] if found else message[-500:] or "its container could not be started"


def _ended_by_node(replica: str, pod: Manifest, reason: str, message: str, now: float) -> Failure:
    ename = "NodeLost" if reason == "NodeLost" else "Preempted" if reason.startswith("Preempt") else "Evicted"
    words = (" ".join(message.split())[:500] or "its node ended it").rstrip(". ")
    if node := pod.get("spec", {}).get("nodeName"):
        words = words.replace("its node", f"its node {node}") if "its node" in words else f"{words} (node {node})"
    return Failure(replica=replica, kind="lost", time=now, ename=ename, evalue=words)


def _disruption(pod: Manifest) -> tuple[str, str] | None:
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            return _DISRUPTIONS.get(str(condition.get("reason")), ("Evicted", str(condition.get("message") or "")))
    return None
