"""What the project's own files promise one another."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from ciao import interpreter
from ciao.backends.local.launch import Process, launch
from ciao.frameworks import FRAMEWORKS, Framework
from ciao.model import Cell
from ciao.settings import Settings

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def names(requirements: list[str]) -> set[str]:
    found = (re.match(r"[\w.-]+", r) for r in requirements)
    return {re.sub(r"[-_.]+", "-", m[0]).lower() for m in found if m}


def pins() -> set[str]:
    return names([line for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line])


@pytest.mark.parametrize("extra", ["", *PROJECT["optional-dependencies"]])
def test_every_dependency_is_pinned(extra: str) -> None:
    wanted = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    assert names(wanted) - pins() <= {"ciao-kernel"}


def test_pins_name_no_place_to_download_from() -> None:
    assert not re.search(r"://|--|@", (ROOT / "constraints.txt").read_text())


def test_every_dependency_is_explained() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text().lower()
    every = names(PROJECT["dependencies"]).union(*map(names, PROJECT["optional-dependencies"].values()))
    assert {n for n in every - {"ciao-kernel"} if n not in page.replace("_", "-")} == set()


def test_every_target_of_make_is_explained_by_make_help() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = subprocess.run(["make", "-C", str(ROOT), "help"], capture_output=True, text=True, check=True).stdout
    assert targets == set(re.findall(r"^  make ([\w-]+)", shown, re.MULTILINE))


def test_links_between_pages_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())]
    assert [(str(p.relative_to(ROOT)), link) for p, link in links if not (p.parent / link).exists()] == []


def test_every_claim_about_security_names_a_test_that_is_there() -> None:
    claimed = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "security.md").read_text()))
    files = (file.read_text() for file in (ROOT / "tests").rglob("*.py"))
    assert claimed - {name for text in files for name in re.findall(r"def (test_\w+)", text)} == set()
    assert len(claimed) > 50


def test_example_notebooks_are_committed_without_outputs() -> None:
    written = [p.name for p in (ROOT / "examples").glob("*.ipynb") if '"output_type"' in p.read_text()]
    assert written == []


def test_every_variable_of_a_replica_is_explained() -> None:
    page = (ROOT / "docs" / "replicas.md").read_text()
    missing = {
        f"{framework.name}: {name}"
        for framework in FRAMEWORKS.values()
        for process in _processes(framework)
        for name in process.env
        if f"`{name}`" not in page
    }
    assert missing == set()


def _processes(framework: Framework) -> tuple[Process, ...]:
    roles = {"worker": 2} | ({} if framework.roles[0] == "worker" else {framework.roles[0].value: 1})
    asked = "\n".join(f"%{role}={count}" for role, count in roles.items())
    spec = interpreter.read(Cell(text=f"%framework={framework.name}\n{asked}\npass"), settings=Settings(home=ROOT))
    ports = range(len(spec.replicas))
    return launch(spec, job="x", code=ROOT, work=ROOT, ports=ports, python="python", grace=1.0).processes
