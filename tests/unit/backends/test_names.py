"""The error for a name that no job has."""

from __future__ import annotations

import pytest

from ciao.backends.names import not_found

KNOWN = ["pytorch-9czdz", "mnist-big-xw4l2"]

LISTED = "`%ciao jobs` lists them"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("pytorch-9czd", "Did you mean pytorch-9czdz?"),
        ("pytroch-9czdz", "Did you mean pytorch-9czdz?"),
        ("mnist_big-xw4l2", "Did you mean mnist-big-xw4l2?"),
        ("pytorch-zzz", LISTED),
        ("pytorch-bbbbb", LISTED),
        ("pytorchzzzzz", LISTED),
        ("", LISTED),
    ],
)
def test_a_job_is_meant_if_both_parts_of_its_name_are_near(name: str, hint: str) -> None:
    assert not_found(name, KNOWN, where="local").hint == hint
