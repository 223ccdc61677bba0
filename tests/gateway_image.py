"""Fixture for tests on a real cluster: the gateway's image of this checkout, where the cluster's nodes can pull it.

Mark the module `cluster` and ask for `gateway_image`: its name with its digest. It is built once for the same sources.
CIAO_TEST_IMAGE_GATEWAY names one that another cluster (CIAO_TEST_KUBECONFIG) can pull; else it is pushed to
CIAO_TEST_REGISTRY.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from clusters import Place


@pytest.fixture(scope="session")
def gateway_image(place: Place, request: pytest.FixtureRequest) -> str:
    from cluster import image_folder, registry
    from cluster.gateway import GATEWAY
    from clusters import _aloud

    if given := os.environ.get("CIAO_TEST_IMAGE_GATEWAY"):
        return given
    if not place.registry:
        pytest.skip("neither CIAO_TEST_IMAGE_GATEWAY nor CIAO_TEST_REGISTRY is set: the other cluster has no image")
    built = GATEWAY.build(_aloud(request.config))
    registry.push_to(place.registry, built)
    return f"{place.registry}/{built.name}@{image_folder.digest(built.folder)}"
