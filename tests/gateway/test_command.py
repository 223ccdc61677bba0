"""What stands on the terminal of who starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fakes.strangers import Gateway, Start


pytestmark = pytest.mark.timeout(240)


def refused(home: Path, *options: str, code: str = "", **environment: str) -> tuple[int, str]:
    """Status and words of one that does not start."""
    run = code or "from ciao.__main__ import main; raise SystemExit(main())"
    given = {**os.environ, "CIAO_HOME": str(home), **environment}
    command = [sys.executable, "-c", run, "gateway", *options]
    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_it_does_not_listen_beyond_this_machine_without_tls(tmp_path: Path) -> None:
    status, said = refused(tmp_path, "--ip=0.0.0.0", "--port=0")
    assert status == 2
    assert said.startswith("ciao: the gateway would listen on 0.0.0.0 without TLS: whoever is on the way could read")


def test_without_jupyters_server_it_says_what_to_install(tmp_path: Path) -> None:
    hidden = (
        "import sys; sys.modules['jupyter_server'] = None; from ciao.__main__ import main; raise SystemExit(main())"
    )
    status, said = refused(tmp_path, code=hidden)
    assert (status, said.splitlines()[1]) == (1, "pip install 'ciao-kernel[gateway]'")


def test_a_port_that_another_has_is_told(gateway: Gateway, tmp_path: Path) -> None:
    status, said = refused(tmp_path, f"--port={gateway.address[1]}")
    assert status == 1
    assert "cannot be listened on: Address already in use\nAnother program has it" in said


def test_a_folder_that_kernels_need_and_cannot_write_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, said = refused(tmp_path / "home", JUPYTER_RUNTIME_DIR=str(tmp_path / "file" / "runtime"))
    assert status == 1
    assert "kernels cannot start" in said


def test_it_tells_each_fact_and_never_the_token(start: Start) -> None:
    gateway = start("--self-signed", "--user=ann", token="")
    token = (gateway.home / "gateway" / "token").read_text().strip()
    lines = gateway.log.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "gateway",
        "TLS",
        "token",
        "user",
        "kernels",
        "messages",
        "connect",
    ]
    assert lines[2].endswith("/gateway/token, made now")
    assert "kernels: ciao, " in gateway.log
    assert token not in gateway.log
    assert gateway.ask("/api/kernels", headers={"Authorization": f"token {token}"}).status == 200


@pytest.mark.parametrize("how", ["environment", "options"])
def test_options_are_given_either_way(start: Start, how: str) -> None:
    options = ("--self-signed", "--base-url=/there") if how == "options" else ()
    variables = {"CIAO_GATEWAY_SELF_SIGNED": "1", "CIAO_GATEWAY_BASE_URL": "/there"} if how == "environment" else {}
    gateway = start(*options, **variables)
    assert gateway.url.startswith("https://127.0.0.1:")
    assert gateway.ask("/api/kernelspecs").status == 200
