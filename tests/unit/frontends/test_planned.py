"""A plan for people, which is still YAML."""

from __future__ import annotations

import yaml

from ciao.commands.carried import Carried
from ciao.commands.plan import Plan
from ciao.frontends.display.planned import plan
from ciao.model import Notice

IMAGE = f"registry.example/team/ciao@sha256:{'a' * 64}"


def test_a_plan_tells_first_how_the_code_travels_and_what_goes_along() -> None:
    carried = Carried(
        strategy="append",
        reason="a registry is set",
        images=((IMAGE, "python:3.12"),),
        packages=("einops 'pandas>=2'", "-r all.txt"),
        files=(("files/data.csv", 3_000_000), ("modules/helper.py", 1234)),
    )
    text = plan(Plan(yaml="job: x\n", notices=(Notice(text="it is large", level="warning"),), carried=carried))
    assert text.splitlines() == [
        "# the code travels by append: a registry is set",
        f"# pushed: {IMAGE}, on python:3.12",
        "# packages: einops 'pandas>=2'",
        "# packages: -r all.txt",
        "# included: 2 files, 3 MB",
        "#   data.csv (3 MB)",
        "#   helper.py, to be imported (1.2 kB)",
        "# warning: it is large",
        "job: x",
    ]
    assert yaml.safe_load(text) == {"job": "x"}


def test_a_plan_bears_its_notices_as_comments() -> None:
    here = Carried(strategy="directory", reason="the job runs on this machine")
    found = Plan(yaml="job: x\n", notices=(Notice(text="gpu has no meaning here"),), carried=here)
    assert plan(found).splitlines() == [
        "# the code goes into a folder: the job runs on this machine",
        "# note: gpu has no meaning here",
        "job: x",
    ]


def test_of_many_files_the_first_are_named() -> None:
    many = Carried(strategy="append", reason="", files=tuple((f"files/{n}", 1) for n in range(100)))
    lines = plan(Plan(yaml="job: x", notices=(), carried=many)).splitlines()
    assert lines[1] == "# included: 100 files, 100 B"
    assert lines[-2:] == ["#   and 80 more", "job: x"]
