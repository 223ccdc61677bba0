"""The gateway in a namespace of a real cluster, reached from outside by the means that every user has."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from fakes import certificates, deployed
from fakes.channels import Door
from fakes.lab import free_port
from fakes.rooms import until

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl
    from cluster.registries import Registry
    from clusters import Images, Place

__all__ = ["InAPod", "in_a_pod"]

LEVEL = "pod-security.kubernetes.io/enforce=restricted"
PATIENCE = 180.0
"""Seconds until a test gives up: the gateway's image is pulled first."""


@dataclass(kw_only=True)
class InAPod:
    """A Deployment ``ciao``; ``kubectl port-forward`` makes it https://127.0.0.1 and a port, which stays the same."""

    kubectl: Kubectl
    tls: Path
    token: str = field(default_factory=secrets.token_hex, repr=False)
    port: int = field(default_factory=free_port)
    _way: subprocess.Popen[bytes] | None = None

    @property
    def door(self) -> Door:
        """For those who have the token."""
        return Door(url=f"https://127.0.0.1:{self.port}", token=self.token, authority=self.tls / "ca.crt")

    @property
    def client(self) -> dict[str, str]:
        """The environment with which a JupyterLab runs its kernels here."""
        trust = {"SSL_CERT_FILE": str(self.tls / "ca.crt")}
        return {"JUPYTER_GATEWAY_URL": self.door.url, "JUPYTER_GATEWAY_AUTH_TOKEN": self.token, **trust}

    def start(self, overlay: deployed.Overlay) -> None:
        """From an empty namespace to an answer."""
        (self.tls / "token").write_text(self.token)
        pair = (f"--cert={self.tls / 'server.crt'}", f"--key={self.tls / 'server.key'}")
        self.kubectl("create", "secret", "tls", "ciao-tls", *pair)
        self.kubectl("create", "secret", "generic", "ciao-token", f"--from-file=token={self.tls / 'token'}")
        self.kubectl("apply", "-k", str(overlay.write()))
        self._connect(but="")

    def replace(self) -> None:
        """As when a node is drained: the pod ends, and another takes its place."""
        (old,) = self._pods()
        self.kubectl("delete", "pod", old)
        self._connect(but=old)

    def disconnect(self) -> None:
        """End the way."""
        if self._way:
            self._way.kill()
            self._way.wait()

    def _pods(self) -> list[str]:
        selected = "--selector=app.kubernetes.io/name=ciao"
        return self.kubectl("get", "pods", selected, "-o=jsonpath={.items[*].metadata.name}").split()

    def _connect(self, *, but: str) -> None:
        """To the pod that is there, once it is ready and another than this one."""
        from cluster.kubectl import program

        self.disconnect()
        until(lambda: len(pods := self._pods()) == 1 and but not in pods, seconds=PATIENCE)
        self.kubectl.condition(f"pod/{self._pods()[0]}", "Ready", seconds=PATIENCE)
        command = [program(), f"--kubeconfig={self.kubectl.kubeconfig}", f"--namespace={self.kubectl.namespace}"]
        words = ("port-forward", "service/ciao", f"{self.port}:8889")
        self._way = subprocess.Popen([*command, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while not self._answers():
            assert time.monotonic() < end
            assert self._way.poll() is None
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            self.door.ask("/api/kernels")
        except OSError:
            return False
        return True


@pytest.fixture(scope="module")
def in_a_pod(
    place: Place, registry: Registry, image: Images, gateway_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[InAPod]:
    """Of the tests of one file: the overlay for a single user, in a namespace that takes restricted pods alone."""
    from cluster.kubectl import Kubectl

    kubectl = Kubectl(kubeconfig=place.kubeconfig, namespace=f"remote-{os.urandom(3).hex()}")
    kubectl.make_namespace()
    kubectl("label", "namespace", kubectl.namespace, LEVEL)
    settings = {
        "backend": "kubeflow",
        "images": {"pytorch": image("python")},
        "s2i": {"registry": f"{registry.address}/{kubectl.namespace}", "insecure": registry.address},
    }
    overlay = deployed.Overlay(
        folder=tmp_path_factory.mktemp("overlay"),
        namespace=kubectl.namespace,
        image=gateway_image,
        config=yaml.safe_dump(settings),
    )
    gateway = InAPod(kubectl=kubectl, tls=certificates.make(tmp_path_factory.mktemp("tls")).folder)
    try:
        gateway.start(overlay)
        yield gateway
    finally:
        gateway.disconnect()
        kubectl("delete", "namespace", kubectl.namespace, "--wait=false")
