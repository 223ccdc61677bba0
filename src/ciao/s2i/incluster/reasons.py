"""How a build stands, read from its pod, its Job and their events; and why it failed, in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from ciao.errors import BundleError
from ciao.k8s.base import Manifest
from ciao.k8s.errors import ApiError
from ciao.k8s.translate import refusal
from ciao.s2i.incluster.builders import BUILDERS, HERE, Builder
from ciao.s2i.incluster.manifests import DEADLINE, RESOURCES
from ciao.s2i.incluster.said import step_of

__all__ = ["Ended", "Started", "Waits", "failed", "no_pod", "state_of"]

SHOWN = 20
"""Lines of a failed build's log that are shown."""

REASON = re.compile(
    r"(?:error building image: (?:error building stage: )?(?:failed to execute command: )?"
    r"(?:waiting for process to exit: )?|(?:ERROR|[Ee]rror): "
    r"(?:failed to solve: )?)(.*)"
)
USAGE = "Usage:"
"""What follows in a log is how the program is called, which is not for the user to decide."""

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
POD_SECURITY = re.compile(r'violates PodSecurity "(?P<level>[a-z]+):[^"]*": (?P<what>.*)', re.DOTALL)
PULLS = frozenset({"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
NEVER = PULLS | {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
"""Why a container waits that nobody will start."""


@dataclass(frozen=True, kw_only=True)
class Waits:
    """It has not begun. ``why`` is words for people."""

    why: str


@dataclass(frozen=True, kw_only=True)
class Started:
    """There is a log."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """``code`` 0 and a ``digest``; or ``reason`` as the kubelet has it, and ``message``."""

    code: int
    reason: str = ""
    message: str = ""

    @property
    def digest(self) -> str:
        """What was pushed; empty if the builder did not tell."""
        found = DIGEST.search(self.message)
        return found[0] if found and self.code == 0 else ""


def state_of(pod: Manifest, *, builder: Builder, namespace: str) -> Waits | Started | Ended:
    """Raises BundleError for a pod that will never start."""
    status = pod.get("status") or {}
    state = _container(status, builder).get("state") or {}
    if ended := state.get("terminated"):
        code, reason = int(ended.get("exitCode") or 0), str(ended.get("reason") or "")
        return Ended(code=code, reason=reason, message=str(ended.get("message") or ""))
    if status.get("phase") == "Failed":
        return Ended(code=-1, reason=str(status.get("reason") or ""), message=str(status.get("message") or ""))
    if "running" in state:
        return Started()
    waiting = state.get("waiting") or {}
    if waiting.get("reason") in NEVER:
        raise _never(waiting, _image(pod, builder), builder, namespace)
    return Waits(why=_why(status, waiting))


def no_pod(run: Manifest, events: Iterable[Manifest], *, builder: Builder, namespace: str) -> None:
    """Return if its pod may still come. Raises BundleError for what the cluster has against it."""
    for message in _refusals(events):
        raise _refused(message, builder, namespace)
    for condition in (run.get("status") or {}).get("conditions") or ():
        if (condition.get("type"), condition.get("status")) in (("Failed", "True"), ("Succeeded", "False")):
            raise _run_failed(condition, builder, namespace)


def failed(ended: Ended, lines: Sequence[str], *, builder: Builder) -> BundleError:
    """The error for a build that ended without an image. ``lines`` are the end of its log."""
    if ended.reason == "OOMKilled" or ended.code == 137:
        limit = RESOURCES["limits"]["memory"]
        return BundleError(
            f"{builder.name} was ended because it needed more than its {limit} of memory",
            hint=". ".join(dict.fromkeys((HERE, builder.instead))),
        )
    if ended.reason == "DeadlineExceeded":
        return BundleError(
            f"{builder.name} took longer than {DEADLINE // 60} minutes, and was ended", hint=builder.instead
        )
    if ended.code < 0:
        why = ended.message or ended.reason or "the cluster does not say why"
        return BundleError(f"the pod of {builder.name} was ended: {why}", hint="Run the cell again")
    return _build_failed(ended, lines, builder)


def _build_failed(ended: Ended, lines: Sequence[str], builder: Builder) -> BundleError:
    told = list(takewhile(lambda line: line != USAGE, lines))
    reason = _reason(told) or f"it ended with {ended.code}"
    log = "".join(f"\n    {step}" for step in list(filter(None, map(step_of, told)))[-SHOWN:])
    hint = next((words for pattern, words in HINTS if any(re.search(pattern, line) for line in told)), "")
    hint = hint.format(instead=builder.instead)
    shown = f" The end of its log:{log}" if log else " Its log could not be read."
    return BundleError(f"{builder.name} could not build the image: {reason}", hint=f"{hint}{shown}".strip())


HINTS = (
    (r"No module named pip", "The base image has no pip: name one that has it with %image=. {instead}."),
    (r"(newuidmap|uid_map|proc/self/exe).*not permitted", "The nodes let no user make namespaces. {instead}."),
    (r"server gave HTTP response to HTTPS client", "If that is as it should be, name the registry in s2i.insecure."),
    (r"x509|certificate", "If the registry has an authority of its own, name its file in s2i.ca."),
    (r"401|UNAUTHORIZED|authentication required|403|DENIED", "See s2i.username and s2i.password, or `docker login`."),
    (r"no such host|connection refused|i/o timeout", "A pod must reach the registry by the name in s2i.registry."),
)  # fmt: skip


def _reason(lines: Sequence[str]) -> str:
    """The line that says it, without the builder's own marks."""
    for line in reversed(lines):
        if match := REASON.search(line):
            return match[1].strip()[:500]
    return ""


def _container(status: Manifest, builder: Builder) -> dict[str, Any]:
    return next((one for one in status.get("containerStatuses") or () if one.get("name") == builder.container), {})


def _image(pod: Manifest, builder: Builder) -> str:
    containers = (pod.get("spec") or {}).get("containers") or ()
    return next((str(one.get("image")) for one in containers if one.get("name") == builder.container), "")


def _why(status: Manifest, waiting: Manifest) -> str:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"waiting for a node: {condition.get('message') or 'none suits yet'}"
    if waiting.get("reason") == "ErrImagePull":
        return f"the builder's image cannot be pulled: {waiting.get('message') or ''}".rstrip(": ")
    return "starting the builder"


def _never(waiting: Manifest, image: str, builder: Builder, namespace: str) -> BundleError:
    reason, message = str(waiting.get("reason")), " ".join(str(waiting.get("message") or "").split())
    if reason in PULLS:
        return BundleError(
            f"the nodes cannot pull the image that builds, {image}: {message or reason}",
            hint=f"Copy it to where they can, and name that in s2i.images.{builder.name}. {builder.instead}",
        )
    return BundleError(
        f"the container of {builder.name} cannot start in {namespace}: {message or reason}", hint=builder.instead
    )


def _refusals(events: Iterable[Manifest]) -> Iterator[str]:
    """Of pods, as the Job's controller was told them."""
    for event in events:
        if event.get("reason") == "FailedCreate":
            yield str(event.get("message") or "").removeprefix("Error creating: ")


def _refused(message: str, builder: Builder, namespace: str) -> BundleError:
    if match := POD_SECURITY.search(message):
        return _pod_security(match["level"], match["what"], builder, namespace)
    error: ApiError = refusal(403, message.encode())
    return BundleError(
        f"the namespace {namespace} takes no pod of {builder.name}: {error.message}", hint=error.hint or builder.instead
    )


def _pod_security(level: str, what: str, builder: Builder, namespace: str) -> BundleError:
    """The ways out, the least first."""
    label = "pod-security.kubernetes.io/enforce"
    others = [one.name for one in BUILDERS.values() if one.by == "Job" and level == one.level == "baseline"]
    ways = [
        builder.instead,
        *(f"%s2i={name} fits {level}" for name in others if name != builder.name),
    ]
    command = f"kubectl label --overwrite namespace {namespace} {label}={builder.level}"
    fields = re.sub(r" \([^()]*\)", "", " ".join(what.split()))
    return BundleError(
        f"the namespace {namespace} takes no pod of {builder.name}: its label {label} is {level}, and {builder.needs}"
        f" ({fields})",
        hint=f"{'. '.join(ways)}. Or who may allow it does so with: {command}",
    )


def _run_failed(condition: Manifest, builder: Builder, namespace: str) -> BundleError:
    """Tekton tells here what a Job's controller tells in events."""
    why, reason = str(condition.get("message") or ""), str(condition.get("reason") or "")
    if reason in ("DeadlineExceeded", "TaskRunTimeout"):
        return failed(Ended(code=-1, reason="DeadlineExceeded"), (), builder=builder)
    if " is forbidden: " in why:
        return _refused(why, builder, namespace)
    if builder.by == "TaskRun":
        return BundleError(f"Tekton could not run the build: {why or reason}", hint=builder.instead)
    return BundleError(f"the pod of {builder.name} is gone: {why or reason}", hint="Run the cell again")
