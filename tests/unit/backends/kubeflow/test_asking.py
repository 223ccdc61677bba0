"""Pods are asked by a command in each; who may not is told how to get the right."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from ciao.backends.kubeflow.asking import ask, asked
from ciao.errors import BackendError, BackendUnavailable
from ciao.k8s.base import Manifest
from ciao.k8s.errors import ApiError

RANKED = ("worker-0", "worker-1")
DUMP = (
    'Current thread 0x01 (most recent call first):\n  File "/ciao/code/cell_7.py", line 3 in <module>\n'
    '  File "/ciao/code/ciao_runner/__main__.py", line 37 in <module>\n'
)
TOLD = json.dumps({"v": 1, "replica": "liar-9", "state": "S", "code": "/ciao/code", "dump": DUMP, "texts": {"3": "x"}})
OK = b'\x03{"status":"Success"}'
FAILED = b'\x03{"status":"Failure","details":{"causes":[{"reason":"ExitCode","message":"1"}]}}'


def pod(index: int, *, running: bool = True, created: str = "2026-01-01T00:00:00Z") -> Manifest:
    state = {"running": {}} if running else {"terminated": {"exitCode": 0}}
    labels = {"training.kubeflow.org/replica-type": "worker", "training.kubeflow.org/replica-index": str(index)}
    return {
        "metadata": {"name": f"p-{index}-{created[:4]}", "labels": labels, "creationTimestamp": created},
        "spec": {"containers": [{"name": "sidecar"}, {"name": "pytorch", "env": [{"name": "CIAO_JOB"}]}]},
        "status": {"containerStatuses": [{"name": "pytorch", "state": state}]},
    }


@dataclass(kw_only=True)
class Cluster:
    """``pods`` are the messages, or the refusal, of each by its number; ``lacks`` are verbs on pods/exec."""

    pods: Sequence[Sequence[bytes] | BackendError]
    lacks: Sequence[str] = ()
    context: str = "ctx"
    namespace: str = "team"
    asked: list[tuple[str, Sequence[tuple[str, str]]]] = field(default_factory=list)

    async def request(self, method: str, path: str, *, body: Manifest | None = None, **_: Any) -> Manifest:
        assert body is not None
        if "selfsubjectaccessreviews" not in path:
            return {"status": {"userInfo": {"username": "ann"}}}
        return {"status": {"allowed": body["spec"]["resourceAttributes"]["verb"] not in self.lacks}}

    def stream(self, path: str, *, params: Mapping[str, str] | None = None, idle: float) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError

    async def messages(
        self, path: str, *, params: Sequence[tuple[str, str]], protocols: Sequence[str]
    ) -> AsyncGenerator[bytes, None]:
        self.asked.append((path, params))
        said = self.pods[int(path.split("/")[-2].split("-")[1])]
        if isinstance(said, BackendError):
            raise said
        for message in said:
            yield message

    async def close(self) -> None:
        pass


async def told(*pods: Sequence[bytes] | BackendError, lacks: Sequence[str] = ()) -> list[tuple[str, str]]:
    cluster = Cluster(pods=pods, lacks=lacks)
    there = asked([pod(n) for n in range(len(pods))], RANKED, replica=None)
    return [
        (one.replica, one.silent or str(one.threads[0].frames[0].line))
        for one in await ask(cluster, there, namespace="team")
    ]


async def test_each_pod_tells_for_its_own_replica_alone() -> None:
    cluster = Cluster(pods=[[b"\x01" + TOLD.encode(), OK]])
    (one,) = await ask(cluster, asked([pod(0)], RANKED, replica=None), namespace="team")
    assert (one.replica, one.threads[0].frames[0].source) == ("worker-0", ("x",))
    ((path, params),) = cluster.asked
    assert path == "/api/v1/namespaces/team/pods/p-0-2026/exec"
    assert ("container", "pytorch") in params
    assert [value for name, value in params if name == "command"][::2] == ["python3", "stacks"]


def test_of_several_pods_of_a_replica_the_newest_that_runs_is_asked() -> None:
    pods = [pod(0, created="2026-01-02"), pod(0), pod(1), pod(1, running=False, created="2027-01-01"), pod(5)]
    found = asked(pods, RANKED, replica=None)
    assert {name: one["metadata"]["name"] for name, one in found.items()} == {
        "worker-0": "p-0-2026", "worker-1": "p-1-2026",
    }  # fmt: skip
    assert list(asked(pods, RANKED, replica="worker-1")) == ["worker-1"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([b"\x02usage: python ciao_runner (cell FILE)", FAILED], "its runner is older than this command"),
        ([b"\x02no such file: python3", b'\x03{"status":"Failure"}'], "it could not be asked: no such file: python3"),
        ([FAILED], "it could not be asked: exit code 1"),
        (ApiError("container not found", code=500), "container not found"),
        (BackendUnavailable("a command in p-1 took longer than 25 s"), "a command in p-1 took longer than 25 s"),
    ],
)
async def test_who_cannot_be_asked_is_named_beside_those_who_answer(
    said: Sequence[bytes] | BackendError, words: str
) -> None:
    assert await told([b"\x01" + TOLD.encode(), OK], said) == [("worker-0", "3"), ("worker-1", words)]


@pytest.mark.parametrize(
    ("lacks", "verbs"), [(["create", "get"], "create and get"), (["create"], "create"), ([], "create and get")]
)
async def test_who_may_not_ask_gets_the_line_that_grants_it(lacks: Sequence[str], verbs: str) -> None:
    with pytest.raises(BackendError) as refused:
        await told([b"\x01" + TOLD.encode(), OK], ApiError("forbidden", code=403), lacks=lacks)
    assert refused.value.message == f"ann may not {verbs} pods/exec in the namespace team, which asking a pod needs"
    assert f"--verb={verbs.replace(' and ', ',')} --resource=pods/exec -n team && " in refused.value.hint


async def test_a_cluster_that_is_away_is_an_error() -> None:
    with pytest.raises(BackendUnavailable, match="away"):
        await told(BackendUnavailable("away"), BackendUnavailable("away"))
