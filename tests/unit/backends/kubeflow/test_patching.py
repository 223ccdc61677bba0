"""Patches: maps merge, lists go by name, null removes, and what does not fit is told in words."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.backends.kubeflow.patching import patched
from ciao.errors import CreateRefused

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"a": "1"}},
    "spec": {
        "containers": [
            {
                "name": "pytorch",
                "image": "torch:1",
                "env": [{"name": "A", "value": "1"}],
                "volumeMounts": [{"name": "w", "mountPath": "/w"}, {"name": "w", "mountPath": "/x"}],
            }
        ],
        "securityContext": {"runAsUser": 1000, "runAsNonRoot": True},
        "tolerations": [{"key": "old"}],
    },
}


def merged(spec: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = patched(TEMPLATE, {"spec": spec}, container="pytorch")["spec"]
    return found


def test_maps_merge() -> None:
    assert merged({"securityContext": {"runAsUser": 5}})["securityContext"] == {"runAsUser": 5, "runAsNonRoot": True}


def test_null_removes() -> None:
    assert merged({"securityContext": {"runAsUser": None}})["securityContext"] == {"runAsNonRoot": True}
    assert "securityContext" not in merged({"securityContext": None})


def test_a_container_without_a_name_is_the_training_container() -> None:
    (container,) = merged({"containers": [{"image": "other:1", "env": [{"name": "B", "value": "2"}]}]})["containers"]
    assert container["image"] == "other:1"
    assert [one["name"] for one in container["env"]] == ["A", "B"]


def test_a_container_of_another_name_is_added() -> None:
    names = [c["name"] for c in merged({"containers": [{"name": "side", "image": "s:1"}]})["containers"]]
    assert names == ["pytorch", "side"]


def test_mounts_go_by_their_path() -> None:
    mounts = [{"mountPath": "/x", "readOnly": True}, {"mountPath": "/y", "name": "y"}]
    (container,) = merged({"containers": [{"volumeMounts": mounts}]})["containers"]
    assert container["volumeMounts"] == [
        {"name": "w", "mountPath": "/w"},
        {"name": "w", "mountPath": "/x", "readOnly": True},
        {"mountPath": "/y", "name": "y"},
    ]


def test_an_item_is_removed_as_kubernetes_writes_it() -> None:
    (container,) = merged({"containers": [{"env": [{"name": "A", "$patch": "delete"}]}]})["containers"]
    assert container["env"] == []


def test_lists_of_things_without_names_are_replaced() -> None:
    assert merged({"tolerations": [{"operator": "Exists"}]})["tolerations"] == [{"operator": "Exists"}]


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ({"nodeSelector": {"a": "b"}}, "has metadata and spec, not 'nodeSelector'. Write it below spec:"),
        ({"spec": [1]}, "the patch has a list at spec, which is a map in the pod"),
        ({"spec": {"containers": {"name": "x"}}}, "the patch has a map at spec.containers, which is a list in the pod"),
        ({"spec": {"containers": "x"}}, "the patch has a single value at spec.containers"),
        ({"spec": {"containers": ["x"]}}, "the patch has 'x' in spec.containers, whose items are maps"),
        ({"spec": {"volumes": [{"emptyDir": {}}]}}, "an item of spec.volumes in the patch has no name"),
    ],
)
def test_what_does_not_fit_is_told(patch: dict[str, Any], words: str) -> None:
    with pytest.raises(CreateRefused) as caught:
        patched(TEMPLATE, patch, container="pytorch")
    assert words in str(caught.value)


WORDS = st.sampled_from(["a", "b", "c"])
MAPS = st.recursive(
    st.dictionaries(WORDS, st.integers() | st.none(), max_size=3),
    lambda inner: st.dictionaries(WORDS, inner | st.integers(), max_size=3),
    max_leaves=6,
)


@given(patch=MAPS)
def test_neither_template_nor_patch_is_changed(patch: dict[str, Any]) -> None:
    before = copy.deepcopy((TEMPLATE, patch))
    merged({"more": patch})
    assert (TEMPLATE, patch) == before


@given(patch=MAPS)
def test_a_patch_that_is_merged_twice_says_nothing_new(patch: dict[str, Any]) -> None:
    once = patched(TEMPLATE, {"spec": {"more": patch}}, container="pytorch")
    assert patched(once, {"spec": {"more": patch}}, container="pytorch") == once


@given(patch=MAPS)
def test_no_null_is_left(patch: dict[str, Any]) -> None:
    assert "None" not in str(merged({"more": patch}))


@given(names=st.lists(WORDS, max_size=5), given_names=st.lists(WORDS, max_size=5))
def test_names_stay_in_order_and_unique(names: list[str], given_names: list[str]) -> None:
    spec = {"volumes": [{"name": n} for n in dict.fromkeys(names)], "containers": []}
    patch = {"spec": {"volumes": [{"name": n} for n in given_names]}}
    volumes = patched({"spec": spec}, patch, container="x")["spec"]["volumes"]
    assert [v["name"] for v in volumes] == list(dict.fromkeys([*names, *given_names]))
