"""Whether a tool is there, and what is said if it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.s2i.command.finding import find
from ciao.settings.strategies import ON_THE_HOST


def path(folder: Path, *programs: str) -> dict[str, str]:
    """An environment with these programs alone."""
    for name in programs:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return {"PATH": str(folder)}


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("buildah", "Install the package buildah"),
        ("podman", "Install the package podman"),
        ("docker", "docker.io"),
        ("buildkit", "no program buildctl, which is what buildkit needs"),
        ("kaniko", "/kaniko/executor"),
        ("s2i", "source-to-image"),
    ],
)
def test_a_tool_that_is_not_there_says_how_to_get_it_and_what_to_use_instead(
    tool: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(BundleError) as caught:
        find(tool, path(tmp_path))
    assert words in str(caught.value)
    assert "%s2i=append" in caught.value.hint


@pytest.mark.parametrize("tool", sorted(ON_THE_HOST))
def test_every_strategy_of_this_machine_has_a_row(tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    programs = ("buildah", "podman", "docker", "buildctl", "executor", "s2i")
    found = find(tool, path(tmp_path, *programs) | {"BUILDKIT_HOST": "tcp://builder:1234"})
    assert all(program.startswith(str(tmp_path)) for program in found.programs.values())


def test_kaniko_is_for_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(BundleError, match="kaniko needs root"):
        find("kaniko", path(tmp_path, "executor"))


def test_buildkit_is_nothing_without_its_daemon(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no buildkitd runs here: BUILDKIT_HOST is not set"):
        find("buildkit", path(tmp_path, "buildctl") | {"XDG_RUNTIME_DIR": str(tmp_path)})
    (tmp_path / "buildkit").mkdir()
    (tmp_path / "buildkit" / "buildkitd.sock").touch()
    assert find("buildkit", path(tmp_path, "buildctl") | {"XDG_RUNTIME_DIR": str(tmp_path)}).name == "buildkit"


@pytest.mark.parametrize(
    ("there", "builder"),
    [(("docker", "podman"), "docker"), (("podman", "buildah"), "buildah"), (("podman",), "podman")],
)
def test_source_to_image_takes_the_first_builder_that_is_there(
    there: tuple[str, ...], builder: str, tmp_path: Path
) -> None:
    found = find("s2i", path(tmp_path, "s2i", *there))
    assert (found.name, found.tool.name, found.assembles) == ("s2i", builder, True)
