"""Cells whose code becomes an image, from a notebook's cell to what the nodes pull."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakes.rooms import until
from fakes.served import Served
from fakes.stuck import stuck

if TYPE_CHECKING:
    from cluster.outside import Cluster
    from cluster.registries import Registry
    from clusters import Images
    from fakes.kernel import Kernel, Ran
    from fakes.rooms import Room

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

HEAD = "%framework=pytorch\n%worker=2\n"
SMALL = 200_000
"""Bytes: the code, the runner, an image's config and its manifest are less, the base image is far more."""


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def named(ran: Ran) -> str:
    """The job."""
    (name,) = re.findall(r"^job (\S+)", plain(ran.stdout), re.MULTILINE)
    return str(name)


def succeeded(ran: Ran) -> str:
    assert ran.status.startswith("succeeded in "), ran
    return named(ran)


def pulls(room: Room) -> str:
    """What nodes said of images that they have."""
    path = "-o=jsonpath={range .items[*]}{.message}\n"
    return room.kubectl("get", "events", "--field-selector=reason=Pulled", path)


@pytest.fixture(scope="module")
def repository(room: Room) -> str:
    return f"{room.kubectl.namespace}/ciao"


@pytest.fixture(scope="module")
def settings(room: Room, registry: Registry) -> Mapping[str, str]:
    """Of somebody who has a registry, and nothing else."""
    address = registry.address
    return {"CIAO_S2I_REGISTRY": f"{address}/{room.kubectl.namespace}", "CIAO_S2I_INSECURE": address}


@pytest.fixture(scope="module")
def kernel(room: Room, settings: Mapping[str, str]) -> Kernel:
    """Theirs, in a folder of theirs."""
    kernel = room.launch(room.home, **settings)
    kernel.run(f"%cd -q {room.folder}")
    return kernel


def test_an_edited_cell_runs_again_and_its_node_pulls_one_small_layer(
    kernel: Kernel, room: Room, cluster: Cluster, repository: str
) -> None:
    new = f"# of {room.kubectl.namespace}, and so on no node yet\n"
    cell = f"{HEAD}{new}import os\nprint('answer', {{}}, 'of rank', os.environ['RANK'])\n"
    succeeded(kernel.run(cell.format(1)))
    before = Served.now(cluster)
    ran = kernel.run(cell.format(2))
    job = succeeded(ran)
    assert ran.stdout.count("answer 2 of rank") == 2
    pulled = before.to_nodes()
    assert len(pulled) == 2, "the image's config, and the layer with the code"
    assert sum(pulled.values()) < SMALL
    assert pulled == before.to_nodes(repository)
    (image,) = room.kubectl("get", f"pytorchjob/{job}", r"-o=jsonpath={.metadata.annotations.ciao/images}").split()
    until(lambda: pulls(room).count(image) == 2)  # a node tells them when it comes to it
    said = pulls(room)
    assert f'Successfully pulled image "{image}" in ' in said
    assert f'Container image "{image}" already present' in said or said.count(image) == 2
    assert room.kubectl.names("configmaps") == ["kube-root-ca.crt"]


def test_the_same_cell_again_is_the_same_image(room: Room, cluster: Cluster, settings: Mapping[str, str]) -> None:
    cell = room.folder / "cell.py"
    cell.write_text(HEAD + "print('once more')\n")
    first, before = room.ciao("run", str(cell), home=room.home, **settings), Served.now(cluster)
    again = room.ciao("run", str(cell), home=room.home, **settings)
    assert (first.code, again.code) == (0, 0), (first, again)
    assert before.to_nodes() == {}


def test_a_description_tells_how_the_code_came(kernel: Kernel, repository: str) -> None:
    job = succeeded(kernel.run(HEAD + "print('hello')\n"))
    told = kernel.run(f"%ciao describe {job}").status
    assert re.search(rf"image\s+\S+/{repository}@sha256:[0-9a-f]{{64}}\n", told), told
    assert re.search(r"code\s+in the image \(append\)", told), told


def test_a_plan_names_the_image_and_pushes_nothing(
    kernel: Kernel, room: Room, cluster: Cluster, repository: str
) -> None:
    there, served = set(room.left()), Served.now(cluster)
    ran = kernel.run(f"%%ciao plan\n{HEAD}print('planned for', '{repository}')\n")
    shown = f"{ran.stdout}{ran.results}{ran.status}"
    assert re.search(rf"image: \S+/{repository}@sha256:[0-9a-f]{{64}}", shown), ran
    assert "ConfigMap" not in shown
    assert set(room.left()) <= there
    assert served.pushes(repository) == 0


