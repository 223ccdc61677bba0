"""What builds that were ended leave in a storage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ciao.s2i.command.leftovers import Yard

LIST, REMOVE = ("list",), ("remove",)


class Storage:
    def __init__(self, *containers: str) -> None:
        self.containers = list(containers)

    async def run(self, words: Sequence[str]) -> Sequence[str] | None:
        if words[0] == "remove":
            self.containers.remove(words[1])
        return tuple(self.containers)


async def test_a_build_that_was_ended_leaves_only_what_was_there_before() -> None:
    storage, yard = Storage("theirs"), Yard()
    await yard.enter(LIST, storage.run)
    storage.containers.append("ours")
    await yard.leave(LIST, REMOVE, storage.run, whole=False)
    assert storage.containers == ["theirs"]


async def test_a_build_that_came_to_its_end_is_not_cleaned_behind() -> None:
    storage, yard = Storage(), Yard()
    await yard.enter(LIST, storage.run)
    storage.containers.append("somebody's, begun meanwhile")
    await yard.leave(LIST, REMOVE, storage.run, whole=True)
    assert storage.containers == ["somebody's, begun meanwhile"]


async def test_while_another_build_is_at_work_nothing_is_removed() -> None:
    storage, yard = Storage(), Yard()
    await yard.enter(LIST, storage.run)
    await yard.enter(LIST, storage.run)
    storage.containers += ["of the first", "of the second"]
    await yard.leave(LIST, REMOVE, storage.run, whole=False)
    assert storage.containers == ["of the first", "of the second"]
    storage.containers.remove("of the second")
    await yard.leave(LIST, REMOVE, storage.run, whole=True)
    assert storage.containers == []


async def test_where_the_first_look_failed_nothing_is_taken_for_ours() -> None:
    storage, yard = Storage("theirs"), Yard()

    async def fails(_: Sequence[str]) -> None:
        return None

    await yard.enter(LIST, fails)
    storage.containers.append("ours")
    await yard.leave(LIST, REMOVE, storage.run, whole=False)
    assert storage.containers == ["theirs", "ours"]


async def test_while_another_kernel_builds_nothing_is_removed(tmp_path: Path) -> None:
    storage, here, there = Storage(), Yard(lock=tmp_path / "lock"), Yard(lock=tmp_path / "lock")
    await here.enter(LIST, storage.run)
    await there.enter(LIST, storage.run)
    storage.containers += ["of the one", "of the other"]
    await here.leave(LIST, REMOVE, storage.run, whole=False)
    assert storage.containers == ["of the one", "of the other"]
    await there.leave(LIST, REMOVE, storage.run, whole=False)
    assert storage.containers == []


async def test_without_a_place_for_the_lock_nothing_is_removed(tmp_path: Path) -> None:
    storage, yard = Storage(), Yard(lock=tmp_path / "missing" / "lock")
    await yard.enter(LIST, storage.run)
    storage.containers.append("ours, or not")
    await yard.leave(LIST, REMOVE, storage.run, whole=False)
    assert storage.containers == ["ours, or not"]
