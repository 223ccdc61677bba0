"""A cluster leaves nothing behind, however it ends."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster import cgroups, control_plane, images, mounts, outside, pki, readiness, sysctls
from cluster.errors import ClusterError
from cluster.kubectl import Kubectl
from real_cluster.leftovers import HERE, NAME, present

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900), pytest.mark.usefixtures("prepared")]


@pytest.fixture
def before() -> Iterator[dict[str, list[str]]]:
    outside.down(NAME)
    HERE.logs.mkdir(parents=True, exist_ok=True)
    yield present()
    outside.down(NAME)


def _run_a_pod(cluster: outside.Cluster, kubectl: Kubectl | None = None) -> None:
    """In a namespace that is made for it, or in that of a test."""
    if kubectl is None:
        kubectl = Kubectl(kubeconfig=cluster.layout.kubeconfig, namespace="one")
        kubectl.make_namespace()
    kubectl("run", "one", f"--image={cluster.image(images.TINY)}", "--", "sleep", "600")
    kubectl.until("pod/one", "{.status.phase}", "Running")


def _starter(stage: str) -> subprocess.Popen[str]:
    """A process that starts a cluster, and has told so much. It heeds Ctrl-C also where these tests run unattended."""
    heed = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"
    up = f"from cluster.__main__ import main; sys.exit(main(['up', '--name', {NAME!r}]))"
    command = [sys.executable, "-c", f"{heed}; {up}"]
    starter = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert starter.stderr
    assert any(stage in line for line in starter.stderr)
    return starter


def test_nothing_is_left_three_times_in_a_row(before: dict[str, list[str]]) -> None:
    for _ in range(3):
        with outside.running(NAME, print) as cluster:
            _run_a_pod(cluster)
            changed = {kind for kind, found in present().items() if found != before[kind]}
            assert changed == {"links", "routes", "processes", "cgroups", "state"}
        assert present() == before


def test_the_machines_own_settings_are_not_changed_from_inside(cluster: outside.Cluster) -> None:
    for name in sysctls.NAMES:
        path = sysctls.ROOT / name
        before = path.read_text()
        inside = Path(f"/proc/{cluster.init}/root{path}")
        kept = inside.read_text()
        inside.write_text("1000")
        assert (path.read_text(), inside.read_text()) == (before, "1000")
        inside.write_text(kept)


@pytest.mark.parametrize("stage", ["etcd ready", "CRDs and webhooks are registered"])
def test_ctrl_c_while_it_starts_leaves_nothing(before: dict[str, list[str]], stage: str) -> None:
    with _starter(stage) as starter, contextlib.ExitStack() as anyhow:
        anyhow.callback(starter.kill)  # else one that does not end is waited for without an end
        starter.send_signal(signal.SIGINT)
        assert starter.wait(outside.ENDS) == 130
    assert present() == before


def test_down_removes_what_a_start_left_that_was_killed(before: dict[str, list[str]]) -> None:
    with _starter("etcd ready") as starter:
        starter.kill()
    outside.down(NAME)
    assert present() == before


@pytest.mark.parametrize(
    ("where", "what"),
    [(cgroups, "make"), (pki, "make"), (outside, "_first_child"), (outside, "_cable"), (outside, "_say")],
)
def test_ctrl_c_after_each_step_of_a_start_leaves_nothing(
    before: dict[str, list[str]], where: object, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    step: Callable[..., Any] = getattr(where, what)

    def interrupted(*arguments: object, **named: object) -> None:
        step(*arguments, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(where, what, interrupted)
    with pytest.raises(KeyboardInterrupt):
        outside.up(NAME, print)
    assert present() == before


def test_an_empty_folder_that_no_cluster_mounts_on_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used, unused, full = (tmp_path / name for name in ("used", "unused", "full"))
    monkeypatch.setattr(mounts, "POINTS", (used, unused, full))
    with mounts.points():
        (full / "file").touch()
    script = f"mount -t tmpfs tmpfs {used} && echo mounted && read line"
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == b"mounted\n"
        mounts.remove_empty()
        assert [path.exists() for path in (used, unused, full)] == [True, False, True]
        other.communicate(b"\n")
    mounts.remove_empty()
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_two_clusters_run_side_by_side_and_one_whose_starter_is_killed_ends(
    before: dict[str, list[str]], cluster: outside.Cluster, kubectl: Kubectl
) -> None:
    code = f"from cluster import outside\nwith outside.running({NAME!r}, print): print('UP', flush=True); input()"
    with (
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as starter,
        contextlib.ExitStack() as anyhow,
    ):
        anyhow.callback(starter.kill)
        assert starter.stdout
        assert any(line == "UP\n" for line in starter.stdout)
        other = outside.find(NAME)
        assert other
        assert cluster.layout.api != other.layout.api
        _run_a_pod(cluster, kubectl)
        _run_a_pod(other)
        starter.kill()
    readiness.until(other.gone, what="The cluster ends", seconds=outside.ENDS)
    assert cluster.alive()


def test_a_program_that_was_killed_starts_again_and_does_not_count_as_ended(cluster: outside.Cluster) -> None:
    ended = cluster.ended()
    cluster.kill("kube-apiserver")
    with pytest.raises(ClusterError, match="No component kube-apiserver"):
        cluster.kill("kube-apiserver")
    cluster.add(control_plane.apiserver(cluster.layout))
    assert cluster.ended() == ended
