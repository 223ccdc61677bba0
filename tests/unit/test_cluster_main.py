"""The command line tells results on stdout, all else on stderr."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cluster import __main__ as command
from cluster import builds, images, outside, processes
from cluster.errors import ClusterError
from cluster.images import Image
from cluster.layout import Layout
from cluster.outside import Cluster, Progress


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a b"))
    cluster = Cluster(layout=Layout(name="here", number=0), init=1)
    cluster.layout.state.mkdir(parents=True)

    def image(_: Cluster, image: Image, progress: Progress) -> str:
        progress("making it")
        return f"10.244.0.1:5000/{image.name}:latest"

    monkeypatch.setattr(outside, "find", lambda name: cluster if name == "here" else None)
    monkeypatch.setattr(Cluster, "image", image)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/kubectl")
    return cluster


def test_env_prints_nothing_but_lines_for_eval(running: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["env", "--name", "here"]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        f"export KUBECONFIG='{running.layout.kubeconfig}'",
        "export CIAO_TEST_REGISTRY=10.244.0.1:5000",
        f"export CIAO_TEST_IMAGE=10.244.0.1:5000/{images.PYTORCH.name}:latest",
    ]
    assert told.err == "making it\n"


def test_down_says_that_it_is_done_and_where_the_logs_are(
    running: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(outside, "down", lambda *_: None)
    assert command.main(["down", "--name", "here"]) == 0
    assert capsys.readouterr() == ("", f"here: nothing of it runs; its last logs are in {running.layout.logs}\n")


def test_env_brings_kubectl_to_who_has_none(
    running: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setenv("PATH", "/bin:/a b")
    assert command.main(["env", "--name", "here"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"export PATH='/bin:/a b:{builds.KUBERNETES.folder}'"


def test_status_of_a_cluster_that_does_not_run_says_how_to_start_it(
    running: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["status", "--name", "other"]) == 1
    assert capsys.readouterr().out == "other: not running; `make cluster-up NAME=other` starts it\n"


def test_env_of_a_cluster_that_does_not_run_says_how_to_start_it(
    running: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["env", "--name", "other"]) == 1
    assert capsys.readouterr() == ("", "The cluster other is not running: `make cluster-up NAME=other` starts it.\n")


def test_status_tells_the_memory_of_each_component_and_what_ended(
    running: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processes, "memory", lambda _: {"etcd": 87 << 20, "together": 90 << 20})
    (running.layout.state / "ended").write_text("jobset 2\n")
    assert command.main(["status", "--name", "here"]) == 1
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("here: API https://10.244.0.1:6443, registry 10.244.0.1:5000, logs in ")
    assert [line.split() for line in rest[:2]] == [["etcd", "87", "MiB"], ["together", "90", "MiB"]]
    assert rest[2:] == ["ended by itself, with its exit code: jobset 2"]


def test_an_error_is_its_text_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(_: Progress) -> None:
        raise ClusterError("A cluster needs root.")

    monkeypatch.setattr(outside, "prepare", fails)
    assert command.main(["prepare"]) == 1
    assert capsys.readouterr() == ("", "A cluster needs root.\n")
