"""What a cell shows of a job that it has let go of."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ciao.frontends.notebook import watch as watching
from ciao.frontends.notebook.interrupt import Interrupt
from ciao.frontends.notebook.watch import Watch
from ciao.model import Created, Outcome
from fakes.jobs import finished, summary


async def test_the_panel_tells_an_end_once_the_next_cell_would_tell_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sees it may run that cell at once; and between the last event of a run and its end other things happen."""
    told: list[str] = []
    pub = SimpleNamespace(publish=lambda data, **_: told.append(data["text/plain"]))
    endings: Any = SimpleNamespace(keep=lambda _: None, add=lambda job, _: told.append(f"the next cell has {job}"))
    watch = Watch(cast(Any, SimpleNamespace(display_pub=pub)), Interrupt(), where="local", endings=endings)
    done: Future[Outcome | None] = Future()
    watch.run = cast(Any, SimpleNamespace(done=done))
    watch.listen(Created(job=summary("jax-1").job))
    watch.close()
    looks = [lambda: watch.listen(finished()), lambda: None, lambda: done.set_result(finished().outcome)]

    def wait(_: object, timeout: float) -> Any:
        looks.pop(0)()
        return SimpleNamespace(done=done.done())

    monkeypatch.setattr(watching, "wait", wait)
    watch._afterwards(False)  # noqa: FBT003  # a thread's argument
    assert [text.partition(" ")[0] for text in told[-2:]] == ["the", "succeeded"]
