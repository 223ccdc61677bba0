"""Containers of the image: nothing to write to but two volumes, no rights, no network, any user."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster import image_folder

if TYPE_CHECKING:
    from conftest import Podman  # type: ignore[attr-defined] # the one beside this
    from registries import Registries

pytestmark = [pytest.mark.builders, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]

CELLS = [
    "6 * 7",
    "%framework=pytorch\n%backend=local\nprint('trained')",
    "import os; print(os.getuid(), os.environ['HOME'])",
]
CLIENT = Path(__file__).with_name("inside.py").read_text()


@pytest.mark.parametrize("user", ["", "1234567:0"])
def test_a_gateway_becomes_healthy_runs_cells_and_ends_when_it_is_asked_to(podman: Podman, user: str) -> None:
    with podman.serving("gateway", "--ip=0.0.0.0", "--self-signed", user=user) as gateway:
        lines = gateway.python(CLIENT, *CELLS).splitlines()
        ordinary, training, who = (json.loads(line) for line in lines)
        assert ordinary == "42"
        assert "trained" in training
        assert who.split() == [user.partition(":")[0] or "1000", "/home/ciao"]
        assert gateway.ended() == 0, gateway.said()


def test_it_has_no_rights_and_can_write_nothing_but_its_volumes(podman: Podman) -> None:
    tried = "/x /opt/ciao/x /etc/x /home/ciao/x /tmp/x"
    script = f"cat /proc/self/status; touch {tried}; ls /tmp /home/ciao"
    told = podman.run("-c", script, options=("--rm", "--entrypoint=sh"))
    assert re.findall(r"^(?:CapEff|CapBnd|NoNewPrivs):\t0*(\d)$", told.stdout, re.MULTILINE) == ["0", "0", "1"]
    assert re.findall(r"touch: cannot touch '(.*)': Read-only", told.stderr) == ["/x", "/opt/ciao/x", "/etc/x"]
    assert told.stdout.split()[-4:] == ["/home/ciao:", "x", "/tmp:", "x"]


def test_without_tls_it_does_not_listen_and_says_what_to_do(podman: Podman) -> None:
    told = podman.run(options=("--rm",))
    assert told.returncode not in (0, 127)
    assert "--self-signed" in told.stderr
    assert "Traceback" not in told.stderr


def test_the_archive_is_loaded_by_a_builder_and_the_image_pushed_by_its_name(
    podman: Podman, image: Path, registries: Registries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("build_image", ROOT / "tools/build_image.py")
    assert spec
    assert spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    made = image_folder.Kept(name="ciao-gateway", folder=image)
    monkeypatch.setattr(tool.gateway.Gateway, "build", lambda *_: made)  # of which nothing is made anew
    into = f"{registries.open().address}/team/gateway:one"
    assert tool.main([f"--out={tmp_path}", f"--push={into}"]) == 0
    assert json.loads((tmp_path / "sbom.json").read_text())["bomFormat"] == "CycloneDX"
    loaded = podman("load", f"--input={tmp_path / 'ciao-gateway.tar'}").stdout
    assert "localhost/ciao-gateway:" in loaded
    pulled = podman("pull", "--quiet", "--tls-verify=false", into).stdout.strip()
    assert pulled == podman.image
    assert registries.open().blob(image_folder.digest(image)).exists()