@pytest.mark.parametrize("kind", ["PyTorchJob", "TrainJob"])
def test_the_failure_of_a_cell_in_an_image_has_the_cells_lines(kernel: Kernel, kind: str) -> None:
    body = "def train():\n    raise ValueError('no data')\n\ntrain()\n"
    name, value, text = kernel.run(f"{HEAD}%kind={kind}\n{body}").error
    assert (name, value) == ("ValueError", "no data")
    assert re.search(r"Cell In\[\d+\], line 7\n", plain(text))
    assert "----> 5     raise ValueError('no data')" in plain(text)


PACKAGE = """from pathlib import Path
WORDS = (Path(__file__).parent / "words.txt").read_text()
"""


@pytest.fixture(scope="module")
def included(room: Room) -> Path:
    """A package with data, and a file, beside the notebook."""
    package = room.folder / "shop"
    package.mkdir()
    (package / "__init__.py").write_text(PACKAGE)
    (package / "words.txt").write_text("bread, butter")
    (room.folder / "blob.bin").write_bytes(bytes(range(256)))
    return room.folder


@pytest.mark.usefixtures("included")
@pytest.mark.parametrize("strategy", ["append", "configmap"])
def test_a_local_package_with_its_data_and_a_file_go_along(kernel: Kernel, strategy: str) -> None:
    body = "import shop\nprint('list:', shop.WORDS, sum(open('blob.bin', 'rb').read()))\n"
    ran = kernel.run(f"{HEAD}%s2i={strategy}\n%include=shop blob.bin\n{body}")
    succeeded(ran)
    assert ran.stdout.count("list: bread, butter 32640") == 2


def test_packages_are_installed_once_and_the_next_cell_pulls_its_code_alone(kernel: Kernel, cluster: Cluster) -> None:
    cell = HEAD + "%package=einops==0.8.0\nimport einops\nprint('einops', einops.__version__, {})\n"
    succeeded(kernel.run(cell.format(1)))
    before = Served.now(cluster)
    ran = kernel.run(cell.format(2))
    job = succeeded(ran)
    assert ran.stdout.count("einops 0.8.0 2") == 2
    assert sum(before.to_nodes().values()) < SMALL
    assert re.search(r"packages\s+[0-9a-f]{16}", kernel.run(f"%ciao describe {job}").status)


MPI = """%framework=mpi
%worker=2
from mpi4py import MPI
world = MPI.COMM_WORLD
print("rank", world.Get_rank(), "of", world.Get_size())
"""


@pytest.fixture(scope="module")
def room_images() -> Mapping[str, str]:
    return {"pytorch": "python", "mpi": "openmpi"}


def test_launcher_and_workers_of_mpi_have_the_code_in_their_images(kernel: Kernel) -> None:
    ran = kernel.run(MPI)
    succeeded(ran)
    assert [f"rank {i} of 2" in ran.stdout for i in (0, 1)] == [True, True]


MEETING = """import os, shutil, socket, time
print(os.environ["CIAO_REPLICA"], "has mpirun:", bool(shutil.which("mpirun")), flush=True)
port = int(os.environ["MASTER_PORT"])
if os.environ["RANK"] == "0":
    socket.create_server(("", port)).accept()
while os.environ["RANK"] == "1":
    try:
        socket.create_connection((os.environ["MASTER_ADDR"], port))
        break
    except OSError:
        time.sleep(0.1)
"""
"""The job ends with its master, and that when the worker is there."""


def test_each_role_may_have_an_image_of_its_own(kernel: Kernel, image: Images) -> None:
    keeping = "%cleanPolicy=none\n"  # else the worker's pod, and its line, may go with the master's end
    head = f"%framework=pytorch\n{keeping}%master=1\n%worker=1;%image={image('openmpi')}\n"
    ran = kernel.run(head + MEETING)
    succeeded(ran)
    assert all(line in ran.stdout for line in ("master-0 has mpirun: False", "worker-0 has mpirun: True")), ran


def test_an_interrupt_while_code_is_pushed_leaves_nothing(room: Room, image: Images) -> None:
    with stuck() as registry:
        kernel = room.launch(CIAO_S2I_REGISTRY=registry.address, CIAO_S2I_INSECURE=image("python").partition("/")[0])
        before = set(room.left())
        request = kernel.client.execute(f"{HEAD}print('never')\n")
        assert registry.uploading.wait(60)
        kernel.interrupt()
        assert kernel.wait(request).error[0] == "KeyboardInterrupt"
        assert set(room.left()) <= before
        assert not [line for line in registry.asked if "/manifests/" in line and line.startswith("PUT")]


def test_a_retry_has_the_image_of_the_attempt_before(kernel: Kernel) -> None:
    code = "import os, sys\nprint('this is', os.environ['CIAO_ATTEMPT'])\nsys.exit(os.environ['CIAO_ATTEMPT'] == '1')\n"
    ran = kernel.run(f"{HEAD}%kind=PyTorchJob\n%retries=1\n{code}")
    succeeded(ran)
    assert ran.stdout.count("this is 2") == 2
