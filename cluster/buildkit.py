"""BuildKit's daemon for tests, as root, with its data and its socket in one folder."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

from cluster import builds, readiness
from cluster.docker import unmount
from cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """A daemon in this folder, for as long as the block; its address. It is built by whoever calls.

    Raises:
        ClusterError: it ended, or does not answer in time.
    """
    address, log = f"unix://{folder / 'buildkitd.sock'}", folder / "buildkitd.log"
    flags = (f"--root={folder / 'data'}", f"--addr={address}", "--oci-worker=true", "--containerd-worker=false")
    ask = (builds.program("buildctl"), "--addr", address, "debug", "workers")
    environment = os.environ | {"TMPDIR": str(folder)}
    with log.open("wb") as file:
        command = (builds.program("buildkitd"), *flags)
        with subprocess.Popen(command, stdout=file, stderr=file, env=environment) as process:
            try:
                readiness.until(lambda: _answers(process, ask), what=f"Starting buildkitd, see {log},")
                yield address
            finally:
                process.terminate()
                process.wait()
                unmount(folder)


def _answers(process: subprocess.Popen[bytes], ask: tuple[str, ...]) -> bool:
    if process.poll() is not None:
        raise ClusterError(f"buildkitd ended with {process.returncode}.")
    return subprocess.run(ask, capture_output=True, check=False).returncode == 0
