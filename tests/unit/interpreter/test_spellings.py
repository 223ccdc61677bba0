"""Three spellings, one meaning; and what values may look like in them."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.interpreter.grammar import settings_of
from ciao.interpreter.magics import MagicLine
from ciao.model import CleanPolicy, Elastic, JobSpec, Resources, Role, RoleSpec, SecretKey
from ciao.settings import Settings

Read = Callable[..., JobSpec]

LINES = """%framework=tensorflow
%ps=1
%worker=2;%cpu=1;%memory=1Gi
%cleanPolicy=all
%env.GREETING='hello world'
%background=true
x = 1"""
WORDS = "framework=tensorflow ps=1 worker=2 worker.cpu=1 worker.memory=1Gi cleanPolicy=all env.GREETING='hello world' "


def meaning(spec: JobSpec) -> dict[str, object]:
    same = replace(spec, cell=replace(spec.cell, text=""), code="")
    return {**vars(same), "env": dict(spec.env)}


def stated(line: str) -> dict[str, str]:
    return {s.name: s.value for s in settings_of([MagicLine(number=1, text=line, first=True)])}


@pytest.mark.parametrize(
    "text",
    [
        f"%kubeflow {WORDS} background\nx = 1",
        f"%%kubeflow {WORDS} background=true\nx = 1",
        f"%%kubeflow {WORDS}\n%background=true\nx = 1",
        "%%kubeflow framework=tensorflow\n%kubeflow ps=1 background\n"
        + LINES.partition("%ps=1\n")[2].replace("%background=true\n", ""),
    ],
)
def test_the_three_spellings_mean_the_same(text: str, spec: Read) -> None:
    assert meaning(spec(text)) == meaning(spec(LINES))


def test_all_that_a_cell_can_ask_for_is_in_its_spec(spec: Read) -> None:
    text = "%framework=pytorch\n%backend=local\n%name=mnist\n%cleanPolicy=none\n%timeout=1h30m\n%retries=2\n%env.A=b\n"
    found = spec(text + "%master=1;%gpu=1\n%worker=3;%cpu=500m\n%background=true\n%python=/usr/bin/python3\nx")
    assert found.roles == (
        RoleSpec(role=Role.MASTER, count=1, resources=Resources(gpu="1")),
        RoleSpec(role=Role.WORKER, count=3, resources=Resources(cpu="500m")),
    )
    assert (found.backend, found.name, found.clean_policy) == ("local", "mnist", CleanPolicy.NONE)
    assert (found.timeout, found.retries, dict(found.env)) == (5400.0, 2, {"A": "b"})
    assert (found.background, found.python) == (True, "/usr/bin/python3")


def test_all_that_a_cell_can_ask_of_a_cluster_is_in_its_spec(spec: Read) -> None:
    text = """%framework=pytorch
