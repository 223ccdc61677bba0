"""Which tests run on which cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

import clusters
from clusters import Images, Place


@pytest.fixture(autouse=True)
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which a cluster could start, asked for nothing."""
    for name in ("CIAO_TEST_KUBECONFIG", "PYTEST_XDIST_WORKER", "CIAO_TEST_CLUSTER", "CI", "CIAO_TEST_NO_SKIP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(clusters, "_machine", lambda: None)


def elsewhere(registry: str = "") -> Images:
    return Images(place=Place(kubeconfig=Path("other"), registry=registry, own=None), progress=print)


@pytest.mark.parametrize("variable", ["CIAO_TEST_CLUSTER", "CI", "CIAO_TEST_NO_SKIP"])
def test_a_cluster_is_started_only_where_it_is_asked_for(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "takes minutes" in (clusters.why_not({"place"}) or "")
    monkeypatch.setenv(variable, "1")
    assert clusters.why_not({"place"}) is None


def test_what_the_machine_lacks_comes_before_what_was_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "_machine", lambda: "needs root")
    assert clusters.why_not({"place"}) == "a cluster needs root"


def test_on_another_cluster_only_what_needs_the_inside_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIAO_TEST_KUBECONFIG", "other")
    assert clusters.why_not({"place", "kubectl", "image"}) is None
    for fixtures in ({"place", "cluster"}, set()):
        assert "CIAO_TEST_KUBECONFIG names another" in (clusters.why_not(set(fixtures)) or "")


def test_workers_of_xdist_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    assert "without pytest-xdist" in (clusters.why_not({"place"}) or "")


def test_images_of_another_cluster_are_named_by_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIAO_TEST_IMAGE", "there/torch:2")
    monkeypatch.setenv("CIAO_TEST_IMAGE_PYTORCH_INIT", "there/init:1")
    assert [elsewhere()(name) for name in ("pytorch", "pytorch-init")] == ["there/torch:2", "there/init:1"]


def test_an_image_that_another_cluster_lacks_is_a_reason_to_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CIAO_TEST_IMAGE_TINY", raising=False)
    with pytest.raises(pytest.skip.Exception, match="CIAO_TEST_IMAGE_TINY is not set, nor CIAO_TEST_REGISTRY"):
        elsewhere()("tiny")
    monkeypatch.setattr(clusters, "_machine", lambda: "needs root")
    with pytest.raises(pytest.skip.Exception, match="making the image tiny needs root"):
        elsewhere("there:5000")("tiny")


def test_a_namespace_is_named_after_its_test_within_63_characters() -> None:
    name = clusters._namespace(f"test_A[{'x' * 80}]")
    assert name.startswith("test-a-xxx")
    assert len(name) <= 63
