"""What a machine lacks for a cluster is said in one line."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cluster import checks
from cluster.errors import ClusterError

V1 = ("cpu", "cpuset", "memory", "pids")


def os_release(system: str, codename: str) -> str:
    return f'# a comment\nPRETTY_NAME="{system} of the day"\nID={system}\nVERSION_CODENAME={codename}\n'


def v1(*names: str, place: Path | None = None, options: str = "rw,relatime") -> str:
    folder = place or Path("/sys/fs/cgroup")
    return "".join(f"cgroup {folder} cgroup {options},{name} 0 0\n" for name in names)


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One on which a cluster can start, whatever this one is; each test takes something away."""
    (tmp_path / "os-release").write_text(os_release("debian", "bookworm"))
    (tmp_path / "mounts").write_text(v1(*V1))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "access", lambda *_: True)
    monkeypatch.setattr(shutil, "which", lambda tool: f"/usr/bin/{tool}")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100 << 30))
    monkeypatch.setattr(checks, "NAMESPACES", ("true",))
    monkeypatch.setattr(checks, "MOUNTS", tmp_path / "mounts")
    monkeypatch.setattr(checks, "RELEASE", tmp_path / "os-release")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_a_machine_with_everything_is_not_complained_about() -> None:
    assert checks.why_not() is None
    checks.require()


def test_another_system_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert checks.why_not() == "needs Linux, and this is darwin"


def test_another_linux_is_named(machine: Path) -> None:
    (machine / "os-release").write_text(os_release("ubuntu", "noble"))
    assert (checks.why_not() or "").endswith("and this system is ubuntu of the day")
    (machine / "os-release").unlink()
    assert (checks.why_not() or "").endswith("and this system is not known")


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ClusterError, match=r"^A cluster needs root: .*\.$"):
        checks.require()


def test_cgroups_that_are_not_mounted_are_missed(machine: Path) -> None:
    (machine / "mounts").write_text("tmpfs /sys/fs/cgroup tmpfs rw 0 0\n")
    assert checks.why_not() == "needs cgroups, and none are mounted under /sys/fs/cgroup"


def test_a_controller_that_is_missing_is_named(machine: Path) -> None:
    (machine / "mounts").write_text(v1("cpu", "cpuset", "pids", "blkio"))
    assert (checks.why_not() or "").endswith("memory cannot be used here")


def test_cgroups_that_are_read_only_are_told(machine: Path) -> None:
    (machine / "mounts").write_text(v1(*V1, options="ro,relatime"))
    assert "needs to write under /sys/fs/cgroup, which is read-only here" in (checks.why_not() or "")


def test_a_hierarchy_without_our_controllers_may_be_read_only(machine: Path) -> None:
    (machine / "mounts").write_text(v1(*V1) + v1("name=systemd", options="ro"))
    assert checks.why_not() is None


@pytest.mark.parametrize(("there", "reason"), [("cpu cpuset io memory pids", None), ("cpu io memory", "cpuset, pids")])
def test_version_2_lists_its_controllers_in_a_file(
    there: str, reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path("/sys/fs/cgroup")
    checks.MOUNTS.write_text(f"cgroup2 {folder} cgroup2 rw,nosuid 0 0\n")
    read = Path.read_text
    monkeypatch.setattr(Path, "exists", lambda _: True)
    monkeypatch.setattr(Path, "read_text", lambda path: there if path.name == "cgroup.controllers" else read(path))
    found = checks._cgroups()
    assert found is None if reason is None else f"; {reason} cannot be used here" in (found or "")


def test_go_that_is_missing_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda tool: None if tool == "go" else tool)
    assert checks.why_not() == "needs Go to build Kubernetes, and there is no `go` on the PATH"


def test_namespaces_that_may_not_be_made_are_told_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "NAMESPACES", ("sh", "-c", "echo unshare failed: Not permitted >&2; exit 1"))
    assert (checks.why_not() or "").endswith("which root may not make here: unshare failed: Not permitted")


def test_a_full_disk_is_told_and_less_is_enough_once_the_programs_are_built(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5 << 30))
    assert checks.why_not() == f"needs 15 GiB of disk in {machine}, 5.0 are free"
    (machine / "cache/ciao-cluster/binaries/one").mkdir(parents=True)
    assert checks.why_not() is None
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 30))
    assert "needs 3 GiB of disk" in (checks.why_not() or "")
