"""Registries that want a password, a token, an authority; that nodes know by another name; that let nobody in."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cluster.registries import Registry
    from clusters import Images
    from fakes.kernel import Kernel, Ran
    from fakes.rooms import Room

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

CELL = "%framework=pytorch\n%worker=2\nimport os\nprint('here is rank', os.environ['RANK'])\n"
SECRET = "pull"


def launched(room: Room, registry: Registry, image: Images, *, path: str = "", **more: str) -> Kernel:
    """A kernel of somebody who may push there; the base image is there, too."""
    given = {
        "CIAO_S2I_REGISTRY": f"{registry.address}/{path or room.kubectl.namespace}",
        "CIAO_IMAGES_PYTORCH": registry.named(image("python")),
    }
    if registry.user:
        given |= {"CIAO_S2I_USERNAME": registry.user, "CIAO_S2I_PASSWORD": registry.password}
    given |= {"CIAO_S2I_CA": str(registry.authority)} if registry.authority else {"CIAO_S2I_INSECURE": registry.address}
    return room.launch(room.home, **given | more)


def succeeded(ran: Ran) -> None:
    assert ran.status.startswith("succeeded in "), ran
    assert ran.stdout.count("here is rank") == 2


def make_secret(room: Room, registry: Registry, *, password: str = "") -> None:
    secret = registry.pull_secret(SECRET)
    if password:
        text = secret["stringData"][".dockerconfigjson"]
        login = {"username": registry.user, "password": password}
        secret["stringData"] = {
            ".dockerconfigjson": json.dumps({"auths": {next(iter(json.loads(text)["auths"])): login}})
        }
    room.kubectl("delete", "secret", SECRET, "--ignore-not-found")
    room.kubectl.create(secret)


def test_one_with_tokens(room: Room, token_registry: Registry, image: Images) -> None:
    kernel = launched(room, token_registry, image, path=f"public/{room.kubectl.namespace}")
    ran = kernel.run(CELL)
    succeeded(ran)
    assert token_registry.password not in str(ran)


def test_one_behind_tls_by_an_authority_of_its_own(room: Room, tls_registry: Registry, image: Images) -> None:
    succeeded(launched(room, tls_registry, image).run(CELL))


def test_one_that_nodes_know_by_another_name(
    room: Room, registry: Registry, tls_registry: Registry, image: Images
) -> None:
    kernel = launched(room, registry, image, CIAO_S2I_PULL=f"{tls_registry.address}/{room.kubectl.namespace}")
    ran = kernel.run(CELL)
    succeeded(ran)
    (job,) = re.findall(r"^job (\S+)", re.sub(r"\x1b\[[0-9;]*m", "", ran.stdout), re.MULTILINE)
    images = room.kubectl("get", f"pytorchjob/{job}", r"-o=jsonpath={.metadata.annotations.ciao/images}")
    assert images.startswith(f"{tls_registry.address}/{room.kubectl.namespace}/ciao@sha256:")


@pytest.fixture(scope="module")
def private(room: Room, htpasswd_registry: Registry, image: Images) -> Kernel:
    """Whoever pulls there needs a password, too; the name of its Secret is set."""
    return launched(room, htpasswd_registry, image, CIAO_S2I_PULLSECRETS=SECRET)


@pytest.mark.parametrize("kind", ["PyTorchJob", "TrainJob"])
def test_a_private_one_with_a_secret_to_pull_with(
    private: Kernel, room: Room, htpasswd_registry: Registry, kind: str
) -> None:
    make_secret(room, htpasswd_registry)
    ran = private.run(f"%kind={kind}\n{CELL}")
    succeeded(ran)
    assert htpasswd_registry.password not in str(ran)


def test_a_private_one_whose_secret_is_wrong(private: Kernel, room: Room, htpasswd_registry: Registry) -> None:
    make_secret(room, htpasswd_registry, password="another")
    name, value, text = private.run(CELL).error
    assert name == "ImagePullBackOff"
    assert value.endswith("what the Secret pull says does not let it in")
    command = f"kubectl create secret docker-registry pull -n {room.kubectl.namespace}"
    assert f"{command} --docker-server={htpasswd_registry.address} --docker-username=USER" in text


def test_a_private_one_whose_secret_is_not_there(private: Kernel, room: Room) -> None:
    room.kubectl("delete", "secret", SECRET, "--ignore-not-found")
    name, value, _ = private.run(CELL).error
    assert name == "ImagePullBackOff"
    assert value.endswith(f"there is no Secret pull in the namespace {room.kubectl.namespace}")


def test_a_wrong_password_to_push_with_is_told_before_anything_is_created(
    room: Room, htpasswd_registry: Registry, image: Images
) -> None:
    kernel = launched(room, htpasswd_registry, image, CIAO_S2I_PASSWORD="wrong-one")
    before = set(room.left())
    ran = kernel.run(CELL)
    assert htpasswd_registry.address in ran.error[1], ran
    assert set(room.left()) <= before
    assert "wrong-one" not in str(ran)
