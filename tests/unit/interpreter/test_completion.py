"""What Tab and Shift-Tab offer; | is the cursor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.interpreter.completion import Completions, complete
from ciao.interpreter.explanation import explain, help_text
from ciao.interpreter.options import OPTIONS

magic_texts = st.lists(
    st.sampled_from(
        ["%", "%%", "kubeflow", " ", "=", ";", "worker", "cpu", ".", "framework", "'", "\n", "\r", "\ufeff", "é", "#"]
    )
    | st.text(max_size=3)
).map("".join)


def at_cursor(text: str) -> tuple[str, int]:
    return text.replace("|", ""), text.index("|")


def completed(text: str) -> list[str]:
    """The texts that the completions make of the line of the cursor."""
    plain, cursor = at_cursor(text)
    found = complete(plain, cursor)
    return [(plain[: found.start] + c.text + plain[found.end :]).split("\n")[-1] for c in found.candidates]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%fra|", ["%framework="]),
        ("\n# a\n%framework=jax\n%wo|", ["%worker="]),
        ("%framework=py|", ["%framework=pytorch"]),
        ("%framework = py|", ["%framework = pytorch"]),
        ("%cleanPolicy=|", ["%cleanPolicy=all", "%cleanPolicy=running", "%cleanPolicy=none"]),
        ("%worker=2;%|", ["%worker=2;%cpu=", "%worker=2;%memory=", "%worker=2;%gpu="]),
        ("%worker=2;%cpu=1;%me|", ["%worker=2;%cpu=1;%memory="]),
        ("%ku|", ["%kubeflow "]),
        ("%%|", ["%%kubeflow "]),
        ("%kubeflow fra|", ["%kubeflow framework="]),
        ("%kubeflow framework=te|", ["%kubeflow framework=tensorflow"]),
        ("%%kubeflow framework=jax worker=2 worker.c|", ["%%kubeflow framework=jax worker=2 worker.cpu="]),
        ("%framework=jax\n%framework=jax\n%fra|", []),
        ("%framework=tensorflow\n%e|", ["%env.", "%evaluator="]),
        ("%framework=jax\n%e|", ["%env."]),
        ("%framework=pytorch\n%e|", ["%env.", "%elastic="]),
        ("%framework=jax\n%kind=|", ["%kind=JAXJob", "%kind=TrainJob"]),
        ("%kind=tf|", ["%kind=TFJob"]),
        ("%framework=jax\n%worker=1;%im|", ["%worker=1;%image="]),
        ("%framework=jax\n%im|", ["%image="]),
        ("%volume=a:/a\n%vol|", ["%volume="]),
        ("%sec|", ["%secret."]),
        ("%kubeflow framework=jax worker=2 worker.e|", ["%kubeflow framework=jax worker=2 worker.ephemeral-storage="]),
        ("%s2i=cl|", ["%s2i=cluster-buildkit", "%s2i=cluster-kaniko"]),
        ("%s2i=buildah |", ["%s2i=buildah dockerfile="]),
        ("%s2i=buildah do|", ["%s2i=buildah dockerfile="]),
        ("%s2i=buildah dockerfile=|", []),
        ("%s2i=buildah dockerfile=D |", []),
        ("%kubeflow s2i=buildah do|", ["%kubeflow s2i=buildah dockerfile="]),
        ("%package=a\n%pack|", ["%package="]),
        ("x = 1\n%fra|", []),
        ("%framework=jax\nfra|", []),
        ("x %fra|", []),
        ("%worker=|", []),
        ("%matplotlib in|", []),
    ],
)
def test_completion_offers_what_fits(text: str, expected: list[str]) -> None:
    assert completed(text)[: len(expected) or None] == expected


@pytest.mark.parametrize("text", ["%|", "%worker=1;%|", "%kubeflow worker=1 |"])
def test_nothing_is_offered_twice(text: str) -> None:
    assert len(completed(text)) == len(set(completed(text)))


def test_every_candidate_says_what_it_means() -> None:
    assert all(c.meaning for c in complete("%", 1).candidates)


def test_an_option_that_is_stated_is_not_offered_again() -> None:
    assert "%framework=" not in completed("%framework=jax\n%|")
    assert "%framework=" in completed("%|")


def test_roles_are_those_of_the_framework() -> None:
    assert "%ps=" not in completed("%framework=jax\n%|")


@given(magic_texts, st.integers(-3, 40))
def test_completion_and_help_never_raise(text: str, cursor: int) -> None:
    found = complete(text, cursor)
    assert isinstance(found, Completions)
    assert 0 <= found.start <= found.end <= len(text)
    typed = text[found.start : found.end].lower()
    assert all(c.text.lower().startswith(typed) for c in found.candidates)
    explain(text, cursor)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("%frame|work=jax", "%framework=NAME"),
        ("%framework=ja|x", "%framework=NAME"),
        ("%worker=2;%c|pu=1", "%cpu=QUANTITY"),
        ("%kubeflow framework=jax worker.mem|ory=1Gi", "%memory=QUANTITY"),
        ("%env.FO|O=1", "%env.NAME=TEXT"),
        ("%secret.FO|O=a/b", "%secret.NAME=SECRET/KEY"),
        ("%worker=2;%ima|ge=a", "%image=IMAGE"),
        ("%worker=2;%a.b/|c=1", "%DOMAIN/NAME=COUNT"),
        ("%kube|flow framework=jax", "A cell whose first lines"),
    ],
)
def test_the_word_under_the_cursor_is_explained(text: str, first: str) -> None:
    page = explain(*at_cursor(text))
    assert page is not None
    assert page.startswith(first)


@pytest.mark.parametrize("text", ["fram|ework", "x = 1\n%frame|work=jax", "%matplot|lib inline", "|"])
def test_what_is_not_ours_is_not_explained(text: str) -> None:
    assert explain(*at_cursor(text)) is None


def test_help_of_an_option_says_which_frameworks_have_it() -> None:
    assert "For: pytorch" in (explain("%elastic=1:2", 3) or "")


def test_help_lists_every_option() -> None:
    assert all(f"%{option.name}={option.metavar}" in help_text() for option in OPTIONS)
