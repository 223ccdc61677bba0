"""Images that are built in the cluster: by both builders, from a notebook, of a Dockerfile, and what goes wrong."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ciao import pipeline
from ciao.backends.kubeflow.backend import Kubeflow
from ciao.errors import BundleError
from ciao.model import Finished, Job, JobSpec, Packing, Phase, Role, Target
from ciao.s2i.incluster.rights import role
from ciao.s2i.incluster.strategy import InCluster
from ciao.settings import Settings
from cluster import readiness, tekton
from fakes.told import Ran, Spec

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl
    from cluster.outside import Cluster
    from cluster.registries import Registry
    from clusters import Images
    from fakes.rooms import Room

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

BUILDERS = {"cluster-buildkit": "buildkit", "cluster-kaniko": "kaniko"}
ALL = {**BUILDERS, "tekton": "kaniko"}
LEVEL = "pod-security.kubernetes.io/enforce"
FIRST = "ARG BASE\nFROM ${BASE}\n"

Build = Callable[..., Any]


def at(settings: Settings, registry: Registry, image: Images, kubectl: Kubectl) -> Settings:
    """Pushing there, below a folder of the test's own; the base is there, too."""
    return replace(
        settings,
        images=MappingProxyType({"pytorch": registry.named(image("python"))}),
        s2i_registry=f"{registry.address}/{kubectl.namespace}",
        s2i_insecure=() if registry.authority else (registry.address,),
        s2i_ca=registry.authority,
        s2i_username=registry.user or None,
        s2i_password=registry.password or None,
        s2i_images=MappingProxyType({name: image(of) for name, of in ALL.items()}),
    )


@pytest.fixture
def settings(settings: Settings, registry: Registry, image: Images, kubectl: Kubectl) -> Settings:
    return at(settings, registry, image, kubectl)


@pytest.fixture
def ran(backend: Kubeflow, settings: Settings) -> Build:
    """A job from its spec to its end, its code in an image that this builder builds."""

    async def ran(spec: JobSpec, name: str = "cluster-buildkit") -> Ran:
        s2i = InCluster(name, settings, backend.api)
        async with aclosing(pipeline.run(spec, s2i=s2i, backend=backend)) as events:
            return Ran([event async for event in events])

    return ran


@pytest.fixture
def written(spec: Spec, tmp_path: Path) -> Build:
    """A cell whose notebook lies beside a Dockerfile with these lines."""

    def written(code: str, *lines: str) -> JobSpec:
        (tmp_path / "Dockerfile").write_text(FIRST + "\n".join(lines))
        (tmp_path / "words.txt").write_text("from a file\n")
        made = spec(code, workers=1, dockerfile="Dockerfile")
        return replace(made, cell=replace(made.cell, notebook=str(tmp_path / "note.ipynb")))

    return written


def left(kubectl: Kubectl) -> list[str]:
    """Of builds; pods go a moment later."""
    known = "taskruns," if "taskruns" in kubectl("api-resources", "-o=name") else ""
    return kubectl("get", f"{known}jobs,secrets,configmaps", "--selector=ciao/build", "-o=name").split()


@pytest.mark.parametrize("name", BUILDERS)
async def test_a_job_runs_in_an_image_that_was_built_there(name: str, ran: Build, spec: Spec, kubectl: Kubectl) -> None:
    if name == "cluster-kaniko":
        kubectl("label", "namespace", kubectl.namespace, f"{LEVEL}=baseline")
    told = await ran(spec(f"print('by {name}')", workers=1), name)
    assert (told.outcome.phase, told.lines("worker-0")) == (Phase.SUCCEEDED, [f"by {name}"])
    steps = [event.step for event in told.events if isinstance(event, Packing)]
    assert any("COPY" in step for step in steps)
    assert left(kubectl) == []


