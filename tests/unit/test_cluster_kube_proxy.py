"""What kube-proxy is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import kube_proxy
from cluster.layout import Layout


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    cluster = Layout(name="here", number=0)
    cluster.state.mkdir(parents=True)
    return cluster


def told(cluster: Layout) -> dict[str, Any]:
    kube_proxy.component(cluster)
    found: dict[str, Any] = yaml.safe_load((cluster.state / "kube-proxy.yaml").read_text())
    return found


def test_it_leaves_the_machines_connection_tracking_alone(here: Layout) -> None:
    limits = told(here)["conntrack"]
    assert limits == {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}


@pytest.mark.parametrize("bridged", [True, False])
def test_it_stands_in_for_who_asks_where_rules_do_not_see_the_bridge(
    *, bridged: bool, here: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube_proxy, "BRIDGED", tmp_path if bridged else tmp_path / "none")
    assert told(here)["iptables"]["masqueradeAll"] is not bridged
