"""Why a node cannot get an image, in words, and whether waiting can help. Pure.

An image that carries the code was pushed a moment ago: what is wrong then is its name as the nodes know it, what they
trust, or a Secret, and not what the cell says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ciao.backends.kubeflow.carrying import VOLUME, Way, way_of
from ciao.backends.kubeflow.waits import MOMENT, Waiting, cut
from ciao.k8s.base import Manifest

__all__ = ["Pull", "why_not_pulled"]

CODE = "ImagePullBackOff"
"""Kubernetes alternates between this and ErrImagePull; one word, or each change would be news."""

OVERTAKEN = 2.0
"""Seconds in which the node may still say that there is no such Secret: it tells that apart from the pull's end."""


@dataclass(frozen=True, kw_only=True)
class Pull:
    """An image, the pod that needs it, and what its node said; ``main``: it is that of the training container.

    ``events`` are the pod's.
    """

    image: str
    message: str
    pod: Manifest = field(default_factory=dict)
    main: bool = True
    events: Sequence[Manifest] = ()

    @property
    def made(self) -> bool:
        """It was made of this cell: it has the code."""
        return self.main and "@sha256:" in self.image and self._way == "image"

    @property
    def of_code(self) -> str:
        """The image volume's, if that is what the message is about: a container waits for either in the same way."""
        if self._way != "volume":
            return ""
        volumes = self.pod["spec"]["volumes"]
        reference = str(next(v for v in volumes if v["name"] == VOLUME)["image"].get("reference"))
        return reference if reference in self.message and self.image not in self.message else ""

    @property
    def name(self) -> str:
        """What cannot be had."""
        return self.of_code or self.image

    @property
    def ours(self) -> bool:
        """Whether Ciao has pushed it."""
        return self.made or bool(self.of_code)

    @property
    def host(self) -> str:
        """The registry, as the node knows it; Docker Hub's images begin with no host."""
        first, slash, _ = self.name.partition("/")
        return first if slash and re.search(r"[.:]|^localhost$", first) else "docker.io"

    @property
    def secrets(self) -> list[str]:
        """With which it is pulled."""
        found = (self.pod.get("spec") or {}).get("imagePullSecrets") or ()
        return [str(one.get("name")) for one in found]

    @property
    def namespace(self) -> str:
        """The pod's."""
        return str((self.pod.get("metadata") or {}).get("namespace") or "NAMESPACE")

    @property
    def _way(self) -> Way:
        return way_of(self.pod)


def why_not_pulled(pull: Pull) -> Waiting:
    """By the first of the known texts; what is not known is shown as it is."""
    small = pull.message.replace(pull.name, "").lower()
    for words, make in _TEXTS:
        if any(word in small for word in words):
            return make(pull)
    if "failed" not in small:
        return Waiting(code=CODE, words=f"the image {pull.name} could not be pulled yet; it is tried again")
    unknown = f"the image {pull.name} cannot be pulled: {cut(_last(pull.message))}"
    return Waiting(code=CODE, words=unknown, patience=10 * MOMENT)


def _platform(pull: Pull) -> Waiting:
    fix = "Name the node's platform in s2i.platforms, and a base image that has it with %image="
    return _hopeless(
        f"the image {pull.name} is for another platform than that of its node",
        fix if pull.made else "Choose one that has it with %image=, or other nodes with %patch=",
    )


def _missing(pull: Pull) -> Waiting:
    if not pull.ours:
        return _hopeless(f"the registry has no image {pull.name}", "Correct %image=, or push it")
    return _hopeless(
        f"{pull.host} does not have the image {pull.name} with the code (any more)",
        "Run the cell again: it was removed since it was pushed. Or s2i.pull names another registry than s2i.registry",
    )


def _refused(pull: Pull) -> Waiting:
    words = f"the registry refuses the node the image {pull.name}"
    if missing := _missing_secrets(pull):
        return _hopeless(f"{words}: there is no Secret {missing} in the namespace {pull.namespace}", _new_secret(pull))
    if pull.secrets:
        told = ", ".join(pull.secrets)
        found = _hopeless(f"{words}: what the Secret {told} says does not let it in", _new_secret(pull, told))
        return replace(found, patience=OVERTAKEN)
    return _hopeless(words, f"{_new_secret(pull)}, and name it in s2i.pullSecrets")


