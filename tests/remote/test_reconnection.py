"""The way between a JupyterLab and its gateway is cut, the gateway dies: jobs go on, and no line is lost."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster import cut
from fakes.channels import RemoteKernel
from fakes.rooms import until

if TYPE_CHECKING:
    from cluster.cut import Proxy
    from fakes.channels import Door
    from fakes.gateway import Gateway
    from fakes.kernel import Ran

pytestmark = pytest.mark.timeout(240)

LONG = int(os.environ.get("CIAO_SOAK_TIMES", "1")) > 1
CUT = 30.0 if LONG else 0.0
"""Seconds that a cut lasts at least; in the long runs so long that JupyterLab's own patience is just enough."""

COUNT = 300
GATED = f"""%framework=pytorch
%worker=2
import os, time
for i in range({COUNT}):
    print("line", i)
    while i == 9 and not os.path.exists("GATE"):
        time.sleep(0.02)
"""


def numbers(text: str, replica: str) -> list[int]:
    """The numbers of the lines that a replica printed, without colours."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return [int(n) for n in re.findall(rf"^{replica} +\| line (\d+)$", plain, re.MULTILINE)]


def every_line_once(text: str) -> bool:
    return [numbers(text, f"worker-{i}") for i in range(2)] == [list(range(COUNT))] * 2


def job_of(ran: Ran) -> str:
    """The name in the first line."""
    return str(re.findall(r"\bjob (pytorch-\w{5})", ran.stdout)[0])


def connections(gateway: Gateway, kernel: RemoteKernel) -> int:
    """So many the gateway believes that the kernel has."""
    return int(gateway.kernel(kernel.id)["connections"])


def half_way(kernel: RemoteKernel, gate: Path) -> tuple[str, Ran]:
    """A job whose replicas have said ten lines, and say the others once there is a gate."""
    request, ran = kernel.start(GATED.replace("GATE", str(gate)), until="line 9")
    kernel.watch(request, ran, lambda ran: ran.stdout.count("line 9") == 2)
    return request, ran


@pytest.fixture(scope="module")
def proxy(gateway: Gateway) -> Iterator[Proxy]:
    with cut.before("127.0.0.1", gateway.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def lab(gateway: Gateway, proxy: Proxy, server: Callable[..., Door]) -> Door:
    """The user's Jupyter server, whose way to the gateway can be cut."""
    return server(gateway, port=proxy.port, often=not LONG)


@pytest.fixture(autouse=True)
def _healed(proxy: Proxy) -> Iterator[None]:
    yield
    proxy.heal()


def test_what_is_printed_while_the_way_is_cut_comes_once_it_is_healed(
    gateway: Gateway, proxy: Proxy, lab: Door, launch: Callable[..., RemoteKernel], tmp_path: Path
) -> None:
    kernel = launch(lab)
    request, ran = half_way(kernel, tmp_path / "gate")
    proxy.cut()
    until(lambda: connections(gateway, kernel) == 0)
    (tmp_path / "gate").touch()
    until(lambda: gateway.kernel(kernel.id)["execution_state"] == "idle")
    time.sleep(CUT)
    proxy.heal()
    kernel.wait(request, ran)
    assert every_line_once(ran.stdout)
    assert ran.status.startswith("succeeded")


def test_a_network_that_loses_all_for_a_while_loses_no_line(
    gateway: Gateway, proxy: Proxy, lab: Door, launch: Callable[..., RemoteKernel], tmp_path: Path
) -> None:
    kernel = launch(lab)
    request, ran = half_way(kernel, tmp_path / "gate")
    proxy.stall()
    (tmp_path / "gate").touch()
    until(lambda: gateway.kernel(kernel.id)["execution_state"] == "idle")
    time.sleep(CUT)
    assert not every_line_once(ran.stdout)
    proxy.heal()
    kernel.wait(request, ran)
    assert every_line_once(ran.stdout)


def test_what_was_on_its_way_when_the_way_was_cut_is_brought_by_attaching(
    gateway: Gateway, proxy: Proxy, lab: Door, launch: Callable[..., RemoteKernel], tmp_path: Path
) -> None:
    kernel = launch(lab)
    _, ran = half_way(kernel, tmp_path / "gate")
    (tmp_path / "gate").touch()
    proxy.cut()  # in the midst of its lines, some of which are in no buffer any more
    until(lambda: connections(gateway, kernel) == 0)
    proxy.heal()
    until(lambda: connections(gateway, kernel) == 1)
    assert every_line_once(kernel.run(f"%ciao attach {job_of(ran)}").stdout)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_gateway_is_replaced_in_the_midst_of_a_job_which_the_next_one_shows_in_full(
    gateway: Gateway, lab: Door, launch: Callable[..., RemoteKernel], tmp_path: Path, how: signal.Signals
) -> None:
    _, ran = half_way(launch(lab), tmp_path / "gate")
    name = job_of(ran)
    gateway.end(how)
    gateway.start()
    second = launch(lab)
    assert f"{name} still runs from before" in second.run("%framework=jax\nprint('another')").stdout
    request, attached = second.start(f"%ciao attach {name}", until="line 9")
    (tmp_path / "gate").touch()
    second.wait(request, attached)
    assert every_line_once(attached.stdout)
    assert attached.status.startswith("succeeded")
