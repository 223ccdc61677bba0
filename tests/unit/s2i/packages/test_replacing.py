"""A large package of the base is replaced only if the cell names it, and nothing of another is downloaded before."""

from __future__ import annotations

import sys

import pytest

from ciao.errors import BundleError
from ciao.model import Packing
from fakes.shop import Shop

OLD = {"torch": "1.13.0a0"}


@pytest.fixture
def metrics(shop: Shop) -> Shop:
    shop.has("torch", "2.11", needs=["cuda"])
    shop.has("cuda", "12")
    shop.has("metrics", "2.0", needs=["torch>=2", "tiny"])
    shop.has("metrics", "1.4", needs=["torch>=1.10"])
    shop.has("tiny")
    return shop


async def test_another_torch_that_nobody_asked_for_is_refused_with_the_version_that_fits(metrics: Shop) -> None:
    with pytest.raises(BundleError) as refused:
        await metrics.install("metrics tiny", has=OLD)
    assert refused.value.message == ("metrics 2.0 needs torch>=2: the image has torch 1.13.0a0, and 2.11 would hide it")
    assert "metrics==1.4 fits what is there: %package=metrics==1.4." in refused.value.hint
    assert "%image=" in refused.value.hint
    assert "name it: %package=torch==2.11" in refused.value.hint
    assert [e.step for e in metrics.told if isinstance(e, Packing)] == ["resolving the packages"]


async def test_what_needs_it_through_another_package_is_named(metrics: Shop) -> None:
    metrics.has("above", needs=["metrics>=2"])
    with pytest.raises(BundleError, match=r"metrics 2.0 needs torch>=2: ") as refused:
        await metrics.install("above", has=OLD)
    assert refused.value.hint.startswith("Ask for an earlier version, or use an image with a newer torch")


async def test_the_version_that_fits_is_installed_and_the_base_keeps_its_own(metrics: Shop) -> None:
    made, _ = await metrics.install("metrics==1.4", has=OLD)
    assert (dict(made.added), dict(made.replaced)) == ({"metrics": "1.4"}, {})


@pytest.mark.parametrize("line", ["metrics torch", "metrics torch==2.11"])
async def test_whoever_names_it_has_it(metrics: Shop, line: str) -> None:
    made, _ = await metrics.install(line, has=OLD)
    assert made.replaced == OLD


async def test_who_names_jax_means_jaxlib_as_well(shop: Shop) -> None:
    shop.has("jax", "0.5", needs=["jaxlib>=0.5"])
    shop.has("jaxlib", "0.5")
    made, _ = await shop.install("jax>=0.5", has={"jax": "0.4", "jaxlib": "0.4"})
    assert made.replaced == {"jax": "0.4", "jaxlib": "0.4"}


async def test_small_packages_are_replaced_as_ever(shop: Shop) -> None:
    shop.has("numpy", "2.0")
    shop.has("a", needs=["numpy>=2"])
    made, _ = await shop.install("a", has={"numpy": "1.24"})
    assert made.replaced == {"numpy": "1.24"}


async def test_a_python_of_this_machine_is_called_by_its_path(metrics: Shop) -> None:
    with pytest.raises(BundleError, match=f"{sys.executable} has torch 1.13.0a0") as refused:
        await metrics.install("metrics", has=OLD, python=sys.executable)
    assert "%python=" in refused.value.hint
    assert "%image=" not in refused.value.hint
