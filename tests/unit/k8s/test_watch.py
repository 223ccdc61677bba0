from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

import pytest

from ciao.k8s.base import PODS, Manifest
from ciao.k8s.changes import Change, Fresh, Stale, Synced, Told
from ciao.k8s.errors import ApiError
from ciao.k8s.watch import watch
from fakes.streams import CUT, STALL, Clock, Reply, Scripted, Step, refused


def pod(name: str, version: int, *, uid: str = "", **fields: Any) -> Manifest:
    metadata = {"name": name, "namespace": "ns", "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, **fields}


def page(*items: Manifest, version: int = 10, more: str = "") -> Manifest:
    return {"kind": "PodList", "items": items, "metadata": {"resourceVersion": str(version), "continue": more}}


def event(kind: str, item: Manifest) -> bytes:
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


def failed(code: int, **details: Any) -> bytes:
    return event("ERROR", {"kind": "Status", "code": code, "message": "it failed", "details": details})


def added(name: str, version: int) -> bytes:
    return event("ADDED", pod(name, version))


def bookmark(version: int) -> bytes:
    return event("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": str(version)}})


class Watched:
    """A watch of a scripted server, and the clock that it waits by."""

    def __init__(self, *, requests: Iterable[Reply], streams: Iterable[Iterable[Step]] = (), **options: Any) -> None:
        self.api = Scripted(requests=requests, streams=streams)
        self.clock = Clock()
        pace = options.pop("pace", None) or self.clock.pace()
        self._told: AsyncGenerator[Told, None] = watch(self.api, PODS, namespace="ns", pace=pace, **options)

    async def told(self, count: int) -> list[str]:
        """So many in short: ``ADDED one 5``."""
        async with aclosing(self._told), asyncio.timeout(30):
            return [short(await anext(self._told)) for _ in range(count)]

    async def settles(self) -> list[str]:
        """All that comes until nothing does; the script ends in a stall."""
        seen = list[str]()

        async def listen() -> None:
            async for told in self._told:
                seen.append(short(told))

        task = asyncio.create_task(listen())
        for _ in range(500):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await self._told.aclose()
        return seen

    @property
    def versions(self) -> list[str]:
        return [asked["resourceVersion"] for asked in self.api.opened]


def short(told: Told) -> str:
    match told:
        case Change():
            return f"{told.kind} {told.object['metadata']['name']} {told.object['metadata']['resourceVersion']}"
        case Stale():
            return f"stale since {told.since:.0f}: {told.reason}"
        case Synced() | Fresh():
            return type(told).__name__


async def test_what_is_there_is_told_then_synced_then_every_change() -> None:
    watched = Watched(
        requests=[page(pod("one", 3))],
        streams=[[added("two", 11), event("MODIFIED", pod("one", 12)), event("DELETED", pod("two", 13)), STALL]],
    )
    assert await watched.told(5) == ["ADDED one 3", "Synced", "ADDED two 11", "MODIFIED one 12", "DELETED two 13"]
    assert watched.api.asked == [{"path": "/api/v1/namespaces/ns/pods", "limit": "500"}]


async def test_a_watch_asks_for_bookmarks_and_for_an_end_of_its_own() -> None:
    watched = Watched(requests=[page()], streams=[[added("one", 11), STALL]], label_selector="a=b")
    await watched.told(2)
    (asked,) = watched.api.opened
    assert asked["allowWatchBookmarks"] == "true"
    assert asked["labelSelector"] == "a=b"
    assert 240 <= int(asked["timeoutSeconds"]) <= 300
    assert watched.api.idles[0] > int(asked["timeoutSeconds"])


async def test_a_long_list_comes_in_pages_with_the_version_of_the_last() -> None:
    watched = Watched(requests=[page(pod("one", 1), version=10, more="next"), page(pod("two", 2), version=10)])
    assert await watched.settles() == ["ADDED one 1", "ADDED two 2", "Synced"]
    assert [asked.get("continue") for asked in watched.api.asked] == [None, "next"]
    assert watched.versions == ["10"]


async def test_a_page_that_is_too_old_begins_the_list_anew_and_at_once() -> None:
    replies: list[Reply] = [page(pod("one", 1), more="next"), refused(410), page(pod("one", 1), pod("two", 2))]
    watched = Watched(requests=replies)
    assert await watched.settles() == ["ADDED one 1", "ADDED two 2", "Synced"]
    assert watched.clock.slept == []


async def test_a_clean_end_goes_on_at_the_last_version_without_another_list() -> None:
    watched = Watched(requests=[page()], streams=[[added("one", 11)], [bookmark(20)], [STALL]])
    assert await watched.settles() == ["Synced", "ADDED one 11"]
    assert watched.versions == ["10", "11", "20"]
    assert len(watched.api.asked) == 1


async def test_a_watch_that_ends_in_peace_and_silence_needs_no_pause() -> None:
    clock = Clock()
    watched = Watched(requests=[page()], streams=[[clock.passes(280)], [STALL]], pace=clock.pace())
    await watched.settles()
    assert watched.versions == ["10", "10"]
    assert clock.slept == []


