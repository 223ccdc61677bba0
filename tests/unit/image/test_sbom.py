"""What is in an image, by its files."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

STATUS = """Package: libssl3
Status: install ok installed
Architecture: amd64
Version: 3.0.19-1~deb12u2
Description: a library
 Version: not this one

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: zlib1g
Status: install ok installed
Architecture: amd64
Version: 1:1.2.13
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "var/lib/dpkg/status": STATUS,
        "etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
        "usr/share/doc/libssl3/copyright": "Format: x\n\nFiles: *\nLicense: Apache-2.0\n\nLicense: GPL-1+\n text\n",
        "usr/share/doc/zlib1g/copyright": "Free text. See /usr/share/common-licenses/GPL-2.\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def package(folder: Path, name: str, version: str, *lines: str) -> Path:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    text = "\n".join(["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *lines])
    (info / "METADATA").write_text(text + "\n\nLicense-Expression: not this one\n")
    return folder


def found(bill: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [one for one in bill["components"] if one["name"] == name]
    return dict(one)


def test_packages_of_debian_have_their_versions_and_licences(sbom: ModuleType, root: Path) -> None:
    bill = sbom.bill(root, [])
    assert found(bill, "libssl3") | {"type": "library"} == {
        "type": "library",
        "bom-ref": "pkg:deb/debian/libssl3@3.0.19-1~deb12u2?arch=amd64&distro=debian-12",
        "name": "libssl3",
        "version": "3.0.19-1~deb12u2",
        "purl": "pkg:deb/debian/libssl3@3.0.19-1~deb12u2?arch=amd64&distro=debian-12",
        "licenses": [{"license": {"name": "Apache-2.0"}}, {"license": {"name": "GPL-1+"}}],
    }
    assert found(bill, "zlib1g")["purl"].startswith("pkg:deb/debian/zlib1g@1%3A1.2.13?")
    assert found(bill, "zlib1g")["licenses"] == [{"license": {"name": "GPL-2"}}]
    assert "gone" not in json.dumps(bill)
    assert found(bill, "debian")["version"] == "12"


@pytest.mark.parametrize(
    ("lines", "licences"),
    [
        (["License-Expression: MIT OR Apache-2.0", "License: other"], [{"expression": "MIT OR Apache-2.0"}]),
        (["License: BSD 3-Clause"], [{"license": {"name": "BSD 3-Clause"}}]),
        (["Classifier: License :: OSI Approved :: MIT License"], [{"license": {"name": "MIT License"}}]),
        ([f"License: {'long ' * 40}", "Classifier: License :: OSI Approved :: X"], [{"license": {"name": "X"}}]),
        ([], [{"license": {"name": "see its METADATA"}}]),
    ],
)
def test_a_package_of_python_says_its_licence_in_one_of_three_ways(
    sbom: ModuleType, root: Path, lines: list[str], licences: list[object]
) -> None:
    one = found(sbom.bill(root, [package(root / "site", "Some_Thing", "1.0", *lines)]), "some-thing")
    assert (one["purl"], one["licenses"]) == ("pkg:pypi/some-thing@1.0", licences)


def test_of_two_versions_the_one_that_is_imported_counts_and_what_is_removed_does_not(
    sbom: ModuleType, root: Path
) -> None:
    first, second = package(root / "a", "thing", "2"), package(package(root / "b", "thing", "1"), "pip", "9")
    bill = sbom.bill(root, [first, second], without=["pip"])
    assert found(bill, "thing")["version"] == "2"
    assert "pkg:pypi/pip" not in json.dumps(bill)


def test_the_image_bears_the_version_of_ciao(sbom: ModuleType, root: Path) -> None:
    bill = sbom.bill(root, [package(root / "site", "ciao_kernel", "0.9")])
    assert bill["metadata"]["component"] == {"type": "container", "name": "ciao-gateway", "version": "0.9"}


def test_the_same_image_has_the_same_bill(sbom: ModuleType, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sbom.main([f"--root={root}", str(root)]) == sbom.main([f"--root={root}", str(root)]) == 0
    half = capsys.readouterr().out
    assert half[: len(half) // 2] == half[len(half) // 2 :]


def test_a_python_that_is_no_package_of_debian_is_listed(sbom: ModuleType, root: Path) -> None:
    assert found(sbom.bill(root, []), "python")["purl"].startswith("pkg:generic/python@3.")
    (root / "var/lib/dpkg/status").write_text(STATUS.replace("libssl3", "python3"))
    assert "pkg:generic" not in json.dumps(sbom.bill(root, []))