async def test_a_job_runs_in_an_image_that_tekton_built(
    ran: Build, spec: Spec, written: Build, kubectl: Kubectl, cluster: Cluster
) -> None:
    await asyncio.to_thread(tekton.start, cluster, kubectl)
    told = await ran(spec("print('by tekton')", workers=1), "tekton")
    assert (told.outcome.phase, told.lines("worker-0")) == (Phase.SUCCEEDED, ["by tekton"])
    with pytest.raises(BundleError, match="tekton could not build the image: exit status 2"):
        await ran(written("pass", "RUN ls /nowhere"), "tekton")
    assert left(kubectl) == []


async def test_a_dockerfile_of_the_user_runs_its_commands_and_gets_its_folder(ran: Build, written: Build) -> None:
    of = written("print(open('/srv/made.txt').read())", "WORKDIR /srv", "COPY words.txt .", "RUN cp words.txt made.txt")
    told = await ran(of)
    assert (told.outcome.phase, told.lines("worker-0")[0]) == (Phase.SUCCEEDED, "from a file")


@pytest.mark.parametrize("name", BUILDERS)
async def test_a_command_that_fails_is_shown_with_what_it_said(
    name: str, ran: Build, written: Build, kubectl: Kubectl
) -> None:
    with pytest.raises(BundleError) as caught:
        await ran(written("pass", "RUN echo about to fail && ls /nowhere"), name)
    assert caught.value.message.startswith(f"{name} could not build the image: ")
    assert "\n    ls: cannot access '/nowhere': No such file or directory\n" in caught.value.hint
    assert left(kubectl) == []


async def test_an_interrupt_ends_the_build_and_leaves_nothing(
    backend: Kubeflow, settings: Settings, written: Build, kubectl: Kubectl
) -> None:
    s2i = InCluster("cluster-buildkit", settings, backend.api)
    building = asyncio.Event()

    async def run() -> Finished:
        async with aclosing(
            pipeline.run(written("pass", "RUN echo now && sleep 600"), s2i=s2i, backend=backend)
        ) as events:
            async for event in events:
                if isinstance(event, Packing) and event.step.endswith(": now"):
                    building.set()
        assert isinstance(event, Finished)
        return event

    work = asyncio.create_task(run())
    await asyncio.wait([work, asyncio.create_task(building.wait())], return_when=asyncio.FIRST_COMPLETED)
    work.cancel()
    assert (await work).outcome.phase is Phase.CANCELLED
    assert left(kubectl) == []
    readiness.until(lambda: kubectl.names("pods") == [], what="The builder's pod goes")


@pytest.mark.parametrize(
    ("name", "level", "way_out"),
    [
        ("cluster-buildkit", "baseline", r"rootless BuildKit needs seccomp Unconfined.* %s2i=cluster-kaniko fits"),
        ("cluster-kaniko", "restricted", r"kaniko runs as root of its container.* Use %s2i=append"),
    ],
)
async def test_a_namespace_that_takes_no_such_pod_says_so_with_the_ways_out(
    name: str, level: str, way_out: str, ran: Build, spec: Spec, kubectl: Kubectl
) -> None:
    kubectl("label", "namespace", kubectl.namespace, f"{LEVEL}={level}")
    with pytest.raises(BundleError, match=rf"its label {LEVEL} is {level}, and {way_out}"):
        await ran(spec("pass", workers=1), name)
    assert left(kubectl) == []


async def test_a_builder_whose_image_cannot_be_pulled_is_named_with_its_setting(
    backend: Kubeflow, settings: Settings, spec: Spec, kubectl: Kubectl
) -> None:
    nowhere = f"{settings.s2i_registry}/no/builder:1"
    missing = replace(settings, s2i_images=MappingProxyType({"cluster-kaniko": nowhere}))
    of = spec("pass", workers=1)
    with pytest.raises(BundleError, match=rf"cannot pull the image that builds, {nowhere}: .*s2i\.images\.cluster-kan"):
        await _built(InCluster("cluster-kaniko", missing, backend.api), of, settings)
    assert left(kubectl) == []


