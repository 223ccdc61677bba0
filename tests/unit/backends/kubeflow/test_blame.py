"""Of several failures one is the cause; which, is told once none that is earlier can still show."""

from __future__ import annotations

from dataclasses import replace

from ciao.backends.kubeflow.blame import SETTLE, SETTLE_SECONDARY, Blame
from ciao.model import Failure, RemoteError

RAISED = RemoteError(ename="ValueError", evalue="no")
OWN = Failure(kind="exception", replica="worker-1", time=3.0, ename="ValueError", evalue="no", error=RAISED)
ECHO = replace(OWN, replica="worker-0", time=2.0, ename="ConnectionResetError", secondary=True)
LOST = Failure(kind="lost", replica="worker-2", time=1.0, ename="PodDeleted", evalue="it was deleted")
KILLED = Failure(kind="signal", replica="worker-1", time=4.0, ename="OOMKilled", evalue="it used too much")


def test_the_cause_is_who_did_not_fail_because_of_another_however_late() -> None:
    blame = Blame()
    blame.raised(ECHO, now=2.5)
    assert (blame.since, blame.settles()) == (2.5, SETTLE_SECONDARY)
    blame.raised(OWN, now=3.5)
    assert (blame.since, blame.settles()) == (2.5, SETTLE)
    assert blame.first() == (OWN, (ECHO,))


def test_too_much_memory_is_the_cause_of_what_was_raised() -> None:
    blame = Blame()
    blame.raised(OWN, now=3.5)
    blame.add(KILLED, now=4.5)
    assert blame.of("worker-1") == replace(KILLED, error=OWN.error, time=OWN.time)


def test_what_a_suspension_ended_has_not_failed() -> None:
    blame = Blame()
    blame.add(LOST, now=1.5)
    assert blame.forgive_stopped() == {"worker-2"}
    assert (blame.any(), blame.since, blame.first()) == (False, None, (None, ()))


def test_a_loss_of_an_elastic_job_is_the_cause_only_if_nothing_was_raised() -> None:
    blame = Blame(most=2)
    assert blame.spares(LOST)
    assert [notice.level for notice in blame.spare("u", LOST)] == ["warning"]
    blame.raised(ECHO, now=2.5)
    assert (blame.since, blame.first()) == (None, (LOST, (ECHO,)))
    blame.raised(OWN, now=3.5)
    assert (blame.since, blame.first()[0]) == (3.5, OWN)


def test_only_an_elastic_job_goes_on_without_a_replica() -> None:
    assert not Blame().spares(LOST)