%namespace=team-a; %kind=pytorchjob; %image=a/b:1; %ttl=1h
%queue=research; %priority=low; %nproc=2; %elastic=1:4
%secret.TOKEN=hub/token
%volume=data:/data:ro
%volume=node:/mnt:/mnt
%patch="{spec: {nodeSelector: {disk: ssd}}}"
%worker=2;%image=c;%ephemeral-storage=1Gi;%nvidia.com/mig-1g.5gb=1;%patch='{metadata: {labels: {a: b}}}'
x"""
    found = spec(text)
    assert (found.namespace, found.kind, found.image, found.ttl) == ("team-a", "PyTorchJob", "a/b:1", 3600.0)
    assert (found.queue, found.priority, found.nproc, found.elastic) == ("research", "low", 2, Elastic(least=1, most=4))
    assert dict(found.secrets) == {"TOKEN": SecretKey(secret="hub", key="token")}
    assert [(v.kind, v.source, v.path, v.read_only) for v in found.volumes] == [
        ("claim", "data", "/data", True),
        ("host", "/mnt", "/mnt", False),
    ]
    assert found.patch == {"spec": {"nodeSelector": {"disk": "ssd"}}}
    (role,) = found.roles
    assert (role.image, role.patch) == ("c", {"metadata": {"labels": {"a": "b"}}})
    assert role.resources.other == {"ephemeral-storage": "1Gi", "nvidia.com/mig-1g.5gb": "1"}


def test_what_goes_along_is_in_its_spec(spec: Read) -> None:
    found = spec(
        "%framework=jax\n%s2i=podman dockerfile=D\n%package=a 'b >= 2'\n%package=-r c.txt\n"
        "%include=d 'e f'\n%include=g\nx"
    )
    assert (found.s2i, found.dockerfile) == ("podman", "D")
    assert found.packages == ("a 'b >= 2'", "-r c.txt")
    assert found.include == ("d", "e f", "g")


def test_in_one_line_words_are_quoted_as_a_whole(spec: Read) -> None:
    lines = "%framework=jax\n%s2i=podman dockerfile=D\n%package=a 'b >= 2'\n%include=d 'e f'\nx"
    words = "%kubeflow framework=jax s2i=podman dockerfile=D package=\"a 'b >= 2'\" include=\"d 'e f'\"\nx"
    assert meaning(spec(lines)) == meaning(spec(words))


def test_the_strategy_of_the_settings_may_build_a_dockerfile(spec: Read) -> None:
    settings = Settings(home=Path("/nowhere"), s2i_provider="buildah")
    assert spec("%framework=jax\n%dockerfile=D\nx", settings).dockerfile == "D"


def test_in_one_line_an_option_of_a_role_has_its_name_before_it(spec: Read) -> None:
    lines = "%framework=jax\n%image=a\n%worker=1;%image=b;%hugepages-2Mi=2Mi\n%runtime=r\nx"
    words = "%kubeflow framework=jax image=a worker=1 worker.image=b worker.hugepages-2Mi=2Mi runtime=r\nx"
    assert meaning(spec(lines)) == meaning(spec(words))


@pytest.mark.parametrize("stated", ["", "%worker=1", "%launcher=1", "%launcher.cpu=1", "%worker.cpu=1"])
def test_mpi_always_has_a_launcher_and_a_worker(stated: str, spec: Read) -> None:
    assert [str(r) for r in spec(f"%framework=mpi\n{stated}\nx").replicas] == ["launcher-0", "worker-0"]


def test_more_replicas_than_a_machine_runs_may_be_asked_for_if_the_backend_is_not_stated(spec: Read) -> None:
    assert len(spec("%framework=jax\n%worker=2000\nx").replicas) == 2000


@pytest.mark.parametrize(
    ("framework", "role"),
    [("pytorch", "master"), ("xgboost", "master"), ("tensorflow", "worker"), ("jax", "worker"), ("paddle", "worker")],
)
def test_without_a_role_the_frameworks_default_role_has_one_replica(framework: str, role: str, spec: Read) -> None:
    assert [str(r) for r in spec(f"%framework={framework}\nx").replicas] == [f"{role}-0"]


def test_four_workers_of_pytorch_have_no_hidden_master(spec: Read) -> None:
    assert [str(r) for r in spec("%framework=pytorch\n%worker=2\nx").replicas] == ["worker-0", "worker-1"]


def test_a_role_of_zero_is_left_out_if_another_remains(spec: Read) -> None:
    assert [str(r) for r in spec("%framework=pytorch\n%master=1\n%worker=0;%cpu=1\nx").replicas] == ["master-0"]


def test_roles_come_in_the_frameworks_order(spec: Read) -> None:
    text = "%framework=tensorflow\n%ps=1\n%worker=1\n%chief=1\nx"
    assert [str(r) for r in spec(text).replicas] == ["chief-0", "worker-0", "ps-0"]


def test_settings_fill_the_resources_that_a_cell_does_not_state(spec: Read) -> None:
    defaults = MappingProxyType({"worker": Resources(cpu="2", memory="4Gi")})
    settings = Settings(home=Path("/nowhere"), resources=defaults)
    found = spec("%framework=jax\n%worker=1;%cpu=1\nx", settings)
    assert found.roles[0].resources == Resources(cpu="1", memory="4Gi")


def test_resources_may_be_given_to_the_default_role_alone(spec: Read) -> None:
    found = spec("%kubeflow framework=jax worker.cpu=1\nx")
    assert found.roles == (RoleSpec(role=Role.WORKER, count=1, resources=Resources(cpu="1")),)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%env.X=a;b", {"env.X": "a;b"}),
        ("%env.X=a;", {"env.X": "a;"}),
        ("%env.X='a;%b=1'", {"env.X": "a;%b=1"}),
        ('%env.X="say \\"hi\\" \\n"', {"env.X": 'say "hi" \\n'}),
        ("%env.X=a\\ b'c d'\"e f\"", {"env.X": "a bc de f"}),
        ("%env.X=", {"env.X": ""}),
        ("%env.X= # empty", {"env.X": ""}),
        ("%env.X=''", {"env.X": ""}),
        ("%env.X=a#b  # two", {"env.X": "a#b"}),
        ("%env.X=$HOME", {"env.X": "$HOME"}),
        ("%worker=2  # two", {"worker": "2"}),
        ("%worker = 2", {"worker": "2"}),
        ("%worker=2;", {"worker": "2"}),
        ("%worker=2 ; %cpu = 1 ; # one", {"worker": "2", "worker.cpu": "1"}),
        ("%worker=2;%cpu=1;%ps=1;%cpu=2", {"worker": "2", "worker.cpu": "1", "ps": "1", "ps.cpu": "2"}),
        ("%worker.cpu=1", {"worker.cpu": "1"}),
        ("%image=a;%worker=2;%image=b", {"image": "a", "worker": "2", "worker.image": "b"}),
        ("%worker=2;%a.b/c-1.d=1", {"worker": "2", "worker.a.b/c-1.d": "1"}),
        ("%worker.a.b/c=1", {"worker.a.b/c": "1"}),
        ("%patch='{a: [b; %c]}'", {"patch": "{a: [b; %c]}"}),
        ("%framework=jax;%worker=2", {"framework": "jax", "worker": "2"}),
        ("%kubeflow worker = 2 ps=1 # three", {"worker": "2", "ps": "1"}),
        ("%kubeflow env.A= env.B=b", {"env.A": "", "env.B": "b"}),
        ("%kubeflow background worker=2", {"background": "true", "worker": "2"}),
        ("%kubeflow", {}),
        ("%package=a 'b c' -r d.txt", {"package": "a 'b c' -r d.txt"}),
        ("%package = a>=1,<2  # three", {"package": "a>=1,<2"}),
        ("%package=a#b # three", {"package": "a#b"}),
        ("%package=a b;%worker=2", {"package": "a b", "worker": "2"}),
        ("%package=a b ; ", {"package": "a b"}),
        ("%package='a; python_version<\"3.9\"' ; # three", {"package": "'a; python_version<\"3.9\"'"}),
        ("%kubeflow package='a b' worker=2", {"package": "a b", "worker": "2"}),
        ("%include=a 'b c'", {"include": "a 'b c'"}),
        ("%s2i=buildah dockerfile=a/b ; %worker=2", {"s2i": "buildah", "dockerfile": "a/b", "worker": "2"}),
        ("%s2i=buildah;%dockerfile=a", {"s2i": "buildah", "dockerfile": "a"}),
        ("%kubeflow s2i=buildah dockerfile='a b'", {"s2i": "buildah", "dockerfile": "a b"}),
    ],
)
def test_a_line_is_read_as_a_shell_would(line: str, expected: dict[str, str]) -> None:
    assert stated(line) == expected


@given(st.text(st.sampled_from(list("ab'\" \\;%=\t$é")), max_size=12))
def test_a_value_that_shlex_has_quoted_arrives(value: str) -> None:
    assert stated(f"%env.X={shlex.quote(value)}") == {"env.X": value}
    assert stated(f"%kubeflow env.X={shlex.quote(value)} worker=2") == {"env.X": value, "worker": "2"}


@given(st.text(st.sampled_from(list("ab'\" \\=")), max_size=12))
def test_words_are_those_of_shlex(value: str) -> None:
    line = f"env.X=a{value}"
    try:
        words = shlex.split(line)
    except ValueError:
        return
    if len(words) == 1:
        assert stated(f"%kubeflow {line}") == {"env.X": words[0].removeprefix("env.X=")}
