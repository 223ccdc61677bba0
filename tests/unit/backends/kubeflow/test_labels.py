"""What is written on a job tells another kernel all about it; what somebody else wrote there does no harm."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.backends.kubeflow.labels import attempt_of, job_of, label_value, labels, spec_of
from ciao.model import CleanPolicy
from fakes.asked import code, job, made, spec


def test_a_job_is_read_back_as_it_was() -> None:
    of = spec("pytorch", master=1, worker=3)
    assert job_of(made(of).job) == job(of)


def test_the_essentials_of_the_spec_are_read_back() -> None:
    of = spec("pytorch", master=1, worker=3, timeout=60.5, retries=2, clean_policy=CleanPolicy.ALL)
    found = spec_of(made(of).job)
    assert found
    assert (found.roles, found.timeout, found.retries) == (of.roles, 60.5, 2)
    assert (found.clean_policy, found.framework, found.code) == (CleanPolicy.ALL, "pytorch", "")


def test_the_attempt_is_read_back() -> None:
    assert attempt_of(made(spec("pytorch"), attempt=3).job) == 3
    assert attempt_of({"metadata": {"annotations": {"ciao/attempt": "-1"}}}) == 1


def test_pods_and_code_bear_the_jobs_labels() -> None:
    objects = made(spec("pytorch"))
    pods = objects.job["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]["metadata"]["labels"]
    assert pods == code(objects)["metadata"]["labels"] == labels(job(spec("pytorch")))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ciao/spec", "{"),
        ("ciao/spec", "[]"),
        ("ciao/spec", '{"roles": {"worker": 0}}'),
        ("ciao/spec", '{"roles": {"worker": 1e9}}'),
        ("ciao/spec", '{"roles": {"boss": 1}}'),
        ("ciao/spec", '{"roles": {"ps": 1}}'),
        ("ciao/spec", '{"roles": {"worker": 1}, "retries": -1}'),
        ("ciao/spec", '{"roles": {"worker": Infinity}}'),
    ],
)
def test_what_is_damaged_is_not_ours(key: str, value: str) -> None:
    damaged = copy.deepcopy(made(spec("pytorch")).job)
    damaged["metadata"]["annotations"][key] = value
    assert job_of(damaged) is None


def test_a_job_of_somebody_else_is_not_ours() -> None:
    assert job_of({"metadata": {"name": "theirs", "labels": {}}}) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(metadata=JSON, annotations=JSON, told=st.text())
def test_nothing_that_anybody_writes_raises(metadata: Any, annotations: Any, told: str) -> None:
    job_of({"metadata": metadata})
    labelled = {"app.kubernetes.io/managed-by": "ciao", "ciao/framework": "pytorch"}
    job_of({"metadata": {"name": "x", "labels": labelled, "annotations": annotations}})
    job_of({"metadata": {"name": "x", "labels": labelled, "annotations": {"ciao/spec": told}}})


@given(text=st.text(max_size=100))
def test_a_labels_value_is_valid_or_empty(text: str) -> None:
    import re

    value = label_value(text)
    assert value == "" or re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", value, re.ASCII)
