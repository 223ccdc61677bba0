"""Names that only the notebook knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.interpreter.freenames import FreeName, free_names

KNOWN = {"model", "data", "np", "print", "x", "__name__", "get_ipython"}


def names(code: str) -> list[str]:
    return [free.name for free in free_names(code, known=KNOWN)]


@pytest.mark.parametrize(
    "code",
    [
        "model.fit(1)",
        "def f():\n    return model",
        "print(model)",
        "[model for y in range(3)]",
        "[y for y in model]",
        "class A:\n    y = model",
        "class A:\n    model = 1\n    def f(self):\n        return model",
        "def f(y=model): pass",
        "@model\ndef f(): pass",
        "def f(y: model): pass",
        "lambda: model",
        "def f(model): pass\nmodel",
        "def f():\n    model = 1\nmodel",
        "[1 for model in range(3)]\nmodel",
        "model += 1",
        "del model",
        "def f():\n    global model\n    print(model)",
        "def f():\n    global model\n    model += 1",
        "model[0] = 1",
        "model.x = 1",
        "model: int\nmodel",
        "f'{model}'",
        "async def f():\n    async with model: pass",
        "try:\n    pass\nexcept model: pass",
        "match 1:\n    case model.A: pass",
        "[z for y in range(3) for z in model]",
        "class A:\n    z = [model for _ in range(3)]",
    ],
)
def test_a_name_that_is_read_and_never_bound_is_free(code: str) -> None:
    assert names(code) == ["model"]


@pytest.mark.parametrize(
    "code",
    [
        "model = 1\nmodel",
        "def f():\n    return model\nmodel = 1",
        "import model",
        "import model.layers\nmodel",
        "from a import b as model\nmodel",
        "for model in range(3): model",
        "with open('f') as model: model",
        "try: pass\nexcept E as model: model",
        "def model(): return model",
        "class model: y = model",
        "def f(model): return [model for _ in range(3)]",
        "def f(*model, **data): return model, data",
        "lambda model: model",
        "[model for model in range(3)]",
        "{model: data for model, data in []}",
        "if (model := 1): model",
        "[(model := y) for y in range(3)]\nmodel",
        "def f():\n    if True:\n        global model\n    model = 1\nmodel",
        "def f():\n    model = 1\n    def g():\n        nonlocal model\n        return model",
        "def f():\n    model = 1\n    class A:\n        def g(self):\n            return model",
        "def f():\n    model: int\n    return model",
        "match [1]:\n    case [model, *data]: model, data",
        "match {}:\n    case {'a': model, **data}: model, data",
        "match 1:\n    case int() as model: model",
        "obj.model",
        "f(model=1)",
        "'model'",
        "# model",
        "print(__name__, __file__)",
        "from __future__ import annotations\ndef f(y: model) -> model: pass",
        "(data, [model, *x]) = 1\nmodel, data, x",
    ],
)
def test_a_name_that_the_code_binds_is_its_own(code: str) -> None:
    assert names(code) == []


@pytest.mark.parametrize(
    "code",
    ["from x import *\nmodel", "exec('model = 1')\nmodel", "globals()['model'] = 1\nmodel", "model = = 1", "model\0"],
)
def test_where_nothing_can_be_known_nothing_is_said(code: str) -> None:
    assert names(code) == []


def test_names_that_the_notebook_does_not_have_are_not_its_matter() -> None:
    assert names("undefined + get_ipython()") == ["get_ipython"]


def test_the_first_read_is_told_in_characters() -> None:
    found = free_names("\ufeff\n'é😀'; model; data\nmodel", known=KNOWN)
    assert found == (FreeName(name="model", line=2, column=7), FreeName(name="data", line=2, column=14))


def test_a_name_in_another_alphabet_is_found() -> None:
    assert [free.name for free in free_names("größe + ﬁt", known={"größe", "fit"})] == ["größe", "fit"]


def test_deep_code_is_not_too_deep() -> None:
    assert names("y = " + "1 + " * 600 + "model") == ["model"]
    assert names("-" * 100_000 + "model") == []


@given(st.text(st.sampled_from(list("model =:\n\t()[]{}*lambda,def class1'\"\0\r\ufeff\x0c")), max_size=60))
def test_it_never_raises(code: str) -> None:
    free_names(code, known=KNOWN | {"m", "d"})
