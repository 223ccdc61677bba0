"""The command line: prepare, up, down, status, env, shell, clean; `python -m cluster up --name NAME`."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
import time
from typing import TYPE_CHECKING

from cluster import builds, images, outside, processes
from cluster.errors import ClusterError
from cluster.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.outside import Cluster


def main(arguments: list[str] | None = None) -> int:
    """One command; an error is shown as its text alone."""
    parser = argparse.ArgumentParser(prog="python -m cluster", description=sys.modules["cluster"].__doc__)
    parser.add_argument("command", choices=sorted(_COMMANDS))
    parser.add_argument("--name", default="default", help="which cluster; several can run side by side")
    parser.add_argument("--images", action="store_true", help="with prepare: every image and program too")
    given = parser.parse_args(arguments)
    try:
        return _COMMANDS[given.command](given)
    except ClusterError as error:
        _tell(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


def _prepare(given: argparse.Namespace) -> int:
    progress = _timed()
    outside.prepare(progress)
    if given.images:
        for one in builds.LAZY:
            builds.require(one, progress)
        for image in images.ALL.values():
            image.build(progress)
    progress("all that a start needs is there")
    return 0


def _up(given: argparse.Namespace) -> int:
    progress = _timed()
    cluster = outside.up(given.name, progress)
    progress(f'ready at {cluster.layout.api}; use it with: eval "$(make -s cluster-env NAME={given.name})"')
    return 0


def _down(given: argparse.Namespace) -> int:
    outside.down(given.name, _tell)
    _tell(f"{given.name}: nothing of it runs; its last logs are in {Layout(name=given.name, number=0).logs}")
    return 0


def _clean(_: argparse.Namespace) -> int:
    outside.clean()
    return 0


def _status(given: argparse.Namespace) -> int:
    if not (cluster := outside.find(given.name)):
        _print(f"{given.name}: not running; `make cluster-up NAME={given.name}` starts it")
        return 1
    ended = cluster.ended()
    _print(f"{given.name}: API {cluster.layout.api}, registry {cluster.layout.registry}, logs in {cluster.layout.logs}")
    for name, size in processes.memory(cluster).items():
        _print(f"  {name:26} {size / 1024**2:6.0f} MiB")
    for line in ended:
        _print(f"ended by itself, with its exit code: {line}")
    return 1 if ended else 0


def _env(given: argparse.Namespace) -> int:
    for variable, value in _variables(_running(given.name)).items():
        _print(f"export {variable}={shlex.quote(value)}")
    return 0


def _shell(given: argparse.Namespace) -> int:
    environment = os.environ | _variables(_running(given.name))
    shell = os.environ.get("SHELL", "/bin/sh")
    os.execve(shell, [shell], environment)  # noqa: S606 - the user's own shell


def _running(name: str) -> Cluster:
    if cluster := outside.find(name):
        return cluster
    raise ClusterError(f"The cluster {name} is not running: `make cluster-up NAME={name}` starts it.")


def _variables(cluster: Cluster) -> dict[str, str]:
    """The image is made when it is first asked for, which is now. Who has no kubectl gets ours, behind all else."""
    path = f"{os.environ.get('PATH', os.defpath)}:{builds.KUBERNETES.folder}"
    return {
        **({} if shutil.which("kubectl") else {"PATH": path}),
        "KUBECONFIG": str(cluster.layout.kubeconfig),
        "CIAO_TEST_REGISTRY": cluster.layout.registry,
        "CIAO_TEST_IMAGE": cluster.image(images.PYTORCH, _tell),
    }


def _timed() -> Callable[[str], None]:
    """Tells with the seconds since now."""
    began = time.monotonic()
    return lambda line: _tell(f"{time.monotonic() - began:6.1f} s  {line}")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the command line's messages


def _print(line: str) -> None:
    print(line)  # noqa: T201 - the command line's result


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "prepare": _prepare,
    "up": _up,
    "down": _down,
    "status": _status,
    "env": _env,
    "shell": _shell,
    "clean": _clean,
}

if __name__ == "__main__":
    sys.exit(main())
