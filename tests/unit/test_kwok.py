"""Fake nodes, as far as they need no cluster."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cluster import kwok
from cluster.layout import Layout


@pytest.fixture
def settings() -> dict[str, dict[str, object]]:
    documents = kwok.configuration(Layout(name="here", number=3))
    return {one["kind"]: one.get("options") or one["spec"] for one in documents}


def test_a_line_is_written_as_a_container_runtime_writes_it() -> None:
    at = datetime(2026, 11, 23, 1, 0, 0, 42, tzinfo=UTC)
    assert kwok.stamped("step 1", at) == b"2026-11-23T01:00:00.000042000Z stdout F step 1\n"


def test_only_nodes_with_the_fake_nodes_label_are_kept_alive(settings: dict[str, dict[str, object]]) -> None:
    options = settings["KwokConfiguration"]
    assert options["manageAllNodes"] is False
    assert options["manageNodesWithLabelSelector"] == "type=kwok"
    assert kwok.node("fake-0")["metadata"]["labels"] == {"type": "kwok"}


def test_it_is_asked_for_logs_at_the_node_s_address(settings: dict[str, dict[str, object]]) -> None:
    options = settings["KwokConfiguration"]
    assert options["serverAddress"] == f"{options['nodeIP']}:{options['nodePort']}" == "10.244.3.1:10360"


def test_only_pods_that_ask_for_a_fake_node_get_one() -> None:
    (taint,) = kwok.node("fake-0")["spec"]["taints"]
    (toleration,) = kwok.PLACEMENT["tolerations"]
    assert (taint["key"], taint["effect"]) == (toleration["key"], "NoSchedule")


def test_a_pod_ends_by_its_annotation_and_by_nothing_else() -> None:
    assert not [stage for stage in kwok.STAGES if "complete" in stage]
    assert f'"{kwok.EXIT_CODE}"' in kwok.ENDED
    assert f'"{kwok.MESSAGE}"' in kwok.ENDED