async def test_a_watch_that_ends_at_once_is_not_asked_for_again_at_once() -> None:
    watched = Watched(requests=[page()], streams=[[], [], [STALL]])
    await watched.settles()
    assert watched.clock.slept == [0.5, 1.0]


@pytest.mark.parametrize("expired", [failed(410), refused(410)], ids=["event", "answer"])
async def test_a_version_that_is_too_old_makes_a_list_of_which_only_the_difference_is_told(expired: Step) -> None:
    first = page(pod("same", 1), pod("changed", 2), pod("gone", 3), pod("again", 4))
    second = page(pod("same", 1), pod("changed", 22), pod("again", 24, uid="another"), pod("new", 25), version=30)
    watched = Watched(requests=[first, second], streams=[[expired], [STALL]])
    seen = await watched.settles()
    assert seen[5:] == ["DELETED gone 3", "MODIFIED changed 22", "DELETED again 4", "ADDED again 24", "ADDED new 25"]
    assert watched.versions == ["10", "30"]
    assert watched.clock.slept == []


async def test_a_server_that_always_forgets_is_asked_ever_more_slowly() -> None:
    watched = Watched(requests=[page()] * 5, streams=[[failed(410)]] * 4 + [[STALL]])
    await watched.settles()
    assert watched.clock.slept == [1.0, 2.0, 4.0]
    assert len(watched.api.asked) == 5


async def test_an_event_under_another_uid_tells_that_the_old_object_is_gone() -> None:
    again = event("ADDED", pod("one", 12, uid="another"))
    watched = Watched(requests=[page(pod("one", 3))], streams=[[again, event("DELETED", pod("one", 11)), STALL]])
    assert (await watched.settles())[2:] == ["DELETED one 3", "ADDED one 12"]


@pytest.mark.parametrize(
    "trouble",
    [failed(500), failed(429), refused(401), refused(503), CUT, b"<html>\n", b"[]\n"],
    ids=["event 500", "event 429", "401", "503", "reset", "no JSON", "no event"],
)
async def test_a_failure_goes_on_at_the_last_version_after_a_pause(trouble: Step) -> None:
    watched = Watched(requests=[page()], streams=[[added("one", 11), trouble], [added("two", 12), STALL]])
    assert await watched.settles() == ["Synced", "ADDED one 11", "ADDED two 12"]
    assert watched.versions == ["10", "11"]
    assert watched.clock.slept == [0.5]


async def test_half_an_event_is_forgotten_with_its_connection() -> None:
    half = added("two", 12)[:20]
    watched = Watched(requests=[page()], streams=[[added("one", 11), half, CUT], [added("two", 12), STALL]])
    assert await watched.settles() == ["Synced", "ADDED one 11", "ADDED two 12"]


async def test_events_come_in_pieces_cut_anywhere() -> None:
    data = added("one", 11) + added("two", 12)
    pieces: list[Step] = [data[i : i + 7] for i in range(0, len(data), 7)]
    watched = Watched(requests=[page()], streams=[[*pieces, STALL]])
    assert await watched.settles() == ["Synced", "ADDED one 11", "ADDED two 12"]


@pytest.mark.parametrize("asks", [refused(429, retry_after=7.0), failed(429, retryAfterSeconds=7)])
async def test_a_server_that_names_a_pause_gets_it(asks: Step) -> None:
    watched = Watched(requests=[page()], streams=[[asks], [STALL]])
    await watched.settles()
    assert watched.clock.slept == [7.5]


async def test_pauses_grow_to_half_a_minute_and_begin_anew_after_success() -> None:
    cut: list[Step] = [CUT]
    streams: list[list[Step]] = [*[cut] * 8, [bookmark(11), CUT], [STALL]]
    watched = Watched(requests=[page()] * 9, streams=streams)
    await watched.settles()
    told = watched.clock.slept  # a pause in which people's patience ends is made of two
    assert told == [0.5, 1, 2, 4, *(2.5, 5.5), *(10, 6), *(10, 20), *(10, 20), 0.5]


async def test_people_are_told_after_ten_seconds_even_within_a_pause() -> None:
    watched = Watched(requests=[page(), CUT, page()], streams=[*[[CUT]] * 5, [STALL]])
    assert await watched.settles() == ["Synced", "stale since 1000000: the connection broke", "Fresh"]
    assert sum(watched.clock.slept[:5]) == 10


async def test_pauses_are_spread_by_chance() -> None:
    clock = Clock()
    watched = Watched(requests=[page()], streams=[[CUT], [CUT], [STALL]], pace=clock.pace(chance=0.25))
    await watched.settles()
    assert clock.slept == [0.125, 0.25]


async def test_a_cluster_out_of_reach_is_told_once_and_what_was_missed_when_it_is_back() -> None:
    down: list[Step] = [CUT]
    watched = Watched(
        requests=[page(pod("one", 3)), CUT, CUT, page(pod("two", 20), version=30)], streams=[down] * 5 + [[STALL]]
    )
    seen = await watched.settles()
    assert seen[2:] == ["stale since 1000000: the connection broke", "Fresh", "DELETED one 3", "ADDED two 20"]
    assert len(watched.api.asked) == 4


