"""How much memory there is for replicas."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciao.backends.local.room import available, crowded, lacking
from ciao.model import Cell, JobSpec, Resources, Role, RoleSpec

GIB = 1024**3


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MACHINE = {"proc/meminfo": "MemTotal:  99 kB\nMemAvailable: 8388608 kB\n"}
GROUP = "sys/fs/cgroup"
TWO = {f"{GROUP}/memory.current": str(GIB), f"{GROUP}/memory.stat": f"anon 7\ninactive_file {GIB // 2}\n"}
ONE = {
    f"{GROUP}/memory/memory.usage_in_bytes": str(2 * GIB),
    f"{GROUP}/memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {GIB}\n",
}


@pytest.mark.parametrize(
    ("files", "room"),
    [
        (MACHINE, 8 * GIB),
        (MACHINE | TWO | {f"{GROUP}/memory.max": str(4 * GIB)}, int(3.5 * GIB)),
        (MACHINE | TWO | {f"{GROUP}/memory.max": "max"}, 8 * GIB),
        (MACHINE | ONE | {f"{GROUP}/memory/memory.limit_in_bytes": str(4 * GIB)}, 3 * GIB),
        (MACHINE | ONE | {f"{GROUP}/memory/memory.limit_in_bytes": "9223372036854771712"}, 8 * GIB),
        ({"proc/meminfo": "MemAvailable: none\n"}, None),
    ],
    ids=["machine", "container", "container without a limit", "older container", "older without", "unknown"],
)
def test_room_is_what_the_machine_or_the_container_has_left(tmp_path: Path, files: dict[str, str], room: int) -> None:
    assert available(write(tmp_path, files)) == room


def test_a_system_without_proc_tells_what_it_has_in_all(tmp_path: Path) -> None:
    assert (available(tmp_path) or 0) > 0


def spec(memory: str | None = None, cpu: str | None = None) -> JobSpec:
    roles = (RoleSpec(role=Role.WORKER, count=4, resources=Resources(memory=memory, cpu=cpu)),)
    return JobSpec(cell=Cell(text=""), code="", framework="pytorch", roles=roles)


def test_replicas_that_may_use_more_together_than_there_is_are_told_of() -> None:
    words = "the replicas may use 8.0Gi of memory together, and 3.0Gi are free here"
    assert lacking(spec("2Gi"), room=3 * GIB).startswith(words)
    assert [lacking(spec("2Gi"), room=8 * GIB), lacking(spec(None), room=0), lacking(spec("2Gi"), room=None)] == [
        ""
    ] * 3


def test_replicas_that_ask_for_more_cores_together_than_there_are_are_told_of() -> None:
    assert crowded(spec(cpu="16"), cores=2) == "the replicas ask for 64 cores together, and 2 are here: they share them"
    assert crowded(spec(cpu="600m"), cores=2).startswith("the replicas ask for 2.4 cores together")
    assert [crowded(spec(cpu=cpu), cores=cores) for cpu, cores in (("500m", 2), (None, 1), ("16", 0), ("1k", 2))] == [
        ""
    ] * 4
