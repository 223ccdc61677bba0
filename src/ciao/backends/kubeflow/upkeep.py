"""What is told of a replica's pod while its state is the same: its node falls silent, its container starts again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ciao.backends.kubeflow.replicas import Container, container_of, forsaken
from ciao.k8s.base import Manifest
from ciao.model import Notice

__all__ = ["Upkeep"]


@dataclass(kw_only=True)
class Upkeep:
    """Tells each change once."""

    _silent: set[str] = field(default_factory=set)
    _restarts: dict[str, int] = field(default_factory=dict)

    def heard(self, name: str, pod: Manifest) -> Iterator[Notice]:
        """Tell of a node that does not answer, and when it does again; until it is given up the replica may run on."""
        silent = forsaken(pod)
        if silent == (name in self._silent):
            return
        if silent:
            self._silent.add(name)
            node = pod.get("spec", {}).get("nodeName")
            yield Notice(text=f"{name} is not heard of: its node {node} does not answer the cluster", level="warning")
        else:
            self._silent.discard(name)
            if container_of(pod).running is not None:
                yield Notice(text=f"{name} is heard of again")

    def started_again(self, name: str, uid: str, container: Container) -> Iterator[Notice]:
        """Mark a restart that the cluster makes by itself: what the container writes from then on is another run."""
        before, self._restarts[uid] = self._restarts.get(uid, 0), container.restarts
        if container.restarts > before:
            words = f"the cluster started {name} again in its pod: restart {container.restarts}"
            yield Notice(text=words, level="warning")
