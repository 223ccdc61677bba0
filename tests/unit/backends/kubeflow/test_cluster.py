"""A cluster is asked only for what a job's place depends on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from ciao.backends.kubeflow.cluster import Cluster
from ciao.k8s.base import Manifest
from ciao.settings import Settings
from fakes.asked import spec

SETTINGS = Settings(home=Path("/nowhere"), images=MappingProxyType({"pytorch": "torch:1"}))


@dataclass
class Server:
    """Serves PyTorchJobs and TrainJobs, allows everything, and knows what it was asked."""

    context: str = "fake"
    namespace: str = "team"
    asked: list[str] = field(default_factory=list)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content: str = "",
    ) -> Manifest:
        self.asked.append(f"{method} {path.rsplit('/', 1)[-1]}")
        kinds = {"kubeflow.org": ("v1", "PyTorchJob"), "trainer.kubeflow.org": ("v1alpha1", "TrainJob")}
        for group, (version, kind) in kinds.items():
            if path == f"/apis/{group}":
                return {"preferredVersion": {"version": version}, "versions": [{"version": version}]}
            if path == f"/apis/{group}/{version}":
                return {"resources": [{"kind": kind, "name": f"{kind.lower()}s", "namespaced": True}]}
        if "customresourcedefinitions" in path:
            patches: Manifest = {"spec": {"properties": {"runtimePatches": {}}}}
            return {
                "spec": {"versions": [{"name": "v1alpha1", "schema": {"openAPIV3Schema": {"properties": patches}}}]}
            }
        return {"status": {"allowed": True}}

    def stream(self, path: str, *, params: Mapping[str, str] | None = None, idle: float) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError

    def messages(
        self, path: str, *, params: Sequence[tuple[str, str]], protocols: Sequence[str]
    ) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


async def test_a_job_of_the_training_operator_asks_nothing_about_trainer() -> None:
    server = Server()
    await Cluster(SETTINGS, api=server, namespace="team").place(spec())
    assert server.asked == ["GET kubeflow.org", "GET v1"]


async def test_a_second_job_asks_nothing_of_what_is_known() -> None:
    server = Server()
    cluster = Cluster(SETTINGS, api=server, namespace="team")
    place = await cluster.place(spec(kind="TrainJob"))
    assert server.asked.count("POST selfsubjectaccessreviews") == 1
    server.asked.clear()
    assert await cluster.place(spec(kind="TrainJob")) == place
    assert server.asked == []
