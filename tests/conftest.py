"""What holds for every test: a home of its own, and, where it is asked for, no skipping."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

pytest_plugins = ("clusters", "gateway_image", "registries")  # real ones, started only by tests that ask for them

NO_SKIP = bool(os.environ.get("CIAO_TEST_NO_SKIP"))
"""Set by ``make test`` under CI: a test that cannot run there is a failure, not a line that nobody reads."""

_home: Path | None = None


def pytest_configure(config: pytest.Config) -> None:
    """Keep what tests write out of the user's home, also what the kernels that they start write."""
    global _home  # noqa: PLW0603 - removed by pytest_unconfigure
    if "CIAO_TEST_HOME" in os.environ:  # a worker of pytest-xdist has its parent's
        return
    _home = Path(tempfile.mkdtemp(prefix="ciao-tests-"))
    os.environ["CIAO_TEST_HOME"] = str(_home)
    os.environ["CIAO_HOME"] = str(_home / "ciao")
    os.environ["IPYTHONDIR"] = str(_home / "ipython")
    os.environ["JUPYTER_CONFIG_DIR"] = str(_home / "jupyter-config")
    os.environ["JUPYTER_DATA_DIR"] = str(_home / "jupyter-data")
    os.environ["JUPYTER_RUNTIME_DIR"] = str(_home / "jupyter-runtime")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A real cluster's tests come last: what fails at once is not to be found after minutes."""
    items.sort(key=lambda item: item.get_closest_marker("cluster") is not None)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove that home, and end what still runs for it: jobs outlive the kernels that tests kill."""
    if _home is not None:
        _end_processes(f"JUPYTER_CONFIG_DIR={_home}/jupyter-config")
        shutil.rmtree(_home, ignore_errors=True)
        del os.environ["CIAO_TEST_HOME"]


def _end_processes(variable: str) -> None:
    """Kill those that have this in their environment, other than this one. Only where there is a /proc."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(process.name) != os.getpid() and variable.encode() in (process / "environ").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)


@pytest.fixture(scope="session")
def installed() -> None:
    """The kernelspec is where Jupyter looks, in the tests' own home; it goes with that."""
    from ciao.frontends import kernelspec

    kernelspec.install(user=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", _complaint(report.longrepr)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if NO_SKIP and report.skipped:
        report.outcome, report.longrepr = "failed", _complaint(report.longrepr)
    return report


def _complaint(skip: object) -> str:
    """A skip's representation is (path, line, reason)."""
    reason = skip[2] if isinstance(skip, tuple) else skip
    return f"{reason}\nCIAO_TEST_NO_SKIP is set: nothing may be skipped here. Install what is missing."
