"""When an attempt is over, as a function of what is known of its replicas."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ciao.backends.local.rules import SETTLE, SETTLE_SECONDARY, lingering, spared, verdict


@dataclass(frozen=True)
class One:
    name: str
    code: int | None = None
    failed: bool = False
    secondary: bool = False
    raised: bool = False


RUNS, DONE, FAILED = One("w-0"), One("w-0", code=0), One("w-0", code=1, failed=True)
OTHER, ECHO = One("w-1"), One("w-1", code=1, failed=True, secondary=True)


@pytest.mark.parametrize(
    ("replicas", "more", "found"),
    [
        ([RUNS, OTHER], {}, None),
        ([DONE, OTHER], {}, ("succeeded", "")),
        ([DONE, ECHO], {"failed_at": 9.9}, ("succeeded", "")),
        ([DONE, FAILED], {"failed_at": 9.9}, None),
        ([FAILED, OTHER], {"failed_at": 10 - SETTLE}, ("failed", "")),
        ([RUNS, ECHO], {"failed_at": 10 - SETTLE}, None),
        ([RUNS, ECHO], {"failed_at": 10 - SETTLE_SECONDARY}, ("failed", "")),
        ([RUNS, OTHER], {"deadline": 9.0}, ("failed", "timeout")),
        ([FAILED, OTHER], {"failed_at": 9.9, "deadline": 9.95}, None),
        ([DONE, OTHER], {"deadline": 9.0}, ("succeeded", "")),
        ([DONE, OTHER], {"cancelled": True}, ("cancelled", "cancelled")),
    ],
    ids=[
        "it goes on",
        "the decisive one is done",
        "who failed because that one left does not count",
        "who failed by itself does",
        "a failure has settled",
        "an echo is given longer",
        "but not for ever",
        "a deadline has passed",
        "a failure before the deadline is the cause",
        "success at the deadline is success",
        "a cancellation comes before all",
    ],
)
def test_the_verdict(replicas: list[One], more: dict[str, object], found: tuple[str, str] | None) -> None:
    known: dict[str, object] = {"now": 10.0, "cancelled": False, "failed_at": None, "deadline": None, **more}
    assert verdict(replicas, ["w-0"], **known) == found  # type: ignore[arg-type]  # a test may set any


RAISED = One("w-2", failed=True, raised=True)
SHORT = One("w-2", failed=True)


@pytest.mark.parametrize(
    ("replicas", "found"),
    [
        ([RUNS, OTHER, FAILED], "yes"),
        ([RUNS, One("w-1", failed=True, secondary=True), FAILED], "yes"),
        ([RUNS, FAILED, ECHO], "no"),
        ([DONE, OTHER, FAILED], "yes"),
        ([FAILED, OTHER, OTHER], "no"),
        ([RUNS, OTHER, RAISED], "no"),
        ([RUNS, FAILED, SHORT], "no"),
    ],
    ids=[
        "one of three is lost",
        "who failed because of that is started again, as long as its replica runs",
        "but not once that has ended",
        "who is done is not lost",
        "the first, where the others meet, cannot be",
        "an error of the code is no loss",
        "who is being killed for want of memory is as good as lost",
    ],
)
def test_an_elastic_job_of_two_at_least_goes_on(replicas: list[One], found: str) -> None:
    assert ("yes" if spared(replicas, 2) else "no") == found


def test_an_elastic_job_has_succeeded_when_all_that_are_left_have() -> None:
    known: dict[str, object] = {"now": 10.0, "cancelled": False, "failed_at": None, "deadline": None, "least": 1}
    assert verdict([DONE, OTHER], ["w-0", "w-1"], **known) is None  # type: ignore[arg-type]  # as above
    assert verdict([DONE, FAILED], ["w-0", "w-1"], **known) == ("succeeded", "")  # type: ignore[arg-type]  # as above


def test_workers_that_still_run_are_waited_for_and_parameter_servers_are_not() -> None:
    assert lingering([DONE, OTHER], endless=["ps-0"])
    assert not lingering([DONE, One("ps-0")], endless=["ps-0"])
    assert not lingering([DONE, One("w-1", code=0)], endless=[])
