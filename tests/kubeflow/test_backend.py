"""The Kubeflow backend keeps what every backend promises. Each test runs real pods, as a PyTorchJob of workers."""

from __future__ import annotations

import pytest

from contract.backend import *  # noqa: F403  # its tests are found here

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]