@pytest.mark.parametrize("name", BUILDERS)
async def test_a_registry_with_a_password_is_pulled_from_and_pushed_to(
    name: str, backend: Kubeflow, settings: Settings, spec: Spec, kubectl: Kubectl, htpasswd_registry: Registry,
    image: Images,
) -> None:  # fmt: skip
    guarded = at(settings, htpasswd_registry, image, kubectl)
    bundle, told = await _built(InCluster(name, guarded, backend.api), spec("pass"), guarded)
    assert f"{htpasswd_registry.address}/{kubectl.namespace}/ciao@sha256:" in repr(bundle)
    encoded = base64.b64encode(f"{htpasswd_registry.user}:{htpasswd_registry.password}".encode()).decode()
    seen = repr((bundle, told)) + kubectl("get", "jobs,pods,configmaps,events", "-o=yaml")
    assert htpasswd_registry.password not in seen
    assert encoded not in seen


@pytest.mark.parametrize("name", BUILDERS)
async def test_a_registry_behind_tls_by_an_authority_of_its_own(
    name: str, backend: Kubeflow, settings: Settings, spec: Spec, kubectl: Kubectl, tls_registry: Registry,
    image: Images,
) -> None:  # fmt: skip
    trusted = at(settings, tls_registry, image, kubectl)
    bundle, _ = await _built(InCluster(name, trusted, backend.api), spec("pass"), trusted)
    assert f"{tls_registry.address}/{kubectl.namespace}/ciao@sha256:" in repr(bundle)


async def test_the_rights_of_our_list_are_enough_to_build(
    settings: Settings, spec: Spec, kubectl: Kubectl, tmp_path: Path
) -> None:
    kubectl("create", "serviceaccount", "ann")
    kubectl.create(role(namespace=kubectl.namespace))
    kubectl("create", "rolebinding", "ann", "--role=ciao-build", f"--serviceaccount={kubectl.namespace}:ann")
    config = yaml.safe_load(kubectl.kubeconfig.read_text())
    config["users"] = [{**config["users"][0], "user": {"token": kubectl("create", "token", "ann").strip()}}]
    (tmp_path / "ann").write_text(yaml.safe_dump(config))
    user = f"--as=system:serviceaccount:{kubectl.namespace}:ann"
    asked = ("auth", "can-i", "list", "events", user)
    readiness.until(lambda: not kubectl.run(*asked).returncode, what="The role holds")
    other = Kubeflow(replace(settings, kubeconfig=tmp_path / "ann"))
    try:
        await _built(InCluster("cluster-kaniko", settings, other.api), spec("pass"), settings)
    finally:
        await other.close()
    assert left(kubectl) == []


def test_a_cell_of_a_notebook_is_built_by_buildkit_and_runs(room: Room, registry: Registry, image: Images) -> None:
    given = {
        "CIAO_S2I_REGISTRY": f"{registry.address}/{room.kubectl.namespace}",
        "CIAO_S2I_INSECURE": registry.address,
        "CIAO_S2I_IMAGES_CLUSTER_BUILDKIT": image("buildkit"),
    }
    kernel = room.launch(room.home, **given)
    ran = kernel.run(
        "%framework=pytorch\n%worker=2\n%s2i=cluster-buildkit\nimport os\nprint('rank', os.environ['RANK'])\n"
    )
    assert ran.status.startswith("succeeded in "), ran
    assert sorted(re.findall(r"rank \d", ran.stdout)) == ["rank 0", "rank 1"]
    assert left(room.kubectl) == []


async def _built(s2i: InCluster, of: JobSpec, settings: Settings) -> tuple[object, list[object]]:
    """The bundle alone, and what was told."""
    told: list[object] = []
    images = {Role.WORKER: settings.images["pytorch"]}
    target = Target(images=images, platforms=("linux/amd64",), namespace=settings.namespace or "")
    return await s2i.build(of, Job.named(of, backend="kubeflow", now=0.0), target, told.append), told