async def test_a_short_outage_is_not_told_and_costs_no_list() -> None:
    watched = Watched(requests=[page()], streams=[[CUT], [CUT], [CUT], [STALL]])
    assert await watched.settles() == ["Synced"]
    assert len(watched.api.asked) == 1


async def test_cuts_of_a_watch_that_is_silent_between_them_do_not_add_up() -> None:
    clock = Clock()
    silent: list[Step] = [clock.passes(60), CUT]
    watched = Watched(requests=[page()], streams=[[CUT], *[silent] * 4, [STALL]], pace=clock.pace())
    assert await watched.settles() == ["Synced"]
    assert clock.slept == [0.5] * 5
    assert len(watched.api.asked) == 1


async def test_a_restart_of_the_server_is_forgiven_a_watch_that_was_cut_long_ago_and_is_silent() -> None:
    clock = Clock()
    starts = refused(403, "no rights yet")
    streams: list[list[Step]] = [[CUT], [clock.passes(600), CUT], [starts], [STALL]]
    watched = Watched(requests=[page()], streams=streams, pace=clock.pace())
    assert await watched.settles() == ["Synced"]


async def test_a_watch_that_is_answered_and_cut_at_once_has_not_worked() -> None:
    cut: list[Step] = [b"", CUT]
    watched = Watched(requests=[page(), page()], streams=[*[cut] * 5, [STALL]])
    assert await watched.settles() == ["Synced", "stale since 1000000: the connection broke", "Fresh"]


async def test_a_cluster_out_of_reach_from_the_start_is_told_too() -> None:
    watched = Watched(requests=[*[CUT] * 6, page()])
    assert await watched.settles() == ["stale since 1000000: the connection broke", "Fresh", "Synced"]


@pytest.mark.parametrize("code", [400, 403, 404])
async def test_what_does_not_heal_is_raised_at_once(code: int) -> None:
    watched = Watched(requests=[refused(code)])
    with pytest.raises(ApiError):
        await watched.told(1)
    assert watched.clock.slept == []


async def test_a_right_to_list_but_not_to_watch_is_an_error_at_once() -> None:
    watched = Watched(requests=[page()], streams=[[refused(403)]])
    with pytest.raises(ApiError):
        await watched.told(2)


async def test_a_watch_that_worked_survives_refusals_of_a_server_that_has_just_started() -> None:
    watched = Watched(requests=[page()], streams=[[added("one", 11), CUT], [refused(403)], [added("two", 12), STALL]])
    assert await watched.settles() == ["Synced", "ADDED one 11", "ADDED two 12"]


async def test_it_survives_them_also_if_the_server_was_away_for_longer_than_they_are_forgiven() -> None:
    down: list[Step] = [CUT]
    away: list[Reply] = [page(), CUT, CUT, refused(403), page(pod("one", 20))]
    watched = Watched(requests=away, streams=[[added("one", 11), CUT], *[down] * 4, [STALL]])
    assert (await watched.settles())[-2:] == ["Fresh", "MODIFIED one 20"]
    assert sum(watched.clock.slept) > 30


async def test_a_right_that_is_taken_away_for_good_is_an_error() -> None:
    forbidden: list[Step] = [refused(403)]
    streams: list[list[Step]] = [[added("one", 11)], *[forbidden] * 20]
    watched = Watched(requests=[page(), *[refused(403)] * 20], streams=streams)
    with pytest.raises(ApiError):
        await watched.told(20)
    assert 30 <= sum(watched.clock.slept) < 70


async def test_what_is_not_needed_is_not_held() -> None:
    heavy = pod("one", 3, spec={"large": 1})
    watched = Watched(requests=[page(heavy)], keep=lambda item: {"metadata": item["metadata"]})
    async with aclosing(watched._told) as told:
        first = await anext(told)
    assert isinstance(first, Change)
    assert first.object.keys() == {"metadata"}


async def test_the_record_of_fields_is_not_held_and_the_kind_of_a_list_is() -> None:
    listed = pod("one", 3)
    listed["metadata"]["managedFields"] = [{"manager": "kubelet"}]
    del listed["kind"], listed["apiVersion"]
    watched = Watched(requests=[page(listed)])
    async with aclosing(watched._told) as told:
        first = await anext(told)
    assert isinstance(first, Change)
    assert "managedFields" not in first.object["metadata"]
    assert (first.object["kind"], first.object["apiVersion"]) == ("Pod", "v1")


async def test_closing_a_watch_closes_its_connection() -> None:
    closed = asyncio.Event()

    class Closing(Scripted):
        async def stream(self, *args: Any, **options: Any) -> AsyncGenerator[bytes, None]:
            try:
                async for piece in super().stream(*args, **options):
                    yield piece
            finally:
                closed.set()

    told = watch(Closing(requests=[page()], streams=[[added("one", 11), STALL]]), PODS, namespace="ns")
    async with aclosing(told):
        await anext(told)
        await anext(told)
    assert closed.is_set()
