"""What a patch is as values, and which are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.backends.kubeflow.patching import check_patch
from ciao.interpreter.patches import patch
from ciao.interpreter.values import BadValue


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(
            ("1", 1),
            ("-1", -1),
            ("0.5", 0.5),
            ("1.", 1.0),
            ("true", True),
            ("FALSE", False),
            ("null", None),
            ("~", None),
        ),
        *(("yes", "yes"), ("on", "on"), ("'1'", "1"), ('"true"', "true"), ("1Gi", "1Gi"), ("2026-01-02", "2026-01-02")),
        *(
            ("0644", 420),
            ("0o17", 15),
            ("08", "08"),
            ("1_0", "1_0"),
            ("1:30", "1:30"),
            (".nan", ".nan"),
            ("0x1", "0x1"),
        ),
        *(("1" * 30, "1" * 30), ("[]", []), ("[a, [b], {c: d}]", ["a", ["b"], {"c": "d"}]), ("{}", {}), ("''", "")),
    ],
)
def test_words_of_yaml_mean_what_they_do_in_a_manifest(text: str, value: object) -> None:
    assert patch(f"{{spec: {{a: {text}}}}}") == {"spec": {"a": value}}


def test_flow_and_block_style_and_json_are_all_yaml() -> None:
    expected = {"spec": {"nodeSelector": {"disk": "ssd"}}}
    assert patch("{spec: {nodeSelector: {disk: ssd}}}") == expected
    assert patch("spec: {nodeSelector: {disk: ssd}}") == expected
    assert patch('{"spec":{"nodeSelector":{"disk":"ssd"}}}') == expected


def test_keys_are_words_whatever_they_look_like() -> None:
    assert patch("metadata: {labels: {on: a, 1: b, true: c}}") == {
        "metadata": {"labels": {"on": "a", "1": "b", "true": "c"}}
    }


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{spec: ", "YAML: "),
        ("@file.yaml", "YAML: found character '@' that cannot start any token at its character 1"),
        ("{spec: \x01}", "YAML: it has a character that YAML does not take"),
        ("", "a part of a pod template: it is no map"),
        ("a", "a part of a pod template: it is no map"),
        ("[a]", "a part of a pod template: it is no map"),
        ("{}", "a part of a pod template: it is no map"),
        ("{spec: a}", "a part of a pod template: its spec is no map"),
        ("{spec: {a: {}, a: {}}}", "a part of a pod template: it has 'a' twice"),
        ("{spec: {[a]: b}}", "a part of a pod template: a key is no word"),
        ("{spec: {a: &x b, c: *x}}", "a part of a pod template: it has an anchor or a tag of YAML"),
        ("{spec: {a: *x}}", "a part of a pod template: it has an anchor or a tag of YAML"),
        ("{spec: {a: !!bool b}}", "a part of a pod template: it has an anchor or a tag of YAML"),
        ("{spec: " + "[" * 5000 + "]" * 5000 + "}", "a part of a pod template: it is nested too deeply"),
        ("{container: {}}", "a part of a pod template: that has metadata and spec, not 'container'"),
    ],
)
def test_anything_else_is_no_patch_and_it_is_said_why(text: str, what: str) -> None:
    with pytest.raises(BadValue) as caught:
        patch(text)
    assert caught.value.what.startswith(what)
    assert caught.value.hint


@given(st.text(st.sampled_from(list("{}[]:,&*!|>'\"#%@`-? spec0.~\t\\")), max_size=30))
def test_any_text_is_a_patch_that_the_backend_takes_or_a_bad_value(text: str) -> None:
    try:
        found = patch(f"{{spec: {text}}}")
    except BadValue:
        return
    check_patch(found)
