"""Launch to first kernel_info_reply: the ciao kernel against plain ipykernel, in turn. The limit is a ratio of 1.15."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

ROUNDS, LIMIT = 20, 1.15
OURS = [sys.executable, "-m", "ciao", "kernel", "-f", "{connection_file}"]
THEIRS = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]


def started(argv: list[str]) -> float:
    """Seconds until a kernel of this command answers."""
    manager = KernelManager()
    manager._kernel_spec = KernelSpec(argv=argv, display_name="", language="python")  # noqa: SLF001  # no public way
    began = time.perf_counter()
    manager.start_kernel(stderr=subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    client.kernel_info()
    client.get_shell_msg(timeout=60)
    took = time.perf_counter() - began
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()
    return took


def main() -> int:
    started(OURS), started(THEIRS)
    pairs = [(started(OURS), started(THEIRS)) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"kernel start: ciao {ours * 1000:.0f} ms, ipykernel {theirs * 1000:.0f} ms")
    print(f"ratio, median of {ROUNDS} pairs: {ratio:.2f} (limit {LIMIT})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
