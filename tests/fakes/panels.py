"""Jobs in every state that a panel shows, as values."""

from __future__ import annotations

from ciao.frontends.display.packing import Shown
from ciao.frontends.display.status import Stage, View
from ciao.model import Failure, Outcome, Phase, ReplicaState, ReplicaStatus

__all__ = ["NOW", "VIEWS", "job"]

NOW = 1_795_442_602.0  # 2026-11-23 14:03:22 UTC

NO_ROOM = (
    "none of 3 nodes has enough cpu free (2 Insufficient cpu, 1 node(s) were not ready). It starts when others end; "
    "or ask for less"
)


def job(states: str, role: str = "worker", reason: str = "") -> dict[str, ReplicaStatus]:
    """A letter for each replica: ``w``aiting, ``r``unning, ``s``ucceeded, ``f``ailed, ``e``nded; ``.`` is not known."""
    known = {state.value[0]: state for state in ReplicaState}
    return {
        f"{role}-{n}": ReplicaStatus(
            replica=f"{role}-{n}", state=known[letter], since=NOW - 60, reason=reason if letter in "wf" else ""
        )
        for n, letter in enumerate(states)
        if letter in known
    }


def _view(replicas: dict[str, ReplicaStatus], **more: object) -> View:
    given: dict[str, object] = {
        "name": "pytorch-x2v9q",
        "where": "kind-ciao/team-a",
        "framework": "pytorch",
        "expected": tuple(replicas),
        "replicas": replicas,
        "asked": NOW - 125,
        "started": NOW - 65,
        "now": NOW,
    }
    return View(**{**given, **more})  # type: ignore[arg-type]  # any field


_FAILURE = Failure(
    replica="worker-2", kind="exception", time=NOW, ename="ValueError", evalue="loss is nan at step 1200 of epoch 3"
)
_FOUR = tuple(f"worker-{n}" for n in range(4))

VIEWS: dict[str, View] = {
    "preparing": _view({}, name="", expected=_FOUR, started=None),
    "packing": _view({}, expected=_FOUR, started=None, packing=Shown("pushing the code: 24 of 50 MB, 12 MB/s", "")),
    "waiting": _view(job("wwww", reason=NO_ROOM), started=None),
    "running, some wait": _view(job("rrrw", reason=NO_ROOM)),
    "running": _view(job("rrrr")),
    "two roles": _view(
        job("rr", "ps") | job("s", "chief") | job("rrrrrrrr"),
        framework="tensorflow",
        attempt=(2, 3),
        name="mnist-bc4fz",
    ),
    "one": _view(job("r", "master"), where="local"),
    "100": _view(job("r" * 37 + "wwww" + "r" * 59, reason="its image is being pulled")),
    "1000": _view(
        job("r" * 420 + "." + "w" * 30 + "r" * 429 + "wwrr" * 30, reason=NO_ROOM)
        | job("." * 420 + "f", reason="OOMKilled: it used more memory than its limit of 8Gi"),
        expected=tuple(f"worker-{n}" for n in range(1000)),
    ),
    "failed": _view(
        job("eefe"), outcome=Outcome(phase=Phase.FAILED, ended=NOW, failure=_FAILURE, attempts=2, others=(_FAILURE,))
    ),
    "succeeded": _view(job("ssss"), outcome=Outcome(phase=Phase.SUCCEEDED, ended=NOW)),
    "cancelling": _view(job("rrrr"), stage=Stage("cancelling", NOW - 3)),
    "cancelled": _view(job("eeee"), outcome=Outcome(phase=Phase.CANCELLED, ended=NOW)),
    "refused": _view({}, name="", expected=_FOUR, started=None, stage=Stage("refused", NOW)),
    "left": _view(job("rrrr"), stage=Stage("background", NOW), latest=dict.fromkeys(_FOUR, "")),
    "background": _view(
        job("rrrr"),
        latest={
            "worker-0": "epoch 3  step 1200  loss 0.4132",
            "worker-1": "epoch 3  step 1198  loss 0.4329  <b>not bold</b>",
            "worker-2": "\x1b[31mepoch 3\x1b[0m  step 1201  " + "loss 0.4201 " * 40,
            "worker-3": "",
        },
    ),
}
"""By what is seen."""
