"""The Kubeflow backend on a real cluster, which this starts: each part has limits of its own.

Arguments choose parts: first_line, asked, lag, scale. A cluster called ``bench`` that runs already is taken as it is.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.append(str(Path(__file__).parent.parent))  # where `cluster` and the parts are

if TYPE_CHECKING:
    from benchmarks.on_a_cluster.ground import Ground

NAME, PARTS = "bench", ("first_line", "asked", "lag", "scale")


@contextlib.contextmanager
def ground() -> Iterator[Ground]:
    """A cluster with fake nodes beside the real one, and a namespace that ends with this."""
    from benchmarks.on_a_cluster.ground import Ground
    from cluster import images, kwok, outside
    from cluster.kubectl import Kubectl

    with contextlib.ExitStack() as stack:
        running = outside.find(NAME) or stack.enter_context(outside.running(NAME, _quietly))
        kubectl = Kubectl(kubeconfig=running.layout.kubeconfig, namespace=f"bench-{os.urandom(3).hex()}")
        kubectl.make_namespace()
        stack.callback(kubectl, "delete", "namespace", kubectl.namespace, "--wait=false")
        image = running.image(images.ALL["pytorch"], _quietly)
        kwok.start(running, _quietly)
        stack.callback(kwok.remove, running, kubectl)
        kwok.nodes(kubectl, 10)
        yield Ground(cluster=running, kubectl=kubectl, image=image)


def _quietly(line: str) -> None:
    print(line, file=sys.stderr)


def main() -> int:
    from cluster import checks

    if reason := checks.why_not():
        print(f"not measured: a cluster {reason}")
        return 0
    kept = True
    with ground() as here:
        for part in sys.argv[1:] or PARTS:
            print(f"-- {part}, load {os.getloadavg()[0]:.1f}", flush=True)
            kept = import_module(f"benchmarks.on_a_cluster.{part}").measure(here) and kept
            time.sleep(1)
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
