"""Quantities, times, names."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from ciao.interpreter import job_options, values
from ciao.interpreter.values import BadValue


@pytest.mark.parametrize(
    ("text", "amount"),
    [("500m", "0.5"), ("2", "2"), ("0.5", "0.5"), (".5", "0.5"), ("1Ki", "1024"), ("1k", "1000"), ("1e3", "1000")],
)
def test_a_quantity_amounts_to_what_kubernetes_says(text: str, amount: str) -> None:
    assert values.amount(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["", "1GB", "1ki", "-1", "+1", "1 Gi", "Gi", "1.2.3", "½", "٣", "1e999", "0x10"])
def test_anything_else_is_no_quantity(text: str) -> None:
    assert values.amount(text) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("90", 90), ("1.5", 1.5), ("0.25s", 0.25), ("2d", 172800)],
)
def test_a_time_is_in_seconds(text: str, seconds: float) -> None:
    assert values.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-1", "1w", "m", "1m1h", "1.5h", "inf", "nan", "1e3"])
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(BadValue):
        values.duration(text)


@pytest.mark.parametrize(
    ("parse", "text", "hint"),
    [
        (values.memory, "1GB", "Did you mean 1Gi?"),
        (values.memory, "512m", "Did you mean 512Mi?"),
        (values.memory, "200", "Did you mean 200Mi?"),
        (values.memory, "512k", "Did you mean 512Mi?"),
        (values.memory, "1.5", "Write bytes with a unit, such as 512Mi or 2Gi"),
        (values.memory, "1023Ki", "Did you mean 1023Mi?"),
        (values.memory, "lots", "Write bytes with a unit, such as 512Mi or 2Gi"),
        (values.cpu, "0", "Write cores or thousandths of a core, such as 2, 0.5 or 500m"),
        (values.gpu, "0.5", "Write a whole number, such as 1"),
        (values.name, "My_Job", "Did you mean my-job?"),
        (values.name, "7", "Write a to z, 0 to 9 and '-', first a letter, last no '-'"),
        (values.name, "a" * 40, f"Did you mean {'a' * 39}?"),
        (values.boolean, "maybe", "Write true or false"),
        (values.boolean, "on", "Did you mean true?"),
        (values.boolean, "No", "Did you mean false?"),
        (job_options.PYTHON.parse, "", "Write the interpreter's path or name, such as /usr/bin/python3"),
    ],
)
def test_a_bad_value_says_what_is_allowed(parse: Callable[[str], object], text: str, hint: str) -> None:
    with pytest.raises(BadValue) as caught:
        parse(text)
    assert caught.value.hint == hint


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("FALSE", False), ("false", False)])
def test_a_flag_is_written_as_in_yaml_or_python(text: str, value: bool) -> None:  # noqa: FBT001  # a table's column
    assert values.boolean(text) is value
