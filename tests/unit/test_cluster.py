"""The test cluster's own code, as far as it needs no cluster."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from cluster import builds, components, layout, readiness
from cluster.components import Component
from cluster.errors import ClusterError, ComponentFailed
from cluster.layout import Layout


def shell(script: str, *, ready: bool = False, seconds: float = 30) -> Component:
    return Component(name="thing", command=("sh", "-c", script), ready=lambda: ready, seconds=seconds)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    cluster = Layout(name="here", number=0)
    cluster.logs.mkdir(parents=True)
    return cluster


def test_a_component_that_ends_is_named_with_the_last_twenty_lines_of_its_log(here: Layout) -> None:
    running = components.start(shell("seq 30; exit 3"), environment=os.environ, cluster=here)
    with pytest.raises(ComponentFailed, match="thing ended with 3 before it was ready") as caught:
        running.wait(print)
    shown = [line.strip(" |") for line in str(caught.value).splitlines()[1:]]
    assert shown == [str(number) for number in range(11, 31)]


def test_a_component_that_does_not_become_ready_is_named(here: Layout) -> None:
    lasting = 'until [ -e "$0.over" ]; do sleep 0.01; done'
    thing = Component(name="thing", command=("sh", "-c", lasting, str(here.state)), ready=lambda: False, seconds=0)
    running = components.start(thing, environment=os.environ, cluster=here)
    with pytest.raises(ComponentFailed, match="thing was not ready after 0 s"):
        running.wait(print)
    here.state.with_name(f"{here.state.name}.over").touch()
    readiness.until(lambda: running.ended() is not None, what="It ends", seconds=60)


def test_a_ready_component_is_told_with_its_time(here: Layout) -> None:
    told: list[str] = []
    running = components.start(shell("true", ready=True), environment=os.environ, cluster=here)
    running.wait(told.append)
    readiness.until(lambda: running.ended() is not None, what="It ends", seconds=60)
    assert told[0].startswith("thing ready after ")


def test_a_component_cannot_be_added_to_a_cluster_that_has_ended(here: Layout) -> None:
    with subprocess.Popen("true") as ended:
        ended.wait()
    with pytest.raises(ComponentFailed, match="thing could not be started in the cluster here: nsenter ended with 1"):
        components.add(shell("true"), init=ended.pid, environment=os.environ, cluster=here)


def test_a_component_that_is_killed_meanwhile_is_not_named(here: Layout) -> None:
    (here.state / "pids").mkdir()
    (here.state / "pids/etcd").write_text("7\n")
    (here.state / "pids/gone").symlink_to("nowhere")  # listed, and not there when it is read
    assert components.named(7, cluster=here) == "etcd"
    assert components.named(8, cluster=here) is None


def test_what_does_not_come_is_said_with_its_time() -> None:
    with pytest.raises(ClusterError, match="The moon is blue within 0 s"):
        readiness.until(lambda: False, what="The moon is blue", seconds=0)


def test_only_what_is_said_from_now_on_counts(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("booted\n")
    said = readiness.says(log, "booted")
    assert not said()
    log.write_text("booted\nended\nbooted\n")
    assert said()


def test_two_clusters_share_no_address_and_no_folder() -> None:
    one, two = Layout(name="one", number=0), Layout(name="two", number=1)
    for part in ("state", "kept", "pods", "node", "outer", "inner", "cable", "api", "registry", "cgroup"):
        assert getattr(one, part) != getattr(two, part), part


def test_a_network_that_the_machine_routes_for_anything_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    routes = "".join(f"10.{part}.{part - 244}.0/24 dev other\n" for part in layout.PARTS)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=routes))
    assert layout.free("here").number == len(layout.PARTS)


def test_a_name_that_cannot_be_a_folder_is_refused() -> None:
    with pytest.raises(ClusterError, match="cannot name a cluster"):
        Layout(name="../x", number=0)


def test_a_changed_go_mod_is_built_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "SOURCES", tmp_path)
    (tmp_path / "dns").mkdir()
    (tmp_path / "dns/go.mod").write_text("module one")
    before = builds.DNS.folder
    (tmp_path / "dns/go.mod").write_text("module two")
    assert builds.DNS.folder != before
