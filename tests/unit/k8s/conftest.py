from __future__ import annotations

import pytest

from fakes import certificates
from fakes.certificates import Certificates


@pytest.fixture(scope="session")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates.make(tmp_path_factory.mktemp("certificates"))
