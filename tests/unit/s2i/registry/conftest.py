from __future__ import annotations

import pytest

from fakes import certificates as making
from fakes.certificates import Certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return making.make(tmp_path_factory.mktemp("certificates"))