def _new_secret(pull: Pull, name: str = "") -> str:
    """The command; no password is known here, nor should one be shown."""
    known = name or next(iter(pull.secrets), "pull")
    delete = f"kubectl delete secret -n {pull.namespace} {known} && " if name else ""
    return (
        f"{delete}kubectl create secret docker-registry {known} -n {pull.namespace} --docker-server={pull.host} "
        "--docker-username=USER --docker-password=PASSWORD"
    )


def _missing_secrets(pull: Pull) -> str:
    """Of those of the pod, as its node tells it."""
    told = [e for e in pull.events if e.get("reason") == "FailedToRetrieveImagePullSecret"]
    found = re.search(r"pull secrets \(([^)]*)\)", str(told[-1].get("message"))) if told else None
    return found[1] if found else ""


def _unknown_host(pull: Pull) -> Waiting:
    return _soon(f"the node cannot find the registry {pull.host}", _known_otherwise(pull))


def _unreachable(pull: Pull) -> Waiting:
    return Waiting(
        code=CODE,
        words=f"the node cannot reach the registry {pull.host}: {cut(pull.message.rpartition(': ')[2])}",
        fix=_known_otherwise(pull),
        patience=4 * MOMENT,
    )


def _known_otherwise(pull: Pull) -> str:
    return "Set s2i.pull to the name by which nodes reach the registry" if pull.ours else "Correct %image="


def _untrusted(pull: Pull) -> Waiting:
    if pull.ours:
        fix = f"The cluster's administrator adds its CA to the nodes, in containerd's certs.d/{pull.host}"
    else:
        fix = "The cluster's administrator adds its CA to the nodes"
    return _soon(f"the node does not trust the certificate of the registry of {pull.name}", fix)


def _plain(pull: Pull) -> Waiting:
    return _soon(
        f"the registry {pull.host} has no TLS, and the node speaks to it by TLS alone",
        f"The cluster's administrator allows it on the nodes (in containerd's certs.d/{pull.host}/hosts.toml)",
    )


def _too_many(pull: Pull) -> Waiting:
    words = f"the registry {pull.host} limits how often images are pulled; it is tried again"
    return Waiting(code=CODE, words=words, fix="A known user may pull more: name a Secret in s2i.pullSecrets")


def _full(pull: Pull) -> Waiting:
    words = f"the node has no room for the image {pull.name}"
    return Waiting(code=CODE, words=words, fix="Choose a smaller one, or other nodes with %patch=", patience=4 * MOMENT)


def _hopeless(words: str, fix: str) -> Waiting:
    return Waiting(code=CODE, words=words, fix=fix, patience=0)


def _soon(words: str, fix: str) -> Waiting:
    return Waiting(code=CODE, words=words, fix=fix, patience=MOMENT)


_TEXTS: tuple[tuple[tuple[str, ...], Callable[[Pull], Waiting]], ...] = (
    (("no match for platform", "no matching manifest for"), _platform),
    (("toomanyrequests", "too many requests"), _too_many),
    (("http response to https client",), _plain),
    (("x509:",), _untrusted),
    (("no such host",), _unknown_host),
    (("no space left",), _full),
    (
        ("unauthorized", "forbidden", "denied", "authentication required", "no basic auth", "insufficient_scope",
         "authorization failed", "status: 401", "status: 403", "status code 401", "status code 403"),
        _refused,
    ),
    (
        ("connection refused", "i/o timeout", "no route to host", "network is unreachable", "connection reset"),
        _unreachable,
    ),
    (("not found", "manifest unknown", "name unknown", "status: 404"), _missing),
)  # fmt: skip
"""In this order: a refusal may say that a repository is not there, and one without a platform that it is not found."""


def _last(message: str) -> str:
    """The end of a chain of causes says most."""
    return message.rpartition("rpc error: ")[2]
