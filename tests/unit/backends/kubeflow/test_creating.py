"""A job's objects are created all or none, whatever comes between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from ciao.backends.kubeflow import creating
from ciao.errors import CreateRefused
from ciao.k8s.base import Manifest
from ciao.k8s.errors import ApiError
from fakes.asked import made, mounted, pinned, spec

OBJECTS = made(spec("pytorch", worker=1))


@dataclass
class Server:
    """Takes what is created; ``slow`` is a kind that it answers for once told to, ``refused`` one that it does not."""

    context: str = "fake"
    namespace: str = "team"
    slow: str = ""
    refused: str = ""
    because: str = ""
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    there: set[str] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content: str = "",
    ) -> Manifest:
        kind = path.rsplit("/", 1 if method == "POST" else 2)[-1 if method == "POST" else -2]
        self.kinds.add(kind)
        if method == "DELETE":
            self.there.discard(kind)
        if method == "POST":
            self.asked.set()
            if kind == self.slow:
                await self.go_on.wait()
            if kind == self.refused:
                raise ApiError(self.because, code=400 if self.because else 422)
            self.there.add(kind)
        return {"metadata": {"name": "j", "namespace": "team", "uid": "1", **(body or {}).get("metadata", {})}}

    def stream(self, path: str, *, params: Mapping[str, str] | None = None, idle: float) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError

    def messages(
        self, path: str, *, params: Sequence[tuple[str, str]], protocols: Sequence[str]
    ) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


@dataclass
class Unheard(Server):
    """Its Trainer hears of a runtime so many tries ``late``."""

    late: int = 0
    denied: asyncio.Event = field(default_factory=asyncio.Event)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content: str = "",
    ) -> Manifest:
        if method == "POST" and path.endswith("/trainjobs") and self.late > 0:
            self.late -= 1
            self.denied.set()
            raise ApiError(
                f'admission webhook "validator.trainjob" denied the request: {self.because or UNKNOWN}', code=403
            )
        return await super().request(method, path, params=params, body=body, content=content)


UNKNOWN = "not found: specified trainingRuntime must be created before the TrainJob is created"


async def test_what_is_refused_leaves_nothing_behind() -> None:
    server = Server(refused="pytorchjobs")
    with pytest.raises(CreateRefused):
        await creating.create(server, OBJECTS)
    assert server.there == set()


@pytest.mark.parametrize("late", [1, 8])
async def test_a_trainer_that_has_not_heard_of_a_new_runtime_yet_is_asked_again(
    late: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(creating, "UNHEARD", (0.0,) * 8)
    train_job = made(spec("pytorch", worker=1, kind="TrainJob"))
    server = Unheard(late=late)
    await creating.create(server, train_job)
    assert server.there == {"trainingruntimes", "configmaps", "trainjobs"}


@pytest.mark.parametrize(
    ("late", "own", "because"),
    [
        pytest.param(9, True, "", id="never heard of"),
        pytest.param(1, False, "", id="not ours"),
        pytest.param(1, True, "numNodes: Invalid value", id="another reason"),
    ],
)
async def test_any_other_refusal_is_told_at_once_and_that_one_in_the_end(
    late: int,
    own: bool,  # noqa: FBT001  # a column of the table
    because: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(creating, "UNHEARD", (0.0,) * 8)
    server = Unheard(late=late, because=because)
    with pytest.raises(CreateRefused, match=because or "must be created before the TrainJob"):
        await creating.create(server, made(spec("pytorch", worker=1, kind="TrainJob"), own_runtimes=own))
    assert server.there <= {"trainingruntimes"}


async def test_a_cancellation_between_two_tries_is_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creating, "UNHEARD", (3600.0,))
    server = Unheard(late=1)
    creation = asyncio.create_task(creating.create(server, made(spec("pytorch", worker=1, kind="TrainJob"))))
    await server.denied.wait()
    creation.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creation
    assert server.there == {"trainingruntimes"}


@pytest.mark.parametrize("times", [1, 3])
async def test_a_cancellation_waits_for_the_answer_so_that_the_job_can_be_found(times: int) -> None:
    server = Server(slow="pytorchjobs")
    creation: asyncio.Task[Any] = asyncio.create_task(creating.create(server, OBJECTS))
    await server.asked.wait()
    for _ in range(times):
        creation.cancel()
        await asyncio.sleep(0)
    server.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await creation
    assert "pytorchjobs" in server.there


async def test_nothing_is_asked_about_a_config_map_where_images_bring_the_code() -> None:
    server = Server(refused="pytorchjobs")
    with pytest.raises(CreateRefused):
        await creating.create(server, made(spec("pytorch", worker=1), bundle=pinned("torch:1")))
    assert server.kinds == {"pytorchjobs"}
    allowing = Server()
    await creating.create(allowing, made(spec("pytorch", worker=1), bundle=mounted()))
    assert allowing.kinds == {"pytorchjobs"}


STRICT = 'the cluster refused the request (400): strict decoding error: unknown field "{}"'


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("spec.pytorchReplicaSpecs.Worker.template.spec.volumes[0].image", "use %s2i=append or %s2i=configmap"),
        ("spec.pytorchReplicaSpecs.Worker.template.spec.nodeSelecter", "Correct %patch="),
    ],
    ids=["a Kubeflow older than image volumes", "a patch"],
)
async def test_a_field_that_the_cluster_does_not_know_is_named(field: str, hint: str) -> None:
    server = Server(refused="pytorchjobs", because=STRICT.format(field))
    with pytest.raises(CreateRefused) as caught:
        await creating.create(server, OBJECTS)
    assert f"the cluster's PyTorchJob has no field {field}" in str(caught.value)
    assert hint in str(caught.value)


async def test_what_is_refused_after_a_cancellation_is_said() -> None:
    server = Server(slow="pytorchjobs", refused="pytorchjobs")
    creation: asyncio.Task[Any] = asyncio.create_task(creating.create(server, OBJECTS))
    await server.asked.wait()
    creation.cancel()
    server.go_on.set()
    with pytest.raises(CreateRefused):
        await creation
    assert server.there == set()
