"""Packages in a Dockerfile: what is copied, what pip is told, and that no password gets there."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.s2i.dockerfile import install, package_entries
from ciao.settings import Settings


def files(folder: Path, *lines: str, **settings: object) -> dict[str, str]:
    found = package_entries(lines, folder, Settings(home=folder, **settings))  # type: ignore[arg-type]  # any field
    return {
        entry.path: entry.source.decode() if isinstance(entry.source, bytes) else str(entry.source) for entry in found
    }


def test_no_packages_are_no_files(tmp_path: Path) -> None:
    assert package_entries((), tmp_path, Settings(home=tmp_path)) == ()


def test_requirements_are_written_as_pip_reads_them(tmp_path: Path) -> None:
    found = files(tmp_path, "einops==0.8.0 'pandas>=2,<3'", "--pre")
    assert found == {"ciao/packages/requirements.txt": "--pre\neinops==0.8.0\npandas<3,>=2\n"}


def test_an_index_of_the_settings_is_named_and_the_usual_one_is_not(tmp_path: Path) -> None:
    found = files(tmp_path, "einops", packages_index="https://index.example/simple")
    assert found["ciao/packages/requirements.txt"] == "--index-url https://index.example/simple\neinops\n"


def test_a_wheel_of_this_machine_goes_along(tmp_path: Path) -> None:
    wheel = tmp_path / "mine-1.0-py3-none-any.whl"
    wheel.touch()
    found = files(tmp_path, f"./{wheel.name}[fast]")
    assert found[f"ciao/packages/{wheel.name}"] == str(wheel)
    assert found["ciao/packages/requirements.txt"] == f"/ciao/packages/{wheel.name}[fast]\n"


def test_constraints_are_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "limits.txt").write_text("numpy<2\n")
    found = files(tmp_path, "einops -c limits.txt")
    assert found["ciao/packages/constraints.txt"] == "numpy<2\n"
    assert "--constraint /ciao/packages/constraints.txt" in found["ciao/packages/requirements.txt"]


def test_a_password_never_gets_into_an_image(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as caught:
        files(tmp_path, "einops", packages_extra=("https://ann:hush-hush@index.example/simple",))
    assert "hush-hush" not in str(caught.value)
    assert "%s2i=append" in caught.value.hint


def test_the_stage_needs_no_shell_and_gathers_what_pip_made_wherever_that_is() -> None:
    runs = [line for line in install("--from=ours") if line.startswith("RUN ")]
    assert all(line.startswith('RUN ["python3", ') for line in runs)
    assert "COPY --from=ours /ciao/packages /ciao/packages/" in install("--from=ours")
    assert "COPY ciao/packages /ciao/packages/" in install()
