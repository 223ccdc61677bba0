"""What a base has inside, and which wheels fit it."""

from __future__ import annotations

import pytest

from ciao.errors import BundleError
from ciao.s2i.packages.interior import Interior


def inside(**known: str) -> Interior:
    return Interior(**{"python": "3.11.2", "libc": "glibc 2.36", "machine": "amd64", **known})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("libc", "machine", "platform"),
    [
        ("glibc 2.36", "amd64", "x86_64-manylinux_2_36"),
        ("glibc 2.27", "amd64", "x86_64-manylinux_2_17"),
        ("glibc 2.29", "arm64", "aarch64-manylinux_2_28"),
        ("glibc 2.43", "x86_64", "x86_64-manylinux_2_40"),
        ("musl", "aarch64", "aarch64-unknown-linux-musl"),
        ("macos", "arm64", "aarch64-apple-darwin"),
    ],
)
def test_the_platform_is_the_latest_whose_wheels_run_there(libc: str, machine: str, platform: str) -> None:
    assert inside(libc=libc, machine=machine).platform == platform


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"libc": "glibc 2.12"}, "glibc 2.17 or later"),
        ({"libc": "glibc "}, "glibc 2.17 or later"),
        ({"machine": "s390x"}, "cpython on s390x"),
        ({"implementation": "pypy"}, "pypy on amd64"),
    ],
)
def test_a_base_for_which_there_are_no_wheels_is_told(known: dict[str, str], words: str) -> None:
    with pytest.raises(BundleError, match=words):
        _ = inside(**known).platform


def test_it_is_the_same_after_a_file() -> None:
    found = Interior(python="3.11", libc="musl", machine="amd64", distributions={"a-b": "1"}, exact=True)
    assert Interior.of_json(found.as_json()) == found


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"schema": 1}', '{"schema": 1, "python": "3.11; x", "libc": "", "machine": "", "distributions": {}}'],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        Interior.of_json(text)
