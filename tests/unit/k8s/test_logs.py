from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from contextlib import aclosing
from typing import Any

import pytest

from ciao.k8s import logs
from ciao.k8s.errors import ApiError
from ciao.k8s.logs import Chunk, Cursor, Gap, NotReady, follow
from fakes.streams import CUT, STALL, Clock, Reply, Scripted, Step, refused

COMPLAINT = b"failed to create fsnotify watcher: too many open files"
REMOVED = b"unable to retrieve container logs for containerd://0123456789abcdef"
CURSOR = Cursor(uid="uid-1", restarts=0)


def line(second: int, text: str = "", *, minute: int = 0) -> bytes:
    return f"2026-01-01T12:{minute:02d}:{second:02d}.500000000Z {text or f'line {second}'}\n".encode()


def lines(*seconds: int) -> bytes:
    return b"".join(line(second) for second in seconds)


def pod(*, uid: str = "uid-1", restarts: int = 0) -> dict[str, Any]:
    statuses = [{"name": "other", "restartCount": 9}, {"name": "main", "restartCount": restarts}]
    return {"metadata": {"name": "pod", "uid": uid}, "status": {"containerStatuses": statuses}}


class Followed:
    """A follower of a scripted kubelet. A step ``ends`` in a stream says that the container has ended."""

    def __init__(self, *streams: Iterable[Step], requests: Iterable[Reply] = ()) -> None:
        self.api = Scripted(requests=requests, streams=streams)
        self.clock = Clock()
        self.ended = asyncio.Event()

    @property
    def since(self) -> list[str | None]:
        return [asked.get("sinceTime", "")[11:] for asked in self.api.opened]

    async def told(self, *, cursor: Cursor = CURSOR, **options: Any) -> list[Chunk | Gap]:
        """To its end."""
        options = {"pace": self.clock.pace(), "ended": self.ended, **options}
        told = follow(self.api, namespace="ns", pod="pod", container="main", cursor=cursor, **options)
        async with aclosing(told), asyncio.timeout(30):
            return [one async for one in told]

    async def text(self, **options: Any) -> bytes:
        """To its end; a gap is a line of its own."""
        told = await self.told(**options)
        return b"".join(one.data if isinstance(one, Chunk) else b"gap\n" for one in told)


def ending(*streams: Iterable[Step], requests: Iterable[Reply] = (), after: int = 0) -> Followed:
    """The container ends with the stream of that number."""
    followed = Followed(*streams, requests=requests)
    followed.api.streams[after].append(followed.ended.set)
    return followed


async def test_a_log_is_read_to_its_end_and_a_last_read_shows_that_nothing_is_missing() -> None:
    followed = ending([lines(1, 2)], [lines(2)])
    assert await followed.text() == lines(1, 2)
    first, last = followed.api.opened
    assert first == {
        "path": "/api/v1/namespaces/ns/pods/pod/log",
        "container": "main",
        "timestamps": "true",
        "follow": "true",
    }
    assert (last["sinceTime"], "follow" in last) == ("2026-01-01T12:00:01Z", False)
    assert followed.api.asked == []


async def test_what_came_after_a_cut_that_looked_like_an_end_is_in_the_last_read() -> None:
    followed = ending([lines(1)], [lines(1, 2, 3)])
    assert await followed.text() == lines(1, 2, 3)


async def test_an_end_of_the_stream_is_not_the_end_of_the_container() -> None:
    followed = ending([lines(1)], [lines(1)], [lines(1, 2)], [lines(2)], after=2)
    assert await followed.text() == lines(1, 2)
    assert len(followed.api.opened) == 4


async def test_a_container_that_ended_before_needs_one_read_and_a_look_at_whose_lines_they_are() -> None:
    followed = Followed([lines(1, 2)], requests=[pod()])
    followed.ended.set()
    assert await followed.text() == lines(1, 2)
    assert "follow" not in followed.api.opened[0]


async def test_a_last_line_without_a_newline_is_given_once() -> None:
    done = line(2, "done").rstrip(b"\n")
    followed = ending([lines(1) + done], [lines(1) + done])
    assert await followed.text() == lines(1) + line(2, "done")


async def test_a_connection_that_breaks_goes_on_where_it_was() -> None:
    followed = ending([lines(1, 2) + line(3)[:20], CUT], [lines(2, 3)], [lines(3)], after=1)
    assert await followed.text() == lines(1, 2, 3)
    assert followed.since[:2] == ["", "12:00:01Z"]
    assert followed.clock.slept == [0.5]


@pytest.mark.parametrize(
    "trouble",
    [CUT, refused(401), refused(429), refused(500), refused(502), refused(503)],
    ids=["reset", "401", "429", "500", "502", "503"],
)
async def test_what_may_heal_is_tried_again(trouble: Step) -> None:
    followed = ending([lines(1), CUT], [trouble], [lines(1, 2)], [lines(2)], after=2)
    assert await followed.text() == lines(1, 2)
    assert followed.clock.slept == [0.5, 1.0]


