"""The code in an image that is mounted over the base image: where nodes can, and what is said where they cannot."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from cluster import control_plane, node, second_node
from cluster.readiness import succeeds
from fakes.served import Served

if TYPE_CHECKING:
    from cluster.outside import Cluster
    from cluster.registries import Registry
    from clusters import Images
    from fakes.kernel import Kernel, Ran
    from fakes.rooms import Room

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

HEAD = "%framework=pytorch\n%worker=2\n%s2i=imagevolume\n"
THERE = f"%patch={shlex.quote(json.dumps({'spec': second_node.placed({})}))}\n"
SMALL = 200_000
CANNOT = "node-0 cannot mount an image, by which the code comes"
WAY_OUT = "Use %s2i=append, or %s2i=configmap; or choose nodes that can with %patch="


def succeeded(ran: Ran) -> str:
    assert ran.status.startswith("succeeded in "), ran
    (job,) = re.findall(r"^job (\S+)", re.sub(r"\x1b\[[0-9;]*m", "", ran.stdout), re.MULTILINE)
    return str(job)


@pytest.fixture(scope="module")
def settings(room: Room, registry: Registry) -> Mapping[str, str]:
    address = registry.address
    return {"CIAO_S2I_REGISTRY": f"{address}/{room.kubectl.namespace}", "CIAO_S2I_INSECURE": address}


@pytest.fixture(scope="module")
def kernel(room: Room, settings: Mapping[str, str]) -> Kernel:
    kernel = room.launch(room.home, **settings)
    kernel.run(f"%cd -q {room.folder}")
    return kernel


@pytest.fixture(scope="module")
def second(cluster: Cluster) -> Cluster:
    """With containerd 2; it is added when first asked for."""
    second_node.add(cluster)
    return cluster


@pytest.mark.parametrize("kind", ["PyTorchJob", "TrainJob"])
def test_the_code_is_mounted_over_a_base_image_as_it_is(
    second: Cluster, kernel: Kernel, room: Room, image: Images, kind: str
) -> None:
    (room.folder / "note.txt").write_text("from a file")
    body = "import os\nprint(open('note.txt').read(), os.access('/ciao/code', os.W_OK))\n"
    ran = kernel.run(f"{HEAD}%kind={kind}\n%include=note.txt\n{THERE}{body}")
    job = succeeded(ran)
    assert ran.stdout.count("from a file False") == 2
    pods = json.loads(room.kubectl("get", "pods", f"-l=ciao/job={job}", "-o=json"))["items"]
    assert {one["spec"]["containers"][0]["image"] for one in pods} == {image("python")}
    assert re.search(r"code\s+in an image volume \(imagevolume\)", kernel.run(f"%ciao describe {job}").status)


def test_a_node_pulls_the_code_alone(second: Cluster, kernel: Kernel, room: Room) -> None:
    before = Served.now(second)
    new = f"# of {room.kubectl.namespace}, and so on no node yet\n"
    succeeded(kernel.run(f"{HEAD}{THERE}{new}print('and nothing else')\n"))
    assert 0 < sum(before.to_nodes().values()) < SMALL


def test_a_failure_has_the_cells_lines(second: Cluster, kernel: Kernel) -> None:
    name, value, text = kernel.run(f"{HEAD}{THERE}\nraise ValueError('no')\n").error
    assert (name, value) == ("ValueError", "no")
    assert re.search(r"Cell In\[\d+\], line 6\n", re.sub(r"\x1b\[[0-9;]*m", "", text))


def test_a_kubelet_that_has_them_off_is_named_with_the_way_out(kernel: Kernel) -> None:
    name, value, text = kernel.run(f"{HEAD}print('never')\n").error
    assert (name, value) == ("ImageVolume", f"{CANNOT}: its kubelet has the feature gate ImageVolume off")
    assert WAY_OUT in text


@pytest.fixture
def gate_on(cluster: Cluster) -> Iterator[None]:
    """The first node's kubelet has image volumes, and its containerd 1.6 has not."""

    def restart(settings: dict[str, object]) -> None:
        cluster.kill("kubelet")
        cluster.add(node.kubelet_of(node.first(cluster.layout), settings))

    restart({"featureGates": {"ImageVolume": True}})
    yield
    restart({})


@pytest.mark.usefixtures("gate_on")
def test_a_containerd_that_has_none_is_named_with_the_way_out(kernel: Kernel) -> None:
    name, value, text = kernel.run(f"{HEAD}print('never')\n").error
    assert (name, value) == ("ImageVolume", f"{CANNOT}: its containerd is older than 2.1")
    assert WAY_OUT in text


@pytest.fixture
def without(cluster: Cluster, tmp_path: Path) -> Iterator[Path]:
    """The kubeconfig of another API server of the same cluster, which drops image volumes and says nothing."""
    place = cluster.layout
    one = control_plane.apiserver(place, gates={**control_plane.GATES, "ImageVolume": False})
    other = {
        "--secure-port": "6444",
        "--cert-dir": str(place.state / "apiserver-2"),
        "--endpoint-reconciler-type": "none",
    }
    kept = [word for word in one.command if word.partition("=")[0] not in other]
    command = (*kept, *(f"{flag}={value}" for flag, value in other.items()))
    file = tmp_path / "kubeconfig"
    config = yaml.safe_load(place.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = place.api.replace("6443", "6444")
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(config))
    ready = succeeds("kubectl", f"--kubeconfig={file}", "get", "--raw", "/readyz")
    cluster.add(replace(one, name="kube-apiserver-2", command=command, ready=ready))
    yield file
    cluster.kill("kube-apiserver-2")


def test_an_api_server_that_drops_them_is_found_out_before_anything_is_made(
    without: Path, cluster: Cluster, room: Room, settings: Mapping[str, str]
) -> None:
    kernel = room.launch(room.home, **settings, KUBECONFIG=str(without))
    before = set(room.left())
    served = Served.now(cluster)
    name, value, text = kernel.run(f"{HEAD}print('never')\n").error
    assert name == "CreateRefused"
    assert " has no image volumes: it would run the pods without the code. Use" in value
    assert "Use %s2i=append or %s2i=configmap." in text
    assert set(room.left()) <= before
    assert served.pushes(f"{room.kubectl.namespace}/ciao") == 0
    succeeded(kernel.run(HEAD.replace("imagevolume", "append") + "print('by another way')\n"))
