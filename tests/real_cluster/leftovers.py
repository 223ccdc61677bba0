"""What a cluster could leave on the machine; of a name of this session's own, so that two sessions do not meet."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from cluster import cgroups, sysctls
from cluster.layout import Layout

NAME = f"{(os.environ.get('CIAO_TEST_CLUSTER_NAME') or 'tests')[:27]}-end"
HERE = Layout(name=NAME, number=0)
OWN = f"{NAME}\n".encode()
TABLES = ("nat", "filter", "mangle", "raw")


def present() -> dict[str, list[str]]:
    """What could be left on the host."""

    def lines(*command: str) -> list[str]:
        return sorted(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())

    others = _others()
    links, routes = lines("ip", "-o", "link"), lines("ip", "-4", "route")
    others |= _others()
    own = (str(HERE.state).encode(), str(HERE.kept).encode())
    processes = _texts(Path("/proc").glob("[0-9]*/cmdline"))
    return {
        "links": [name for line in links if (name := line.split(": ")[1].partition("@")[0]) not in others],
        "routes": [line for line in routes if ".".join(line.split(".")[:3]) not in others],
        "rules": [f"{table} {rule}" for table in TABLES for rule in lines("iptables", "--wait", "-t", table, "-S")],
        "mounts": sorted(line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()),
        "processes": sorted(line.decode() for line in processes if any(one in line for one in own)),
        "settings": [f"{name} {(sysctls.ROOT / name).read_text()}" for name in sysctls.NAMES],
        "cgroups": [str(folder) for folder in cgroups.left(HERE.cgroup)],
        "state": sorted(path.name for path in HERE.state.iterdir() if path.name != "logs"),
    }


def _others() -> set[str]:
    """The cables and networks of other clusters, anybody's, which may come and go meanwhile. A cable bears its name."""
    cables = Path("/sys/class/net").glob("ciao-host*")
    numbers = [one.name.removeprefix("ciao-host") for one in cables if _texts([one / "ifalias"]) != [OWN]]
    return {f"{what}{number}" for number in numbers for what in ("ciao-host", "10.244.", "10.245.", "10.246.")}


def _texts(files: Iterable[Path]) -> list[bytes]:
    """Of those that are still there when they are read: processes and other clusters end at any time."""
    found = []
    for file in files:
        with contextlib.suppress(OSError):
            found.append(file.read_bytes())
    return found
