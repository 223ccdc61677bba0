"""Why an image cannot be pulled, and what to do: another thing for an image of the user's than for one with the code.

The texts are those of real nodes: containerd 1.6 and 2.4 under Kubernetes 1.34.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from ciao.backends.kubeflow.waiting import Waiting, why_waiting
from ciao.model import Bundle
from fakes.asked import made, mounted, pinned, replica, spec

Manifest = dict[str, Any]
HOST = "registry.example"
IMAGE = pinned("torch:1").images["torch:1"]
FAILED = 'failed to pull and unpack image "{image}": '
RESOLVE = FAILED + 'failed to resolve reference "{image}": '

NOT_THERE = "rpc error: code = NotFound desc = " + RESOLVE + "{image}: not found"
BLOB_GONE = (
    "rpc error: code = NotFound desc = "
    + FAILED
    + (
        "failed to copy: httpReadSeeker: failed open: content at "
        "https://registry.example/v2/team/ciao/blobs/sha256:00 not found: not found"
    )
)
NO_PLATFORM = "rpc error: code = NotFound desc = " + FAILED + "no match for platform in manifest: not found"
NO_LOGIN = (
    "rpc error: code = Unknown desc = "
    + RESOLVE
    + (
        "pull access denied, repository does not exist or may require authorization: authorization failed: "
        "no basic auth credentials"
    )
)
UNAUTHORIZED = (
    "rpc error: code = Unknown desc = "
    + RESOLVE
    + (
        "failed to authorize: failed to fetch oauth token: unexpected status from POST request to "
        "http://registry.example/token: 401 Unauthorized"
    )
)
FORBIDDEN = (
    "rpc error: code = Unknown desc = "
    + RESOLVE
    + ("unexpected status from HEAD request to https://registry.example/v2/team/ciao: 403 Forbidden")
)
UNTRUSTED = (
    "rpc error: code = Unknown desc = "
    + RESOLVE
    + (
        'failed to do request: Head "https://registry.example/v2/x": tls: failed to verify certificate: '
        "x509: certificate signed by unknown authority"
    )
)
PLAIN = (
    "rpc error: code = Unknown desc = "
    + RESOLVE
    + ('failed to do request: Head "https://registry.example/v2/x": http: server gave HTTP response to HTTPS client')
)
NO_HOST = (
    "rpc error: code = Unknown desc = "
    + RESOLVE
    + ('failed to do request: Head "https://registry.example/v2/x": dial tcp: lookup registry.example: no such host')
)
CLOSED = (
    "rpc error: code = Unknown desc = "
    + RESOLVE
    + ('failed to do request: Head "https://registry.example/v2/x": dial tcp 10.0.0.1:443: connect: connection refused')
)
LIMITED = (
    "rpc error: code = Unknown desc = "
    + RESOLVE
    + ("unexpected status from HEAD request to https://registry.example/v2/x: 429 Too Many Requests")
)
NO_ROOM = "rpc error: code = Unknown desc = " + FAILED + "failed to copy: write /var/lib/x: no space left on device"

SECRET = (
    "kubectl create secret docker-registry pull -n team --docker-server=registry.example "
    "--docker-username=USER --docker-password=PASSWORD"
)
AGAIN = "Run the cell again: it was removed since it was pushed. Or s2i.pull names another registry than s2i.registry"
ON_NODES = "The cluster's administrator {} the nodes"


def waiting(message: str, bundle: Bundle | None, *, about: str = "", secrets: tuple[str, ...] = ()) -> Manifest:
    """A pod whose node says this of its image, or of ``about``."""
    template = replica(made(spec(), bundle=bundle, pull_secrets=secrets), "Worker")["template"]
    image = template["spec"]["containers"][0]["image"]
    state = {"waiting": {"reason": "ErrImagePull", "message": message.replace("{image}", about or image)}}
    status = {"containerStatuses": [{"name": "pytorch", "image": image, "state": state}]}
    return {"metadata": {"name": "j-worker-0", "namespace": "team"}, "spec": template["spec"], "status": status}


def why(pod: Manifest, *events: Manifest) -> Waiting:
    found = why_waiting(pod, events)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("message", "words", "fix", "patience"),
    [
        (NOT_THERE, f"{HOST} does not have the image {IMAGE} with the code (any more)", AGAIN, 0),
        (BLOB_GONE, f"{HOST} does not have the image {IMAGE} with the code (any more)", AGAIN, 0),
        (NO_PLATFORM, "is for another platform than that of its node", "Name the node's platform in s2i.platforms", 0),
        (NO_LOGIN, f"the registry refuses the node the image {IMAGE}", f"{SECRET}, and name it in s2i.pullSecrets", 0),
        (UNAUTHORIZED, f"the registry refuses the node the image {IMAGE}", SECRET, 0),
        (FORBIDDEN, f"the registry refuses the node the image {IMAGE}", SECRET, 0),
        (UNTRUSTED, "does not trust the certificate of the registry", f"certs.d/{HOST}", 30),
        (PLAIN, f"the registry {HOST} has no TLS, and the node speaks to it by TLS alone", "hosts.toml", 30),
        (NO_HOST, f"the node cannot find the registry {HOST}", "Set s2i.pull to the name by which nodes", 30),
        (CLOSED, f"cannot reach the registry {HOST}: connection refused", "Set s2i.pull to the name by which", 120),
        (LIMITED, f"the registry {HOST} limits how often images are pulled", "s2i.pullSecrets", math.inf),
        (NO_ROOM, f"the node has no room for the image {IMAGE}", "%patch=", 120),
    ],
    ids=[
        "not there",
        "blob gone",
        "platform",
        "no login",
        "wrong login",
        "forbidden",
        "untrusted",
        "no TLS",
        "no host",
        "closed",
        "limited",
        "no room",
    ],
)
def test_an_image_with_the_code_that_cannot_be_pulled(message: str, words: str, fix: str, patience: float) -> None:
    found = why(waiting(message, pinned("torch:1")))
    assert (words in found.words, fix in found.fix, found.patience) == (True, True, patience), found
    assert found.code == "ImagePullBackOff"


@pytest.mark.parametrize(
    ("message", "words", "fix"),
    [
        (NOT_THERE, "the registry has no image torch:1", "Correct %image=, or push it"),
        (NO_PLATFORM, "the image torch:1 is for another platform than that of its node", "Choose one that has it"),
        (NO_LOGIN, "the registry refuses the node the image torch:1", "--docker-server=docker.io"),
        (NO_HOST, "the node cannot find the registry docker.io", "Correct %image="),
    ],
    ids=["not there", "platform", "no login", "no host"],
)
def test_an_image_of_the_users_own(message: str, words: str, fix: str) -> None:
    found = why(waiting(message, None))
    assert (found.words, fix in found.fix) == (words, True), found


def test_a_secret_that_does_not_let_it_in_is_named() -> None:
    found = why(waiting(NO_LOGIN, pinned("torch:1"), secrets=("pull",)))
    assert found.words.endswith(": what the Secret pull says does not let it in")
    assert found.fix == f"kubectl delete secret -n team pull && {SECRET}"


def test_a_secret_that_is_not_there_is_named() -> None:
    message = "Unable to retrieve some image pull secrets (pull); attempting to pull the image may not succeed."
    event = {"reason": "FailedToRetrieveImagePullSecret", "message": message}
    found = why(waiting(NO_LOGIN, pinned("torch:1"), secrets=("pull",)), event)
    assert found.words.endswith(": there is no Secret pull in the namespace team")
    assert found.fix == SECRET


def test_the_image_of_a_volume_is_told_from_that_of_the_container() -> None:
    own = why(waiting(NOT_THERE, mounted(), about=mounted().image))
    assert own.words == f"{HOST} does not have the image {mounted().image} with the code (any more)"
    base = why(waiting(NOT_THERE, mounted()))
    assert base.words == "the registry has no image torch:1"


def test_words_in_the_name_of_an_image_say_nothing() -> None:
    bundle = pinned("torch:1")
    named = {base: name.replace("ciao@", "denied-forbidden@") for base, name in bundle.images.items()}
    found = why(waiting(NOT_THERE, type(bundle)(entry="c.py", images=named)))
    assert "does not have the image" in found.words


def test_the_operators_init_container_is_not_ours() -> None:
    pod, image = waiting("", pinned("torch:1")), f"init@sha256:{64 * '1'}"
    state = {"waiting": {"reason": "ErrImagePull", "message": NOT_THERE.replace("{image}", image)}}
    pod["status"]["initContainerStatuses"] = [{"name": "init-pytorch", "image": image, "state": state}]
    assert why(pod).words == f"the registry has no image {image}"


def test_a_containerd_that_has_no_image_volumes_is_told_with_the_way_out() -> None:
    pod = waiting("", mounted())
    message = (
        'failed to generate container "e974b8" spec: failed to generate spec: failed to mkdir "": mkdir : no such file'
    )
    pod["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "CreateContainerError", "message": message}}
    found = why(pod)
    assert found.words == "its node cannot mount an image, by which the code comes: its containerd is older than 2.1"
    assert (found.patience, "%s2i=append" in found.fix) == (0, True)


def test_a_kubelet_that_has_no_image_volumes_is_told_with_the_way_out() -> None:
    pod = waiting("", mounted())
    pod["spec"]["nodeName"] = "node-0"
    message = (
        "Unable to attach or mount volumes: unmounted volumes=[ciao-code], unattached volumes=[], failed to process "
        'volumes=[ciao-code]: failed to get Plugin from volumeSpec for volume "ciao-code" err=no volume plugin matched'
    )
    pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] = "ContainerCreating"
    found = why(pod, {"reason": "FailedMount", "message": message})
    assert found.words.startswith("node-0 cannot mount an image, by which the code comes: its kubelet has")
    assert (found.fix, found.patience) == (
        "Use %s2i=append, or %s2i=configmap; or choose nodes that can with %patch=",
        0,
    )
