"""The events of a job are remembered for each pod apart, so that none pushes out those of another."""

from __future__ import annotations

from typing import Any

from ciao.backends.kubeflow.said import FEW, MANY, Said


def event(number: int, *, pod: str = "", uid: str = "", **parts: Any) -> dict[str, Any]:
    of = {"kind": "Pod", "name": pod} if pod else {"kind": "PyTorchJob", "name": "j"}
    at = f"2026-11-23T05:{number // 60:02}:{number % 60:02}Z"
    return {"metadata": {"uid": uid or f"{pod}-{number}"}, "involvedObject": of, "lastTimestamp": at, "message": number}


def said(*events: dict[str, Any]) -> Said:
    said = Said()
    for one in events:
        said.add(one)
    return said


def messages(events: list[dict[str, Any]]) -> list[int]:
    return [one["message"] for one in events]


def test_events_are_in_the_order_of_their_times_whatever_came_first() -> None:
    assert messages(said(event(3), event(1), event(2)).of_job()) == [1, 2, 3]


def test_an_event_that_happens_again_is_remembered_once_as_it_was_last() -> None:
    assert messages(said(event(1, uid="a"), event(2), event(3, uid="a")).of_job()) == [2, 3]


def test_what_many_pods_say_does_not_push_out_what_is_said_of_the_job() -> None:
    pods = [event(number, pod=f"p-{number}") for number in range(10 * MANY)]
    known = said(event(0), *pods)
    assert messages(known.of_job()) == [0]
    assert messages(known.of_pod("p-7")) == [7]


def test_of_the_job_and_of_each_pod_the_last_events_are_remembered() -> None:
    known = said(*(event(n, pod=pod) for n in range(2 * MANY) for pod in ("", "p")))
    assert messages(known.of_job()) == list(range(MANY, 2 * MANY))
    assert messages(known.of_pod("p")) == list(range(2 * MANY - FEW, 2 * MANY))
