"""What the gateway's image is made of, and when it is made anew. No root is needed for that."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from cluster import image_folder, layout
from cluster.errors import ClusterError
from cluster.gateway import ROOT, Gateway, Wheels, context, copied, version
from cluster.images import Image
from cluster.layers import Layer

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.trees import Tree


@dataclass(frozen=True, kw_only=True)
class Written:
    """One file, at one path."""

    text: str

    def says(self) -> str:
        return self.text

    def fill(self, tree: Tree, progress: Callable[[str], None]) -> None:
        (tree.root / "etc").mkdir()
        (tree.root / "etc/file").write_text(self.text)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return layout.cache()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout of our own."""
    copied(ROOT, tmp_path / "checkout")
    (tmp_path / "checkout/.dockerignore").write_text((ROOT / ".dockerignore").read_text())
    return tmp_path / "checkout"


@pytest.fixture
def image() -> Image:
    below = Layer(name="below", recipe=Written(text="old"))
    made = Image(name="one", layer=Layer(name="above", recipe=Written(text="new"), below=below), entrypoint=("/x",))
    made.build(print)
    return made


def test_what_the_dockerfile_copies_is_what_dockerignore_lets_through() -> None:
    copies = re.findall(r"^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    copied = {word.rstrip("/") for line in copies for word in line.split()}
    let = {word[1:] for word in (ROOT / ".dockerignore").read_text().split("\n") if word.startswith("!")}
    assert copied == let - {"Dockerfile"}


def test_nothing_of_git_tests_or_this_machine_gets_into_the_context(root: Path) -> None:
    for path in (".git/config", "tests/x.py", ".env", "src/ciao/__pycache__/x.pyc", "out/token"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")
    found = {str(path.relative_to(root)) for path in context(root)}
    assert found == {str(path.relative_to(ROOT)) for path in context(ROOT)}
    files = {"Dockerfile", "LICENSE", "README.md", "constraints.txt", "pyproject.toml"}
    assert {one.partition("/")[0] for one in found} == {*files, "deploy", "kernelspec", "src", "tools"}


@pytest.mark.parametrize("path", ["Dockerfile", "src/ciao/__init__.py", "deploy/image/init.py", "constraints.txt"])
def test_an_image_is_made_anew_when_what_it_is_made_of_changes(root: Path, path: str) -> None:
    before = Gateway(root=root).folder
    (root / "tests").mkdir()
    (root / "tests/new.py").write_text("")
    assert Gateway(root=root).folder == before
    (root / path).write_text((root / path).read_text()[:-1] + "#")  # as long as before
    assert Gateway(root=root).folder != before


def test_its_base_and_its_revision_count_too(root: Path) -> None:
    assert (
        len({Gateway(root=root).folder, Gateway(root=root, base="x").folder, Gateway(root=root, revision="1").folder})
        == 3
    )


def test_packages_are_fetched_anew_when_a_pin_changes_and_not_when_the_code_does(root: Path) -> None:
    before = Wheels(root=root).folder
    (root / "src/ciao/__init__.py").write_text("")
    assert Wheels(root=root).folder == before
    (root / "constraints.txt").write_text("aiohttp==1\n")
    assert Wheels(root=root).folder != before


def test_the_version_is_that_of_the_source() -> None:
    import ciao

    assert version(ROOT) == ciao.__version__


def test_the_image_has_what_the_command_needs_and_nothing_for_tests(install: ModuleType) -> None:
    asked = install.requirements((ROOT / "pyproject.toml").read_text())
    names = {re.split(r"[^\w-]", one)[0] for one in asked}
    assert {"aiohttp", "ipykernel", "jupyter_server", "uv"} <= names
    assert not {"pytest", "jupyterlab", "jax"} & names


def test_with_wheels_beside_it_nothing_is_fetched(
    install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "WHEELS", tmp_path)
    assert (
        install.variables({"A": "b"}).items()
        >= {"A": "b", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}.items()
    )
    monkeypatch.setattr(install, "WHEELS", tmp_path / "none")
    assert "PIP_NO_INDEX" not in install.variables({})


def test_a_file_of_an_image_is_read_from_the_highest_layer_that_has_it(image: Image) -> None:
    assert image_folder.read(image.folder, "etc/file") == b"new"
    with pytest.raises(FileNotFoundError, match="etc/none"):
        image_folder.read(image.folder, "etc/none")


def test_an_archive_has_both_lists_and_every_part_by_its_digest(image: Image, tmp_path: Path) -> None:
    image_folder.archive(image.folder, tmp_path / "a.tar", "localhost/one:1")
    image_folder.archive(image.folder, tmp_path / "b.tar", "localhost/one:1")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as tar:
        files = {one.name: file.read() for one in tar if (file := tar.extractfile(one))}
    blobs = {path: content for path, content in files.items() if path.startswith("blobs/")}
    assert {hashlib.sha256(content).hexdigest() for content in blobs.values()} == {path[13:] for path in blobs}
    (docker,), (oci,) = json.loads(files["manifest.json"]), json.loads(files["index.json"])["manifests"]
    assert docker["RepoTags"] == ["localhost/one:1"]
    assert {docker["Config"], *docker["Layers"], f"blobs/sha256/{oci['digest'][7:]}"} == set(blobs)
    assert oci["digest"] == image_folder.digest(image.folder)
    assert len(docker["Layers"]) == 2


def test_its_size_is_that_of_what_is_pulled(image: Image) -> None:
    parts = [path for path in image.folder.iterdir() if path.name != "manifest.json"]
    assert image_folder.size(image.folder) == sum(path.stat().st_size for path in parts)
    assert image_folder.config(image.folder)["config"]["Entrypoint"] == ["/x"]


def test_an_image_in_the_cache_bears_the_health_check_of_its_dockerfile(image: Image) -> None:
    image_folder.with_health_check(image.folder, (ROOT / "Dockerfile").read_text())
    manifest = json.loads((image.folder / "manifest.json").read_text())
    assert manifest["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert {one["mediaType"] for one in manifest["layers"]} == {"application/vnd.docker.image.rootfs.diff.tar.gzip"}
    digest = manifest["config"]["digest"].removeprefix("sha256:")
    assert hashlib.sha256((image.folder / digest).read_bytes()).hexdigest() == digest
    assert image_folder.config(image.folder)["config"]["Healthcheck"] == {
        "Test": ["CMD", "python", "-I", "-S", "/opt/ciao/image/healthy.py"],
        "Interval": 30_000_000_000,
        "Timeout": 5_000_000_000,
        "StartPeriod": 30_000_000_000,
    }
    assert len(list(image.folder.iterdir())) == 4, "two layers, the configuration, the manifest"


def test_a_health_check_in_other_words_is_refused_rather_than_lost(image: Image) -> None:
    with pytest.raises(ClusterError, match="HEALTHCHECK"):
        image_folder.with_health_check(image.folder, "FROM x\nHEALTHCHECK CMD curl localhost\n")