async def test_cuts_of_a_log_that_is_silent_between_them_do_not_make_the_pauses_longer() -> None:
    followed = ending([line(1), CUT], [CUT], [CUT], [CUT], [CUT], [lines(1, 2)], [lines(2)], after=5)
    for steps in followed.api.streams[1:5]:
        steps.insert(0, followed.clock.passes(60))
    assert await followed.text() == lines(1, 2)
    assert followed.clock.slept == [0.5] * 5


async def test_a_server_that_names_a_pause_gets_it() -> None:
    followed = ending([refused(429, retry_after=7)], [lines(1)], [lines(1)], after=1, requests=[pod()])
    assert await followed.text() == lines(1)
    assert followed.clock.slept == [7.5]


async def test_a_cluster_out_of_reach_is_waited_for_without_an_end() -> None:
    followed = Followed([lines(1), CUT], *[[CUT]] * 100, [lines(1, 2)])
    followed.api.streams[0].insert(1, followed.ended.set)
    assert await followed.text() == lines(1, 2)
    assert sum(followed.clock.slept) > 2000


async def test_lines_lost_to_rotation_are_told() -> None:
    followed = ending([lines(1, 2), CUT], [lines(7, 8)], [lines(8)], after=1, requests=[pod()])
    one, gap, two = await followed.told()
    assert isinstance(one, Chunk)
    assert isinstance(gap, Gap)
    assert isinstance(two, Chunk)
    assert (gap.after[11:19], gap.before[11:19]) == ("12:00:02", "12:00:07")
    assert two.data == lines(7, 8)


async def test_a_rotation_during_a_stream_loses_nothing_and_is_not_told() -> None:
    followed = ending([lines(1), lines(2, 3)], [], requests=[pod()])
    assert await followed.text() == lines(1, 2, 3)


async def test_an_empty_file_after_a_cut_may_have_lost_lines() -> None:
    followed = ending([lines(1), CUT], [], requests=[pod()])
    followed.api.streams[0].insert(1, followed.ended.set)
    assert await followed.text() == lines(1) + b"gap\n"


async def test_an_unfinished_line_alone_in_a_new_file_may_have_lost_those_before_it() -> None:
    followed = ending([lines(1)], [line(9, "done").rstrip(b"\n")], requests=[pod()])
    assert await followed.text() == lines(1) + b"gap\n" + line(9, "done")


async def test_a_kubelet_without_watches_left_is_asked_again_and_again() -> None:
    again = [[lines(1, 2), COMPLAINT], [lines(1, 2, 3), COMPLAINT]]
    followed = ending([lines(1), COMPLAINT], *again, [lines(3)], after=2)
    assert await followed.text() == lines(1, 2, 3)
    assert followed.clock.slept == [0.5, 0.5]


async def test_a_log_that_was_removed_after_its_end_lacks_nothing() -> None:
    followed = ending([lines(1)], [REMOVED])
    assert await followed.text() == lines(1)


async def test_a_log_that_was_removed_before_it_was_read_is_told() -> None:
    followed = Followed([REMOVED])
    followed.ended.set()
    assert await followed.text() == b"gap\n"


async def test_a_pod_that_is_gone_ends_the_log() -> None:
    followed = Followed([lines(1)], [refused(404)], requests=[refused(404)])
    assert await followed.text() == lines(1)


async def test_a_pod_that_is_gone_in_the_middle_of_a_stream_may_have_said_more() -> None:
    followed = Followed([lines(1), CUT], [refused(404)], requests=[refused(404)])
    assert await followed.text() == lines(1) + b"gap\n"


@pytest.mark.parametrize("more", [line(2), line(2)[:33]], ids=["a line", "half a line"])
async def test_a_pod_that_is_gone_after_a_stream_that_broke_may_have_said_more(more: bytes) -> None:
    followed = Followed([lines(1)], [lines(1) + more, CUT], [refused(404)], requests=[refused(404)])
    assert await followed.text() == lines(1) + more * more.endswith(b"\n") + b"gap\n"


async def test_a_kubelet_that_has_just_started_does_not_know_its_pods_yet() -> None:
    followed = ending([lines(1), CUT], [refused(404)], [lines(1, 2)], [lines(2)], after=2, requests=[pod()])
    assert await followed.text() == lines(1, 2)


@pytest.mark.parametrize(
    "refusal",
    [refused(204), refused(400, 'container "c" in pod "p" is waiting to start: ContainerCreating')],
    ids=["not scheduled", "not started"],
)
async def test_a_log_that_is_not_there_yet_is_for_the_caller_to_wait_for(refusal: ApiError) -> None:
    with pytest.raises(NotReady):
        await Followed([refusal]).text()


