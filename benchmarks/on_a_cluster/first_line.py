"""A second cell to its first line, against kubectl with the same manifest: apply, wait, logs -f.

Ours is a kernel that a client watches. kubectl waits for the job to run: its pod does not exist yet when it is asked,
and to wait for that first takes kubectl a second longer. The image is on the node, and each job is gone before the
next one begins.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from jupyter_client.blocking.client import BlockingKernelClient

from benchmarks.lines import kernel
from benchmarks.on_a_cluster.ground import Ground, spec
from ciao.backends.kubeflow.backend import Kubeflow
from ciao.model import Job, Target
from ciao.s2i.configmap import ConfigMap
from cluster.kubectl import program

ROUNDS, LIMIT = 12, 1.1
CODE = "import time\nprint('UP', flush=True)\ntime.sleep(1)"
CELL = f"%framework=pytorch\n%backend=kubeflow\n%worker=1\n{CODE}"


def ours(ground: Ground, client: BlockingKernelClient) -> float:
    """Seconds from the execution of the cell to its first line."""
    took = 0.0
    began = time.perf_counter()

    def hear(message: dict[str, Any]) -> None:
        nonlocal took
        if not took and message["msg_type"] == "stream" and "UP\n" in message["content"]["text"]:
            took = time.perf_counter() - began

    reply = client.execute_interactive(CELL, timeout=120, output_hook=hear)
    assert reply["content"]["status"] == "ok", reply["content"]
    gone(ground)
    return took


async def manifest(ground: Ground, name: str) -> str:
    """What the cell's job is made of, under another name."""
    with tempfile.TemporaryDirectory() as home:
        backend = Kubeflow(ground.settings(Path(home)))
        asked = spec(CODE, workers=1)
        job = Job.named(asked, backend="kubeflow", now=time.time())
        made = await backend._made(asked, job, await ConfigMap().build(asked, job, Target(), print))  # noqa: SLF001  # a plan has no code
        await backend.close()
    return yaml.safe_dump_all([made.code, made.job]).replace(job.name, name)


def theirs(ground: Ground, name: str, text: str) -> float:
    """The same with kubectl, by a shell."""
    call = f"{program()} --kubeconfig={ground.kubectl.kubeconfig} --namespace={ground.kubectl.namespace}"
    script = (
        f"{call} apply -f - && {call} wait pytorchjob/{name} --for=condition=Running --timeout=60s"
        f" && exec {call} logs --follow {name}-worker-0"
    )
    began = time.perf_counter()
    with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(text)
        process.stdin.close()
        while (line := process.stdout.readline()) and line != "UP\n":
            pass
        took = time.perf_counter() - began
    assert line, "kubectl showed no line"
    gone(ground)
    return took


def gone(ground: Ground) -> None:
    """Nothing of the job is left to be done."""
    ground.kubectl("delete", "pytorchjobs,configmaps", "--selector=app.kubernetes.io/managed-by=ciao", "--wait=true")
    ground.kubectl("wait", "pods", "--selector=app.kubernetes.io/managed-by=ciao", "--for=delete", "--timeout=60s")


def measure(ground: Ground) -> bool:
    """In turn."""
    argv = [sys.executable, "-m", "ciao", "kernel", "-f", "{connection_file}"]
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "CIAO_KUBECONFIG": str(ground.kubectl.kubeconfig),
            "CIAO_NAMESPACE": ground.kubectl.namespace,
            "CIAO_IMAGES_PYTORCH": ground.image,
        }
        texts = [(name, asyncio.run(manifest(ground, name))) for name in (f"bare-{i}" for i in range(ROUNDS))]
        with kernel(argv, home) as client:
            ours(ground, client)
            rounds = [(ours(ground, client), theirs(ground, name, text)) for name, text in texts]
    a, b = (statistics.median(side) for side in zip(*rounds, strict=True))
    ratio = statistics.median(x / y for x, y in rounds)
    print(f"second cell to its first line: ciao {a:.2f} s; kubectl apply, wait, logs -f {b:.2f} s")
    print(f"ratio, median of {ROUNDS} rounds: {ratio:.2f} (limit {LIMIT}); of the medians {a / b:.2f}")
    return ratio <= LIMIT
