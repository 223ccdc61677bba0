"""Memory as options say it, and what a failure for want of it says."""

from __future__ import annotations

import pytest

from ciao.backends.memory import bytes_of, in_words, more_memory, out_of_memory


@pytest.mark.parametrize(
    ("quantity", "count"),
    [
        ("1Gi", 1024**3),
        ("512Mi", 512 * 1024**2),
        ("1.5G", 1_500_000_000),
        ("200k", 200_000),
        ("1e9", 10**9),
        ("1E3", 1000),
        ("2E", 2 * 10**18),
        ("128974848", 128974848),
        ("5000m", 5),
        (None, None),
        ("", None),
        ("much", None),
        ("1.2.3", None),
        ("7Zi", None),
        ("1e999", None),
    ],
)
def test_a_quantity_is_so_many_bytes(quantity: str | None, count: int | None) -> None:
    assert bytes_of(quantity) == count


def test_bytes_are_said_as_an_option_takes_them() -> None:
    assert [in_words(n) for n in (700 * 1024, 1536 * 1024, 300 * 1024**2, int(1.31 * 1024**3), 40 * 1024**3)] == [
        "700Ki", "1.5Mi", "300Mi", "1.3Gi", "40Gi",
    ]  # fmt: skip


def test_a_peak_that_is_the_limit_when_it_is_rounded_is_barely_more() -> None:
    told = "it used more memory than its limit of 1Gi: barely more when it was ended (exit code 137)"
    assert out_of_memory("1Gi", peak=1024**3 + 4096) == told
    assert "205Mi when" in out_of_memory("200Mi", peak=205 * 1024**2)


def test_the_way_out_names_the_limit_that_the_failure_tells_with_or_without_a_peak() -> None:
    for words in (out_of_memory("200Mi"), out_of_memory("200Mi", peak=220 * 1024**2)):
        assert more_memory(words, "worker-10") == "Raise it, for example %worker=N;%memory=400Mi"
    all_of_them = ("master-0", "worker-0", "worker-1", "worker-10")
    assert more_memory(words, "worker-10", all_of_them) == "Raise it, for example %worker=3;%memory=400Mi"
    far = out_of_memory("200Mi", peak=900 * 1024**2)
    assert more_memory(far, "worker-0") == "Raise it, for example %worker=N;%memory=1600Mi"
    assert more_memory(out_of_memory("1.5Gi"), "worker-0") == "Raise it, for example %worker=N;%memory=3.0Gi"
    assert more_memory("its node had no memory left", "ps-0") == "State how much it needs: %ps=N;%memory=8Gi"