async def test_a_container_that_never_started_has_an_empty_log() -> None:
    followed = Followed([refused(204)])
    followed.ended.set()
    assert await followed.text() == b""


@pytest.mark.parametrize("code", [400, 403, 422])
async def test_what_does_not_heal_is_raised_at_once(code: int) -> None:
    followed = Followed([refused(code)])
    with pytest.raises(ApiError):
        await followed.text()
    assert followed.clock.slept == []


async def test_a_node_that_does_not_answer_after_the_end_is_given_up_and_told() -> None:
    followed = Followed([lines(1), CUT], *[[refused(502, "the node does not answer")]] * 99)
    followed.api.streams[0].insert(1, followed.ended.set)
    *_, last = await followed.told()
    assert last == Gap(after=line(1)[:30].decode(), before="", reason="the node does not answer")
    assert 60 <= sum(followed.clock.slept) < 120


async def test_the_lines_of_a_restarted_container_do_not_come_into_the_log_of_the_one_before() -> None:
    followed = Followed([lines(1)], [line(9, "new")], [lines(1, 2)], requests=[pod(restarts=1)])
    assert await followed.text() == lines(1, 2)
    assert followed.api.opened[2]["previous"] == "true"


async def test_the_lines_of_a_pod_that_took_the_name_do_not_come_into_the_log_of_the_old_one() -> None:
    followed = Followed([lines(1)], [line(9, "new")], requests=[pod(uid="uid-2")])
    assert await followed.text() == lines(1)


async def test_a_container_that_said_nothing_does_not_take_the_words_of_its_successor() -> None:
    followed = Followed([], [line(9, "new")], [], requests=[pod(restarts=1)] * 2)
    assert await followed.text() == b""


@pytest.mark.parametrize("new", [b"", line(9, "new")], ids=["silent", "talking"])
async def test_a_container_that_was_restarted_before_anybody_listened_is_read_all_the_same(new: bytes) -> None:
    followed = Followed([new], [lines(1, 2)], requests=[pod(restarts=1)] * 2)
    followed.ended.set()
    assert await followed.text() == lines(1, 2)


async def test_a_container_that_was_restarted_twice_has_lost_the_end_of_its_log() -> None:
    followed = Followed([lines(1), CUT], [line(9, "new")], requests=[pod(restarts=2)])
    assert await followed.text() == lines(1) + b"gap\n"


async def test_what_is_not_proven_does_not_count() -> None:
    new = lines(7)
    followed = ending([lines(1), CUT], [new], [new], [new], after=2, requests=[CUT, pod()])
    assert await followed.text() == lines(1) + b"gap\n" + new


async def test_the_previous_instance_is_read_and_the_log_ends() -> None:
    followed = Followed([lines(1, 2)])
    assert await followed.text(previous=True) == lines(1, 2)
    assert followed.api.opened[0]["previous"] == "true"


async def test_a_previous_instance_of_which_nothing_is_left_is_told() -> None:
    followed = Followed([refused(400, 'previous terminated container "c" in pod "p" not found')])
    assert await followed.text(previous=True) == b"gap\n"


async def test_a_silent_stream_is_turned_without_loss_and_without_a_pause() -> None:
    followed = ending([lines(1), STALL], [lines(1, 2)], [lines(2)], after=1)
    assert await followed.text(idle=0.01) == lines(1, 2)
    assert followed.clock.slept == []


async def test_a_silent_stream_of_an_ended_container_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "DRAIN", 0.01)
    followed = Followed([lines(1), STALL], [lines(1, 2)])
    asyncio.get_running_loop().call_later(0.01, followed.ended.set)
    assert await followed.text() == lines(1, 2)


async def test_the_end_of_a_container_cuts_a_pause_short() -> None:
    followed = Followed([lines(1)], [lines(1)])

    async def never(seconds: float) -> None:
        followed.ended.set()
        await asyncio.Event().wait()

    pace = Clock().pace()
    assert await followed.text(pace=type(pace)(sleep=never, now=pace.now, random=pace.random)) == lines(1)


async def test_another_process_goes_on_from_a_cursor() -> None:
    data = line(1, "same") + line(1, "same") + lines(2)
    first = Followed([data[:-9]])
    told = follow(first.api, namespace="ns", pod="pod", container="main", cursor=CURSOR, ended=first.ended)
    async with aclosing(told):
        chunk = await anext(told)
    assert isinstance(chunk, Chunk)
    saved = json.loads(json.dumps(chunk.cursor.as_json()))
    second = ending([data], [data])
    assert chunk.data + await second.text(cursor=Cursor.of_json(saved)) == data
    assert second.since[0] == "12:00:00Z"


async def test_closing_a_follower_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    told = follow(Followed([lines(1), STALL]).api, namespace="ns", pod="p", container="c", ended=asyncio.Event())
    async with aclosing(told):
        await anext(told)
    assert asyncio.all_tasks() == before
