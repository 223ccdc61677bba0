"""The command line: up, down, status, env, shell; `python -m cluster up --name NAME`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING

from cluster import images, outside
from cluster.errors import ClusterError

if TYPE_CHECKING:
    from cluster.outside import Cluster


def main(arguments: list[str] | None = None) -> int:
    """One command; an error is shown as its text alone."""
    parser = argparse.ArgumentParser(prog="python -m cluster", description=sys.modules["cluster"].__doc__)
    parser.add_argument("command", choices=sorted(_COMMANDS))
    parser.add_argument("--name", default="default", help="which cluster; several can run side by side")
    given = parser.parse_args(arguments)
    try:
        return _COMMANDS[given.command](given.name)
    except ClusterError as error:
        _tell(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


def _up(name: str) -> int:
    began = time.monotonic()

    def progress(line: str) -> None:
        _tell(f"{time.monotonic() - began:6.1f} s  {line}")

    cluster = outside.up(name, progress)
    progress(f'ready at {cluster.layout.api}; use it with: eval "$(python -m cluster env --name {name})"')
    return 0


def _down(name: str) -> int:
    outside.down(name)
    return 0


def _status(name: str) -> int:
    if not (cluster := outside.find(name)):
        _print(f"{name}: not running")
        return 1
    ended = cluster.ended()
    _print(f"{name}: API {cluster.layout.api}, registry {cluster.layout.registry}, logs in {cluster.layout.logs}")
    for line in ended:
        _print(f"ended by itself, with its exit code: {line}")
    return 1 if ended else 0


def _env(name: str) -> int:
    for variable, value in _variables(_running(name)).items():
        _print(f"export {variable}={value}")
    return 0


def _shell(name: str) -> int:
    environment = os.environ | _variables(_running(name))
    shell = os.environ.get("SHELL", "/bin/sh")
    os.execve(shell, [shell], environment)  # noqa: S606 - the user's own shell


def _running(name: str) -> Cluster:
    if cluster := outside.find(name):
        return cluster
    raise ClusterError(f"The cluster {name} is not running: `make cluster-up` starts it.")


def _variables(cluster: Cluster) -> dict[str, str]:
    """The image is made when it is first asked for, which is now."""
    return {
        "KUBECONFIG": str(cluster.layout.kubeconfig),
        "CIAO_TEST_REGISTRY": cluster.layout.registry,
        "CIAO_TEST_IMAGE": cluster.image(images.PYTORCH, _tell),
    }


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the command line's messages


def _print(line: str) -> None:
    print(line)  # noqa: T201 - the command line's result


_COMMANDS = {"up": _up, "down": _down, "status": _status, "env": _env, "shell": _shell}

if __name__ == "__main__":
    sys.exit(main())
