"""Four replicas print 20,000 lines each: the time to the next prompt, against ipyparallel and jupyter-distributed.

Both sides are a kernel that a client watches to the end, in turn, and both start their four processes in the cell: a
job's are always new. The limit is half of ipyparallel's time, and no line may be missing in the archive. How it stands
against engines that run already, and so have nothing to start, is shown as well.

jupyter-distributed has an environment of its own, made for this run: where it is installed it changes every Jupyter
server. Its four processes run before the cell. Its time grows with the square of the lines, to a minute and more; so
fewer are measured as well, on both sides.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

REPLICAS, COUNT, ROUNDS, LIMIT = 4, 20_000, 3, 0.5
BODY = f"for i in range({COUNT}): print(f'step {{i}} loss 0.12345 accuracy 0.98765 throughput 1234 images a second')"
OURS = f"%framework=pytorch\n%worker={REPLICAS}\n{BODY}"
WARM = f"%%px\n{BODY}"
START = f"""
import ipyparallel, logging
cluster = ipyparallel.Cluster(n={REPLICAS}, log_level=logging.ERROR)
engines = cluster.start_and_connect_sync(activate=True)
"""
FRESH = f"{START}get_ipython().run_cell_magic('px', '', {BODY!r})"
STOP = "engines.shutdown(hub=True)"
DISTRIBUTED, FEWER, PATIENCE = "jupyter-distributed==0.1.1", (2_000, 4_000), 120


@contextmanager
def kernel(
    argv: list[str], home: str, variables: Mapping[str, str] = MappingProxyType({})
) -> Iterator[BlockingKernelClient]:
    """A kernel of this command, and a client of it."""
    manager = KernelManager()
    manager._kernel_spec = KernelSpec(argv=argv, display_name="", language="python")  # noqa: SLF001  # no public way
    manager.start_kernel(
        stderr=subprocess.DEVNULL, env=os.environ | {"CIAO_HOME": home, "IPYTHONDIR": f"{home}/ipython", **variables}
    )
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    try:
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def to_prompt(client: BlockingKernelClient, code: str, *, patience: float = 300) -> float:
    """Seconds from the execution of a cell until the kernel is idle again. Raises TimeoutError."""
    began = time.perf_counter()
    reply = client.execute_interactive(code, timeout=patience, output_hook=lambda _: None)
    assert reply["content"]["status"] == "ok", reply["content"]
    return time.perf_counter() - began


def archived(home: str) -> list[int]:
    """How many lines each replica of each job has in the archive."""
    return [log.read_bytes().count(b" loss 0.12345 ") for log in Path(home).glob("jobs/*/logs/*.log")]


def theirs_to_prompt(client: BlockingKernelClient) -> tuple[float, float]:
    """With engines that the cell starts, and again with the same engines."""
    fresh, warm = to_prompt(client, FRESH), to_prompt(client, WARM)
    to_prompt(client, STOP)
    time.sleep(3)  # its processes end behind the prompt, and would slow what comes next
    return fresh, warm


def distributed(home: str) -> list[str] | None:
    """The command of its kernel; None if it cannot be installed."""
    python = f"{home}/distributed/bin/python"
    uv = [sys.executable, "-m", "uv", "--quiet"]
    made = [*uv, "venv", "--python", sys.executable, f"{home}/distributed"]
    for command in (made, [*uv, "pip", "install", "--python", python, DISTRIBUTED]):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            print(f"{DISTRIBUTED}: not measured, it cannot be installed: {done.stderr.strip()[-300:]}")
            return None
    return [python, "-m", "jupyter_distributed.kernel", "-f", "{connection_file}"]


def beside_distributed(ours: BlockingKernelClient, home: str) -> None:
    """Both with fewer lines, then jupyter-distributed with all, as long as patience lasts."""
    if (argv := distributed(home)) is None:
        return
    variables = {
        "JUPYTER_DISTRIBUTED_WORLD_SIZE": str(REPLICAS),
        "JUPYTER_DISTRIBUTED_BASE_KERNEL": "python3",
        "JUPYTER_DISTRIBUTED_REGISTRY_FILE": f"{home}/processes.json",
    }
    with kernel(argv, home, variables) as theirs:
        to_prompt(theirs, "1")
        for count in FEWER:
            a = to_prompt(ours, OURS.replace(str(COUNT), str(count)))
            b = to_prompt(theirs, BODY.replace(str(COUNT), str(count)), patience=PATIENCE)
            print(f"{REPLICAS} x {count:,} lines to prompt: ciao {a:.2f} s, {DISTRIBUTED} {b:.2f} s", flush=True)
        try:
            took = f"{to_prompt(theirs, BODY, patience=PATIENCE):.2f} s"
        except TimeoutError:
            took = f"no prompt after {PATIENCE} s"
        print(f"{REPLICAS} x {COUNT:,} lines to prompt: {DISTRIBUTED} {took}")


def within(rounds: list[tuple[float, float, float]], *, whole: bool) -> bool:
    """Tell what was measured."""
    a, b, c = (statistics.median(side) for side in zip(*rounds, strict=True))
    ratio = statistics.median(x / y for x, y, _ in rounds)
    warm = statistics.median(x / y for x, _, y in rounds)
    print(
        f"{REPLICAS} x {COUNT:,} lines to prompt: ciao {a:.2f} s, ipyparallel {b:.2f} s, its running engines {c:.2f} s"
    )
    print(f"ratio, median of {ROUNDS} rounds: {ratio:.2f} (limit {LIMIT}); to running engines {warm:.2f} (no limit)")
    print(f"every line in the archive: {whole}", flush=True)
    return ratio <= LIMIT and whole


def main() -> int:
    with tempfile.TemporaryDirectory() as home:
        argv = [sys.executable, "-m", "ciao", "kernel", "-f", "{connection_file}"]
        plain = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        with kernel(argv, home) as ours:
            with kernel(plain, home) as theirs:
                rounds = [(to_prompt(ours, OURS), *theirs_to_prompt(theirs)) for _ in range(ROUNDS)]
            kept = within(rounds, whole=archived(home) == [COUNT] * REPLICAS * ROUNDS)
            beside_distributed(ours, home)
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
