"""A base is asked by a pod that lives for a moment, and of which nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BackendUnavailable, BundleError
from ciao.k8s.base import Manifest
from ciao.k8s.errors import ApiError
from ciao.model import Notice, Packing
from ciao.s2i.oci import Base, scratch
from ciao.s2i.packages.interior import Interior
from ciao.s2i.packages.pod import NotAllowed, ask
from ciao.s2i.packages.question import program
from ciao.s2i.registry.base import Reference
from ciao.settings import Settings

FACTS = {"python": "3.11.2", "implementation": "cpython", "machine": "x86_64", "libc": "glibc 2.36"}
SAID = "a warning\nciao-interior:" + json.dumps({**FACTS, "distributions": {"NumPy": "1.24.2"}}) + "\n"
SETTINGS = Settings(
    home=Path("/nowhere"), s2i_registry="push.example/team", s2i_pull="pull.example", s2i_pull_secrets=("regcred",)
)


def base(**runs: object) -> Base:
    empty = scratch("linux/arm64")
    at = Reference(host="push.example", repository="team/python", digest=f"sha256:{'a' * 64}")
    return Base(
        name="python:1",
        reference=at,
        platform=empty.platform,
        manifest=empty.manifest,
        config={**empty.config, "config": runs},
        media_type=empty.media_type,
    )


class Cluster:
    """Answers with one status after the other, the last again and again."""

    context, namespace = "test", "team"

    def __init__(self, *statuses: Manifest, log: str = SAID, refuses: Exception | None = None) -> None:
        self.statuses = list(statuses)
        self.log = log
        self.refuses = refuses
        self.asked: list[str] = []
        self.pod: Manifest = {}
        self.looked = asyncio.Event()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content: str = "",
    ) -> Manifest:
        self.asked.append(f"{method} {path.removeprefix('/api/v1/namespaces/team/')}")
        await asyncio.sleep(0)
        if method == "POST":
            if self.refuses:
                raise self.refuses
            self.pod = body or {}
        if path.endswith("/log"):
            return {"text": self.log}
        if method != "GET":
            return {}
        self.looked.set()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else (self.statuses or [{}])[0]
        return {"status": status}

    async def stream(
        self, path: str, *, params: Mapping[str, str] | None = None, idle: float
    ) -> AsyncGenerator[bytes, None]:
        yield b""

    def messages(
        self, path: str, *, params: Sequence[tuple[str, str]], protocols: Sequence[str]
    ) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def waiting(reason: str, message: str = "why") -> Manifest:
    return {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": reason, "message": message}}}]}


async def asked(cluster: Any, told: list[Packing | Notice] | None = None, **runs: object) -> Interior:
    told = [] if told is None else told
    return await ask(
        base(**runs), cluster, namespace="team", settings=SETTINGS, tell=told.append, sleep=lambda _: asyncio.sleep(0)
    )


async def test_its_python_says_what_it_has_and_the_pod_is_removed() -> None:
    cluster = Cluster({"phase": "Pending"}, {"phase": "Running"}, {"phase": "Succeeded"})
    found = await asked(cluster)
    assert (found.python, found.libc, found.distributions, found.exact) == (
        "3.11.2",
        "glibc 2.36",
        {"numpy": "1.24.2"},
        True,
    )
    assert cluster.asked[0] == "POST pods"
    assert cluster.asked[-1] == f"DELETE pods/{cluster.pod['metadata']['name']}"


async def test_the_pod_passes_restricted_and_names_the_image_as_nodes_do() -> None:
    cluster = Cluster({"phase": "Succeeded"})
    await asked(cluster)
    spec = cluster.pod["spec"]
    (container,) = spec["containers"]
    assert container["image"] == f"pull.example/python@sha256:{'a' * 64}"
    assert spec["nodeSelector"]["kubernetes.io/arch"] == "arm64"
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert spec["imagePullSecrets"] == [{"name": "regcred"}]


async def test_a_user_of_the_image_by_number_stays() -> None:
    cluster = Cluster({"phase": "Succeeded"})
    await asked(cluster, User="1234:5")
    assert cluster.pod["spec"]["securityContext"]["runAsUser"] == 1234


async def test_what_it_waits_for_is_told() -> None:
    told: list[Packing | Notice] = []
    scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node is free"}
    await asked(Cluster({"phase": "Pending", "conditions": [scheduled]}, {"phase": "Succeeded"}), told)
    assert any("no node is free" in one.step for one in told if isinstance(one, Packing))


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ([waiting("ErrImagePull", "denied")], "cannot be started in a pod: ErrImagePull: denied"),
        ([waiting("InvalidImageName")], "InvalidImageName"),
        ([{"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory"}], "low on memory"),
        (
            [
                {
                    "phase": "Failed",
                    "containerStatuses": [
                        {
                            "state": {
                                "terminated": {"reason": "StartError", "message": 'exec: "python3": file not found'}
                            }
                        }
                    ],
                }
            ],
            "has no python3 on its PATH",
        ),
    ],
)
async def test_a_pod_that_cannot_answer_says_why_and_is_removed(statuses: list[Manifest], words: str) -> None:
    cluster = Cluster(*statuses)
    with pytest.raises(BundleError, match=words):
        await asked(cluster)
    assert cluster.asked[-1].startswith("DELETE pods/ciao-probe-")


async def test_a_pull_that_heals_by_itself_is_waited_for() -> None:
    cluster = Cluster(waiting("ErrImagePull"), waiting("ContainerCreating"), {"phase": "Succeeded"})
    assert (await asked(cluster)).python == "3.11.2"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ApiError("the quota q is used up", code=403, hint="Ask for less"), NotAllowed),
        (ApiError("it is invalid", code=422), BundleError),
        (BackendUnavailable("it cannot be reached"), BundleError),
    ],
)
async def test_a_cluster_that_refuses_is_told(error: Exception, kind: type[BundleError]) -> None:
    with pytest.raises(BundleError, match="cannot be asked in a pod") as refused:
        await asked(Cluster(refuses=error))
    assert type(refused.value) is kind


@pytest.mark.parametrize(
    "said", ["", "Traceback\nModuleNotFoundError: encodings", "ciao-interior:{", "ciao-interior:[]"]
)
async def test_an_answer_that_is_none_is_told(said: str) -> None:
    with pytest.raises(BundleError, match="does not tell what it has"):
        await asked(Cluster({"phase": "Succeeded"}, log=said))


async def test_a_cancelled_question_leaves_no_pod() -> None:
    cluster = Cluster({"phase": "Pending"})
    asking = asyncio.ensure_future(asked(cluster))
    await cluster.looked.wait()
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    assert cluster.asked[-1].startswith("DELETE ")


def test_the_question_is_plain_python_that_answers_here(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", program()], capture_output=True, text=True, check=True, cwd=tmp_path)
    facts = json.loads(ran.stdout.partition("ciao-interior:")[2])
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "pytest" in facts["distributions"]
