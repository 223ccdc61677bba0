"""JupyterLab with the kernel beside it, as most people have it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from fakes.lab import Lab, browser, install_kernel, jupyter

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["browser"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Lab]:
    """Its kernel is installed as ``ciao kernel install`` does it."""
    home = tmp_path_factory.mktemp("lab")
    environment = {"CIAO_BACKEND": "local", "JUPYTER_PATH": str(install_kernel(home / "prefix"))}
    with jupyter(home, environment=environment) as url:
        yield Lab(url=url, folder=home / "notebooks", browser=browser)
