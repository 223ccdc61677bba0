"""What ``doctor`` asks of Jupyter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ciao.commands.check import Check
from ciao.frontends import checks, kernelspec


def check(monkeypatch: pytest.MonkeyPatch, folder: Path | None, argv: object = None, **versions: str) -> list[Check]:
    if folder is not None and argv is not None:
        (folder / "kernel.json").write_text(json.dumps({"argv": argv}))
    monkeypatch.setattr(kernelspec, "installed", lambda: folder)
    monkeypatch.setattr(checks, "version", lambda package: versions.get(package, "99.0"))
    return list(checks.jupyter_checks())


def test_a_kernel_that_jupyter_does_not_know_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    found = check(monkeypatch, None)[0]
    assert (found.verdict, found.fix) == ("warn", "ciao kernel install")


@pytest.mark.parametrize(
    ("argv", "verdict"), [(["python"], "ok"), (["/no/python"], "fail"), ([], "fail"), ("", "fail"), (None, "fail")]
)
def test_a_kernel_must_start_a_python_that_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, argv: object, verdict: str
) -> None:
    assert check(monkeypatch, tmp_path, argv)[0].verdict == verdict


VERSIONS = [
    ({"ipython": "8.6.0", "ipykernel": "7.4"}, ["ok", "ok"]),
    ({"ipython": "7.34.0", "ipykernel": "6.17.1"}, ["warn", "warn"]),
    ({"ipython": "10.0.dev1", "ipykernel": "8.0rc1"}, ["ok", "ok"]),
]


@pytest.mark.parametrize(("versions", "verdicts"), VERSIONS)
def test_old_versions_are_a_warning_that_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, versions: dict[str, str], verdicts: list[str]
) -> None:
    assert [c.verdict for c in check(monkeypatch, None, **versions)[1:]] == verdicts
