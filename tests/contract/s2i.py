"""What every strategy promises. A folder of tests gives the fixture ``place``, and takes all of this in:

    from contract.s2i import *

Those that build images with real builders may do so too, if they are quick enough.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Coroutine, Generator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

import ciao.runner
from ciao.errors import BundleError
from ciao.model import Bundle, Cell, Folder, JobSpec, Notice, Packing, Target
from ciao.s2i.base import S2IClient
from fakes.asked import job, spec

SOURCE = "# é 漢字\r\nprint('1')\n\n\t\n"


class Place(Protocol):
    """A strategy, and the places that its bundles lead to."""

    @property
    def strategy(self) -> S2IClient: ...

    @property
    def target(self) -> Target: ...

    async def seen(self, bundle: Bundle) -> Mapping[str, bytes]:
        """The files of the folder of the code, as a replica has them; those of its working directory in ``files``."""

    def named(self) -> set[str]:
        """Whatever can be found by a name at this moment, anywhere: images, folders of jobs."""


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a notebook, with a file in it, and a module of this machine beside it."""
    folder, modules = tmp_path / "book", tmp_path / "lib"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "table.bin").write_bytes(bytes(range(256)))
    (modules / "far").mkdir(parents=True)
    (modules / "far" / "__init__.py").write_text("there = 'é'\n", "utf-8")
    monkeypatch.syspath_prepend(modules)
    return folder


def asked(book: Path, code: str = SOURCE, **more: object) -> JobSpec:
    cell = Cell(text=code, number=7, notebook=str(book / "train.ipynb"))
    return dataclasses.replace(spec(code=code), cell=cell, **more)  # type: ignore[arg-type]  # any of its fields


async def built(place: Place, of: JobSpec) -> Bundle:
    return await place.strategy.build(of, job(of), place.target, lambda _: None)


async def test_the_code_is_there_byte_for_byte(place: Place, book: Path) -> None:
    bundle = await built(place, asked(book))
    assert (await place.seen(bundle))[bundle.entry] == SOURCE.encode()


async def test_the_runner_is_there_whole(place: Place, book: Path) -> None:
    found = await place.seen(await built(place, asked(book)))
    runner = {path.name: path.read_bytes() for path in Path(ciao.runner.__file__).parent.glob("*.py")}
    assert {name: found.get(f"ciao_runner/{name}") for name in runner} == runner


async def test_what_is_included_is_there_files_and_modules(place: Place, book: Path) -> None:
    found = await place.seen(await built(place, asked(book, include=("data/", "far"))))
    assert found["files/data/table.bin"] == bytes(range(256))
    assert found["modules/far/__init__.py"] == "there = 'é'\n".encode()


async def test_nothing_else_is_there(place: Place, book: Path) -> None:
    found = await place.seen(await built(place, asked(book)))
    assert {path.partition("/")[0] for path in found} == {"cell_7.py", "ciao_runner"}


async def test_a_plan_makes_nothing(place: Place, book: Path) -> None:
    before = place.named()
    await place.strategy.plan(asked(book, include=("data/",)), place.target)
    assert place.named() == before


async def test_a_plan_is_what_is_built(place: Place, book: Path) -> None:
    """A folder has its name only with the job."""
    of = asked(book, include=("data/",))
    planned = await place.strategy.plan(of, place.target)
    bundle = await built(place, of)
    assert planned.entry == bundle.entry
    assert isinstance(bundle, Folder) or planned == bundle


async def test_the_same_cell_is_the_same_bundle(place: Place, book: Path) -> None:
    of = asked(book, include=("data/",))
    first, second = job(of), dataclasses.replace(job(of), name="pytorch-other")
    bundles = [await place.strategy.build(of, one, place.target, lambda _: None) for one in (first, second)]
    assert isinstance(bundles[0], Folder) or bundles[0] == bundles[1]
    assert await place.seen(bundles[0]) == await place.seen(bundles[1])


async def test_another_cell_is_another_bundle(place: Place, book: Path) -> None:
    first, second = [asked(book, code) for code in ("print(1)\n", "print(2)\n")]
    again = dataclasses.replace(job(second), name="pytorch-other")
    bundles = [await built(place, first), await place.strategy.build(second, again, place.target, lambda _: None)]
    assert [(await place.seen(bundle))[bundle.entry] for bundle in bundles] == [b"print(1)\n", b"print(2)\n"]


async def test_a_refusal_says_what_to_do_and_leaves_nothing(place: Place, book: Path) -> None:
    before = place.named()
    for work in (
        built(place, asked(book, include=("gone.csv",))),
        place.strategy.plan(asked(book, include=("gone.csv",)), place.target),
    ):
        with pytest.raises(BundleError, match=r"gone\.csv") as caught:
            await work
        assert caught.value.hint
    assert place.named() == before


async def test_what_a_person_should_know_is_told_and_not_printed(
    place: Place, book: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    told: list[object] = []
    caplog.set_level(logging.INFO)
    of = asked(book)
    await place.strategy.build(of, job(of), place.target, told.append)
    assert all(isinstance(one, Packing | Notice) for one in told)
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name.startswith("ciao")]


class Interrupted:
    """Work that is cancelled when it waits for the ``stop``-th time."""

    def __init__(self, work: Coroutine[Any, Any, Bundle], stop: int) -> None:
        self._work = work
        self._stop = stop

    def __await__(self) -> Generator[Any, None, Bundle]:
        inner, waited = self._work.__await__(), 0
        thrown: BaseException | None = None
        while True:
            try:
                waits = next(inner) if thrown is None else inner.throw(thrown)
            except StopIteration as end:
                bundle: Bundle = end.value
                return bundle
            waited, thrown = waited + 1, None
            task = asyncio.current_task()
            if waited == self._stop and task is not None:
                task.cancel()
            try:
                yield waits
            except BaseException as error:  # noqa: BLE001  # passed on
                thrown = error


async def test_an_interrupt_at_any_moment_leaves_nothing_that_is_named(place: Place, book: Path) -> None:
    before = place.named()

    async def interrupted(stop: int) -> None:
        await Interrupted(built(place, asked(book, f"print({stop})\n", include=("data/",))), stop)

    for stop in range(1, 100):
        task = asyncio.ensure_future(interrupted(stop))
        await asyncio.wait([task])
        if not task.cancelled():
            break  # it never waited that often
        assert place.named() == before
    assert task.result() is None
    assert stop > 1
