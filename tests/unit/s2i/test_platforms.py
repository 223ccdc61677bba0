"""Which image runs on which machine."""

from __future__ import annotations

import pytest

from ciao.errors import BundleError
from ciao.s2i.platforms import Platform, best


def chosen(machine: str, *offered: str) -> str | None:
    at = best([Platform.parse(text) for text in offered], Platform.parse(machine))
    return None if at is None else offered[at]


@pytest.mark.parametrize(
    ("machine", "offered", "expected"),
    [
        ("linux/amd64", ("linux/arm64", "linux/amd64"), "linux/amd64"),
        ("linux/arm64", ("linux/amd64", "linux/arm64/v8"), "linux/arm64/v8"),
        ("linux/arm64/v8", ("linux/arm64",), "linux/arm64"),
        ("linux/arm", ("linux/arm/v5", "linux/arm/v7", "linux/arm/v6"), "linux/arm/v7"),
        ("linux/arm/v6", ("linux/arm/v5", "linux/arm/v7", "linux/arm/v6"), "linux/arm/v6"),
        ("linux/arm/v6", ("linux/arm/v7",), None),
        ("linux/amd64/v3", ("linux/amd64", "linux/amd64/v2", "linux/amd64/v4"), "linux/amd64/v2"),
        ("linux/amd64", ("linux/amd64/v2",), None),
        ("linux/amd64", ("windows/amd64",), None),
        ("linux/arm64", ("linux/arm64/v8.1", "linux/arm64"), "linux/arm64"),
        ("linux/riscv64", ("linux/riscv64",), "linux/riscv64"),
    ],
)
def test_the_latest_variant_that_the_machine_runs_is_chosen(
    machine: str, offered: tuple[str, ...], expected: str | None
) -> None:
    assert chosen(machine, *offered) == expected


def test_of_equals_the_first_is_chosen() -> None:
    platform = Platform.parse("linux/amd64")
    assert best([platform, platform], platform) == 0


def test_other_spellings_of_a_processor_are_the_same() -> None:
    assert Platform.parse("linux/x86_64") == Platform.parse("linux/amd64")
    assert str(Platform.parse("Linux/aarch64/v8")) == "linux/arm64"
    assert str(Platform.parse("linux/arm/v6")) == "linux/arm/v6"


@pytest.mark.parametrize("text", ["amd64", "", "linux/", "linux/amd64/v1/x", "linux/a b", "linux/" + "a" * 33])
def test_what_is_no_platform_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BundleError, match="is no platform") as caught:
        Platform.parse(text)
    assert "linux/amd64" in caught.value.hint
