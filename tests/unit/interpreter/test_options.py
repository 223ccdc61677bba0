"""The table holds together, and what is made from it is up to date."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ciao.frameworks import FRAMEWORKS
from ciao.interpreter.docs import page
from ciao.interpreter.option import Option
from ciao.interpreter.options import OPTIONS, find, full_names, later, words
from ciao.interpreter.role_options import COUNTS
from ciao.interpreter.synonyms import SYNONYMS
from ciao.model import JobSpec

DOCUMENT = Path(__file__).parents[3] / "docs" / "magics.md"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_example_works(option: Option[Any], spec: Callable[..., JobSpec]) -> None:
    framework = next((f.name for f in FRAMEWORKS.values() if option.name in f.roles), "pytorch")
    head = "" if option.name == "framework" else f"%framework={framework}\n"
    assert spec(f"{head}{option.example}\nx")


@pytest.mark.parametrize("option", [o for o in OPTIONS if o.choices], ids=lambda option: option.name)
def test_every_choice_is_a_value(option: Option[Any]) -> None:
    assert all(option.parse(choice.value) is not None for choice in option.choices)


def test_every_role_of_every_framework_has_its_option() -> None:
    assert {role for framework in FRAMEWORKS.values() for role in framework.roles} == set(COUNTS)


def test_no_option_is_both_here_and_of_a_later_version() -> None:
    assert not [name for name in full_names() if later(name)]
    assert all(find(name) or name in ("env.", "secret.") for name in full_names())


def test_every_synonym_is_of_an_option_and_is_none_itself() -> None:
    assert set(SYNONYMS.values()) <= set(words())
    assert not set(SYNONYMS) & {name.lower() for name in words()}


def test_the_document_is_what_the_table_says() -> None:
    assert DOCUMENT.read_text() == page(), "run: python -m ciao.interpreter.docs > docs/magics.md"
